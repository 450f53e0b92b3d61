"""Format rules: what a community says to a file's format, and which rule decided.

A rule names a format by its identifier (PRONOM's, or one of ours), by a named group of formats,
or by MIME type. The most precise rule wins: an identifier before a group, a group before a MIME
type, a group inside another group before the outer one. What is a group's meaning stands in the
effective policy itself, so that a policy means the same for ever.

Source: ``docs/reference/policy.md``, decision 105.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from enum import Enum
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

from preservation.model.deferred import dataclass

GROUP = "group:"

Groups = Mapping[str, tuple[str, ...]]  # a group's name -> identifiers and MIME types


class Standing(Enum):
    """What the policy's lists say of a format."""

    PREFERRED = "preferred"
    ACCEPTED = "accepted"
    UNLISTED = "unlisted"
    REFUSED = "refused"


class Action(Enum):
    """What becomes of a deposit with such a file; the strictest first."""

    REFUSE = "refuse"
    FLAG = "flag"
    ACCEPT = "accept"


class Ruling(NamedTuple):
    """A format's standing, and the entry of the lists that decided it; empty where none did."""

    standing: Standing
    by: str = ""


UNLISTED = Ruling(Standing.UNLISTED)
# Laid over each other: of two that are equally precise, the later one counts.
_LISTS = (Standing.ACCEPTED, Standing.PREFERRED, Standing.REFUSED)


@dataclass(frozen=True)
class FormatRules:
    """The format rules of one policy.

    Attributes:
        preferred, accepted, refused: identifiers, ``group:<name>``, MIME types.
        unlisted: for a format that no list names.
        unidentified: for a file whose format nobody knows.
        doubtful: for an identification that something speaks against.
        invalid: for a file that its format's own library cannot read.
        check: whether files are checked at all.
        groups: what the named groups mean.
    """

    preferred: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    unlisted: Action = Action.ACCEPT
    unidentified: Action = Action.ACCEPT
    doubtful: Action = Action.ACCEPT
    invalid: Action = Action.FLAG
    check: bool = True
    groups: Groups = field(default_factory=dict)

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> FormatRules:
        """Read ``intake.formats`` of an effective policy; one may be older than groups are."""
        return cls(
            preferred=tuple(data["preferred"]),
            accepted=tuple(data["accepted"]),
            refused=tuple(data["refused"]),
            unlisted=Action(data["unlisted"]),
            unidentified=Action(data["unidentified"]),
            doubtful=Action(data["doubtful"]),
            invalid=Action(data["invalid"]),
            check=data["check"] == "on",
            groups={name: tuple(some) for name, some in data.get("groups", {}).items()},
        )

    def ruling(self, local: str, puid: str, mime: str) -> Ruling:
        """What the lists say, by the most precise entry.

        Args:
            local: our own identifier, or empty; asked before ``puid``, which may be a parent's.
            puid: PRONOM's, or empty.
            mime: as it is reported, or empty; its parameters do not matter.
        """
        for name in filter(None, (local, puid, mime.partition(";")[0].strip())):
            found = self._listed.get(name) or self._grouped.get(name)
            if found is not None:
                return found
        return UNLISTED

    def preferred_formats(self) -> frozenset[str]:
        """Every identifier and MIME type that the policy prefers, its groups taken apart."""
        inner = (self.groups[name] for name in named_groups(self.preferred))
        return frozenset(self.preferred).union(*inner)

    @cached_property
    def _listed(self) -> dict[str, Ruling]:
        return {
            name: Ruling(standing, name)
            for standing in _LISTS
            for name in getattr(self, standing.value)
            if not name.startswith(GROUP)
        }

    @cached_property
    def _grouped(self) -> dict[str, Ruling]:
        named = [
            (name, standing)
            for standing in _LISTS
            for name in getattr(self, standing.value)
            if name.startswith(GROUP)
        ]
        # Stable: an inner group has fewer members than the outer one, and is laid over it.
        named.sort(key=lambda one: -len(self.groups[one[0].removeprefix(GROUP)]))
        return {
            member: Ruling(standing, name)
            for name, standing in named
            for member in self.groups[name.removeprefix(GROUP)]
        }


def named_groups(entries: Iterable[str]) -> list[str]:
    """The names of the groups among the entries of a list."""
    return [one.removeprefix(GROUP) for one in entries if one.startswith(GROUP)]


def contradictions(
    lists: Mapping[str, list[str]], groups: Groups
) -> Iterator[tuple[str, int, str, int, str]]:
    """Entries of different lists that no rule of precision tells apart.

    Args:
        lists: by name, their entries; groups that are not known are passed over.

    Yields:
        List and position of the one, list and position of the other, and the format at issue.
    """
    precise = {one for entries in lists.values() for one in entries if not one.startswith(GROUP)}
    members = {f"{GROUP}{name}": frozenset(inner) for name, inner in groups.items()}
    for (first, ours), (second, theirs) in combinations(lists.items(), 2):
        places = {one: number for number, one in reversed(list(enumerate(ours)))}
        grouped = {one: place for one, place in places.items() if one in members}
        for number, other in enumerate(theirs):
            if other in places:
                yield first, places[other], second, number, other
            elif other in members and "refused" in (first, second):
                for one, place in grouped.items():
                    shared = _shared(members[one], members[other], precise)
                    if shared:
                        yield first, place, second, number, shared


def _shared(ours: frozenset[str], theirs: frozenset[str], precise: set[str]) -> str:
    """A format about which two groups contradict each other; empty if there is none.

    An identifier beats a group, and what is preferred may be accepted too: neither is at issue.
    """
    if ours < theirs or theirs < ours:
        return ""  # the inner one wins
    return min((ours & theirs) - precise, default="")
