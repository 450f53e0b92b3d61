"""Paths that policies name: no two of them may lie in each other, none in the home's own places.

Text only. Whether two names lead to one place through links or mounts is observed by the tiers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from preservation.model.deferred import dataclass
from preservation.policy.problem import Place

# What a home keeps beside its tiers and inboxes.
HOME_NAMES = frozenset(
    (
        "samarkand.toml",
        "catalogue.sqlite",
        "catalogue.sqlite-shm",
        "catalogue.sqlite-wal",
        "audit.rate",
        "cache",
        "drills",
        "events",
        "inventory",
        "receipts",
        "journal",
        "policies",
        "reports",
        "keys",
        "airflow",
        "salvage",
        "scratch",
    )
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody wants a path.

    Attributes:
        owner: the tier or community, for people: ``the tier vault``.
        path: checked by the language: no ``.``, ``..`` or empty parts.
    """

    path: str
    owner: str
    field: str
    at: Place
    is_tier: bool

    @property
    def parts(self) -> tuple[str, ...]:
        """The path's parts; an absolute path begins with an empty one."""
        return tuple(self.path.split("/"))

    def holds(self, other: Claim) -> bool:
        """True if the other path is this one, or lies in it."""
        return other.parts[: len(self.parts)] == self.parts

    @property
    def in_home_places(self) -> bool:
        """True if the path is one of the home's own places, or lies in one."""
        return self.parts[0] in HOME_NAMES


def overlaps(claims: Iterable[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Pairs of claims, the second on the first's path or in it. Each claim comes second at
    most once, so a thousand communities in one inbox give a thousand pairs, not a million.
    """
    around: list[Claim] = []
    for claim in sorted(claims, key=lambda one: (one.parts, one.at)):
        while around and not around[-1].holds(claim):
            around.pop()
        if around:
            yield around[-1], claim
        around.append(claim)
