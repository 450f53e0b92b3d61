"""Where each value of a community's policy comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from preservation.errors import UsageError
from preservation.policy.check import Checked
from preservation.policy.language import COMMUNITY
from preservation.policy.said import Said, leaves


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
    """Every effective value of a community and who said it, in the order of the language.

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
    return [
        Explained(path, _written(leaf), str(leaf.at)) for path, leaf in leaves(COMMUNITY.top, said)
    ]


def _written(leaf: Said) -> str:
    if isinstance(leaf.value, list):
        return "[" + ", ".join(item.text for item in leaf.value) + "]"
    return leaf.text
