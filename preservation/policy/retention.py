"""How long AIP versions are kept, who decides about their disposal, and who may see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from preservation.model.deferred import dataclass
from preservation.policy.accounts import is_shared, person
from preservation.policy.kinds import Choice, Field, Integer, Listing, Record, Weaker
from preservation.policy.problem import Problems
from preservation.policy.said import BUILT_IN, Said
from preservation.policy.texts import ACCOUNT, DATE, EMBARGO, KEEP, REVIEW

MOST_APPROVALS = 5

KEEP_FIELD = Field(
    "keep",
    KEEP,
    "How long after ingest an AIP version is kept at least. What was kept so long is proposed for "
    "disposal; nothing is disposed of without approvals.",
    "keep: 10y",
    "forever",
    weaker=Weaker.SOONER,
)
APPROVALS_FIELD = Field(
    "approvals",
    Integer(1, MOST_APPROVALS),
    "How many people have to approve exactly the list of what is disposed of, or of the replicas "
    "that are retired.",
    "approvals: 2",
    2,
    weaker=Weaker.LESS,
)
RETENTION = Record(
    (
        KEEP_FIELD,
        Field(
            "review",
            REVIEW,
            "How often somebody looks whether an AIP version is still wanted; never: nobody is "
            "asked. A review can prolong what is kept, never shorten it.",
            "review: 5y",
            "never",
            weaker=Weaker.RARER,
        ),
        APPROVALS_FIELD,
        Field(
            "approvers",
            Listing(ACCOUNT, "a list of account names", most=100),
            "Who may approve. With none, anybody under an account of their own. An account that "
            "several people share counts once at most, and never alone.",
            "approvers: [archivist, director]",
            [],
            weaker=Weaker.EMPTIED,
        ),
    )
)

ACCESS = Record(
    (
        Field(
            "state",
            Choice(("restricted", "open")),
            "Who gets AIPs out again. restricted: staff, with a reason that is recorded.",
            "state: open",
            "open",
            weaker=Weaker.LATER,
        ),
        Field(
            "embargo",
            EMBARGO,
            "How long after ingest an AIP version is not given out; it ends by itself.",
            "embargo: 2y",
            "none",
            weaker=Weaker.LESS,
        ),
        Field(
            "embargo_until",
            DATE,
            "Until the beginning of which day (UTC) nothing of the community is given out.",
            'embargo_until: "2030-01-01"',
            "none",
            weaker=Weaker.LESS,
        ),
    )
)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long a version is kept, and who decides about its end."""

    keep: timedelta | None  # None: for ever
    review: timedelta | None  # None: nobody is asked
    approvals: int
    approvers: tuple[str, ...]  # empty: anybody under an account of their own

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> RetentionRule:
        """Build the value from its part of an effective document."""
        return cls(
            keep=timedelta(seconds=data["keep"]) or None,
            review=timedelta(seconds=data["review"]) or None,
            approvals=data["approvals"],
            approvers=tuple(data["approvers"]),
        )


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who gets a version out, where nothing else was said of it."""

    is_open: bool
    embargo: timedelta
    embargo_until: datetime | None

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> AccessRule:
        """Build the value from its part of an effective document."""
        day = data["embargo_until"]
        until = datetime.combine(date.fromisoformat(day), time(), UTC) if day else None
        return cls(data["state"] == "open", timedelta(seconds=data["embargo"]), until)

    def embargoed_until(self, ingested_at: datetime) -> datetime | None:
        """When the embargo of a version taken in then ends; None if there is none."""
        ends = [ingested_at + self.embargo] if self.embargo else []
        return max([*ends, *([self.embargo_until] if self.embargo_until else [])], default=None)


def check_retention(said: Said, problems: Problems) -> None:
    """Tell approvals that these approvers can never give."""
    wanted, approvers = said.get("retention", "approvals"), said.get("retention", "approvers")
    if wanted is None or approvers is None or not approvers.value:
        return
    names = [one.text for one in approvers.value]
    if len(_people(names)) < wanted.value - any(map(is_shared, names)) or not _people(names):
        at = wanted.at if wanted.at != BUILT_IN else approvers.at
        problems.add(
            at,
            "retention.approvals",
            f"{wanted.value} approvals by {', '.join(names)}",
            "approvers of whom so many can approve, one of them under an account of their own",
            code="POL-CROSS",
            hint="name more people, or ask for fewer approvals; shared accounts count once",
        )


def check_retention_floor(
    said: Said, floor: Said, tell: Callable[[str, Said, Said, str], None]
) -> None:
    """Tell what goes under the floor; ``tell`` takes path, promised, lowest and the bound."""
    keep, least = said.get("retention", "keep"), floor.get("retention", "keep")
    if keep and least and keep.value and (not least.value or keep.value < least.value):
        tell("retention.keep", keep, least, "at least")
    asked, fewest = said.get("retention", "approvals"), floor.get("retention", "approvals")
    if asked and fewest and asked.value < fewest.value:
        tell("retention.approvals", asked, fewest, "at least")


def _people(names: Iterable[str]) -> set[str]:
    return {person(name) for name in names if not is_shared(name)}


def floor_fields() -> Record:
    """What a floor can say about retention."""
    return Record(
        tuple(
            Field(one.name, one.kind, one.meaning, one.example)
            for one in (KEEP_FIELD, APPROVALS_FIELD)
        )
    )
