"""Where each value of a community's policy comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from preservation.errors import UsageError
from preservation.model.deferred import dataclass
from preservation.policy.check import Checked
from preservation.policy.effective import used_tiers
from preservation.policy.language import COMMUNITY, TIER
from preservation.policy.said import BUILT_IN, Said, leaves


@dataclass(frozen=True, slots=True)
class Explained:
    """One effective value.

    Attributes:
        path: in the language of the files: ``audit.tiers.vault.max_age``.
        value: as it was written.
        source: ``silk-road.yaml:12``, ``baseline.yaml:3`` or ``default``.
    """

    path: str
    value: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return {"path": self.path, "value": self.value, "source": self.source}


def explain(checked: Checked, community: str) -> list[Explained]:
    """Every effective value of a community and who said it, in the order of the language; then
    those of the tiers that it uses.

    Raises:
        UsageError: no policy of this name, or a wrong one (``POL-NO-COMMUNITY``).
    """
    said = checked.said.get(community)
    if said is None:
        wrong = community in checked.communities
        raise UsageError(
            f"the policy of {community!r} is wrong" if wrong else f"no policy for {community!r}",
            hint="run `preserve policy check`"
            if wrong
            else f"there are policies for: {', '.join(checked.communities) or 'nobody'}",
            code="POL-NO-COMMUNITY",
        )
    rows = [*leaves(COMMUNITY.top, said), *_of_tiers(checked, said)]
    return [Explained(path, _written(leaf), str(leaf.at)) for path, leaf in rows]


def _of_tiers(checked: Checked, said: Said) -> Iterator[tuple[str, Said]]:
    """What is declared of the tiers; not what only tiers of another kind have."""
    for name in used_tiers(said):
        for path, leaf in leaves(TIER, checked.tiers[name], f"tiers.{name}"):
            if leaf.text or leaf.at != BUILT_IN:
                yield path, leaf


def _written(leaf: Said) -> str:
    if isinstance(leaf.value, list):
        return "[" + ", ".join(item.text for item in leaf.value) + "]"
    return leaf.text
