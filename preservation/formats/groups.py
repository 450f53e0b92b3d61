"""Named groups of formats, and which better format to ask for instead of a refused one.

The groups ship as data with their sources (``data/groups.toml``). A policy that names one keeps
what it meant: see ``preservation.policy.formats``.

Source: ``docs/formats/format-groups.md``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from preservation.model.deferred import dataclass
from preservation.policy.formats import FormatRules, Groups

_NAMED = 4  # formats that an advice names at most


@dataclass(frozen=True, slots=True)
class Group:
    """One group.

    Attributes:
        better: what to ask for instead of its less lasting members, in words; empty where a
            group is no kind of content.
        source: a key of the data's sources.
        members: identifiers and MIME types, each with a name; of MIME types it is empty.
    """

    title: str
    better: str
    source: str
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GroupData:
    """The groups of one release of the data."""

    version: str
    sources: Mapping[str, str]
    groups: Mapping[str, Group]


@cache
def group_data() -> GroupData:
    """The groups as they ship; read once."""
    text = (resources.files("preservation.formats") / "data" / "groups.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return GroupData(
        version=data["version"],
        sources=data["sources"],
        groups={
            name: Group(one["title"], one.get("better", ""), one["source"], one["members"])
            for name, one in data["groups"].items()
        },
    )


@cache
def known_groups() -> Groups:
    """Every group with its members, as policies are checked against them."""
    return {name: tuple(group.members) for name, group in group_data().groups.items()}


def better_than(identifiers: Iterable[str], rules: FormatRules) -> str:
    """What to convert a refused file to: words for its kind, and what this community prefers.

    Args:
        identifiers: of the refused format, the finest first, its MIME type last.
        rules: of the community; only what they welcome is named.

    Returns:
        An order, or an empty text if nobody knows anything better.
    """
    named = [one for one in identifiers if one]
    kinds = [group for group in group_data().groups.values() if group.better]
    kind = next((group for one in named for group in kinds if one in group.members), None)
    welcome = rules.preferred_formats()
    if kind is None:
        return f"deposit instead one of: {', '.join(rules.preferred)}" if rules.preferred else ""
    here = [
        f"{name} ({one})"
        for one, name in kind.members.items()
        if name and one in welcome and one not in named
    ]
    asked = f"; preferred here: {', '.join(here[-_NAMED:])}" if here else ""
    return f"deposit instead: {kind.better}{asked}"
