"""What the three lists of formats say together: groups that exist, and no contradiction."""

from __future__ import annotations

from preservation.policy.formats import GROUP, Groups, contradictions
from preservation.policy.problem import Problems, nearest, quoted
from preservation.policy.said import Said, Wrong

_LISTS = ("preferred", "accepted", "refused")


def check_formats(said: Said, groups: Groups, problems: Problems) -> None:
    """Tell each group that does not exist, and each pair of entries that contradict each other."""
    lists = {name: _entries(said, name) for name in _LISTS}
    for name, entries in lists.items():
        for number, one in enumerate(entries):
            if one.text.startswith(GROUP) and one.text.removeprefix(GROUP) not in groups:
                known = [f"{GROUP}{group}" for group in groups]
                problems.add(
                    one.at,
                    f"intake.formats.{name}[{number}]",
                    f"the group {quoted(one.text)}",
                    f"one of {len(known)} groups: `preserve formats groups` lists them",
                    code="POL-CROSS",
                    hint=nearest(one.text, known),
                )
    texts = {name: [one.text for one in entries] for name, entries in lists.items()}
    for first, number, second, other, about in contradictions(texts, groups):
        one, against = lists[second][other], lists[first][number]
        problems.add(
            one.at,
            f"intake.formats.{second}[{other}]",
            one.text if one.text == about else f"{one.text}, to which {about} belongs",
            f"formats that are not {first} ({against.text}, {against.at})",
            code="POL-CROSS",
            hint="take it out of one of the two lists"
            + (f", or say of {about} alone what it is" if one.text != about else ""),
        )


def _entries(said: Said, name: str) -> list[Said]:
    """The entries of a list, those that are wrong by themselves as empty texts."""
    listed = said.get("intake", "formats", name)
    return (
        [one if one.value is not Wrong else Said("", one.at) for one in listed.value]
        if listed
        else []
    )
