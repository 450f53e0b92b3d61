"""The part of the policy language that says where the nightly machinery is put to the test."""

from __future__ import annotations

from collections.abc import Mapping

from preservation.policy.kinds import Field, Listing, Record, Weaker
from preservation.policy.problem import Place, Problems
from preservation.policy.said import Said, Wrong
from preservation.policy.texts import SOME_TIME, TIER_ID

_KINDS = ("local", "s3")  # of tiers that cost nothing to write to and to empty again

DRILL = Record(
    (
        Field(
            "every",
            SOME_TIME,
            "How often.",
            "every: 30d",
            "30d",
            weaker=Weaker.MORE,
        ),
        Field(
            "tiers",
            Listing(TIER_ID, "a list of tiers that keep this community's replicas", most=20),
            "Where replicas made for the purpose are harmed, to see that all of it is found and "
            "healed. Empty: nowhere. Never a locked, immutable, cold or billed tier.",
            "tiers: [mirror]",
            [],
            weaker=Weaker.REMOVED,
        ),
    )
)


def check_drill(
    said: Said, promised: Mapping[str, Said], tiers: Mapping[str, Said], problems: Problems
) -> None:
    """Tell tiers where no drill can be: whatever is written there stays, or costs.

    Args:
        promised: the tiers of the community's replicas.
        tiers: of ``tiers.yaml``.
    """
    asked = said.get("drill", "tiers")
    for number, one in enumerate(asked.value if asked else ()):
        if one.value is Wrong or one.value not in tiers:
            continue
        if one.value not in promised:
            _tell(problems, one.at, number, one.value, "a tier of this community's replicas")
        elif why := _unfit(tiers[one.value]):
            told = f"{one.value}, which {why}"
            _tell(problems, one.at, number, told, "a tier that is written and emptied for nothing")


def _unfit(tier: Said) -> str:
    """Why a drill on a tier leaves something behind; empty if it does not."""
    kind, locked = tier.get("kind"), tier.get("lock", "mode")
    immutable, price = tier.get("immutable"), tier.get("cost", "read")
    retrieval = tier.get("retrieval")
    if kind is not None and kind.value not in _KINDS:
        return f"is of kind {kind.value}"
    if locked is not None and locked.value != "none":
        return "locks what is written"
    if immutable is not None and immutable.value != "off":
        return "keeps what is written immutable"
    if price is not None and price.value:
        return "costs something to read"
    if retrieval is not None and retrieval.value:
        return "takes time until it can be read"
    return ""


def _tell(problems: Problems, at: Place, number: int, found: str, allowed: str) -> None:
    problems.add(
        at,
        f"drill.tiers[{number}]",
        found,
        allowed,
        code="POL-CROSS",
        hint="leave it out; drills on the other tiers test the same machinery",
    )
