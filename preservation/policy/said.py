"""Values that remember who said them: the file, the line, or the language's default.

The three sources of a community's policy (its file, the baseline, the defaults) are laid over
each other here. Mappings merge, lists replace.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from preservation.model.deferred import dataclass
from preservation.policy.kinds import Choice, Field, Integer, Kind, Listing, Record, Table, Text
from preservation.policy.problem import Place

BUILT_IN = Place("")


class Wrong:
    """Stands where a value was refused, so that nothing is inherited in its stead."""


@dataclass(frozen=True, slots=True)
class Said:
    """A value and its place.

    Attributes:
        value: a scalar as the effective policy keeps it; a dict or list of ``Said``; ``Wrong``.
        text: a scalar as it was written.
    """

    value: Any
    at: Place
    text: str = ""

    def get(self, *names: str) -> Said | None:
        """What stands at a path of names; None if nothing, or something wrong, stands there."""
        here: Said | None = self
        for name in names:
            here = here.value.get(name) if here and isinstance(here.value, dict) else None
        return None if here is None or here.value is Wrong else here

    def items(self) -> list[Said]:
        """What is in the list, without what is wrong."""
        return [one for one in self.value if one.value is not Wrong]

    def plain(self, kind: Kind) -> Any:
        """The value as the effective policy keeps it, under the names that it uses."""
        if isinstance(kind, Record):
            named = ((one, self._field(one, kind.one_of)) for one in kind.fields)
            return {one.key: said.plain(one.kind) for one, said in named if said is not None}
        if isinstance(kind, Table):
            return {name: said.plain(kind.item) for name, said in self.value.items()}
        if isinstance(kind, Listing):
            return [said.plain(kind.item) for said in self.value]
        return self.value

    def _field(self, one: Field, one_of: bool) -> Said | None:
        """A field's value; of alternatives that were not chosen, the default."""
        said: Said | None = self.value.get(one.name)
        return default(one.kind, one.default, "") if said is None and one_of else said


def leaves(kind: Kind, said: Said, path: str = "") -> Iterator[tuple[str, Said]]:
    """Every scalar, and every list of scalars or of nothing, with its path."""
    if isinstance(kind, Record):
        for one in kind.fields:
            if one.name in said.value:
                yield from leaves(one.kind, said.value[one.name], join(path, one.name))
    elif isinstance(kind, Table):
        for name, inner in said.value.items():
            yield from leaves(kind.item, inner, join(path, name))
    elif isinstance(kind, Listing) and isinstance(kind.item, Record) and said.value:
        for number, inner in enumerate(said.value):
            yield from leaves(kind.item, inner, f"{path}[{number}]")
    else:
        yield path, said


def join(path: str, name: str) -> str:
    """Spell a path into a mapping."""
    return f"{path}.{name}" if path else name


def merge(kind: Kind, below: Said | None, above: Said | None) -> Said | None:
    """Lay one source over another."""
    if below is None or above is None:
        return above if below is None else below
    if not (isinstance(below.value, dict) and isinstance(above.value, dict)):
        return above
    if isinstance(kind, Record) and not kind.one_of:
        inner: dict[str, Kind] = {one.name: one.kind for one in kind.fields}
    elif isinstance(kind, Table):
        inner = dict.fromkeys((*below.value, *above.value), kind.item)
    else:
        return above
    merged = {
        name: merge(kind_of, below.value.get(name), above.value.get(name))
        for name, kind_of in inner.items()
    }
    return Said({name: said for name, said in merged.items() if said is not None}, above.at)


def fill(kind: Kind, said: Said, community: str) -> Said:
    """Put the language's defaults where nobody said anything."""
    if said.value is Wrong:
        return said
    if isinstance(kind, Record) and kind.one_of:
        return said
    if isinstance(kind, Record):
        filled = {one.name: _filled(one, said, community) for one in kind.fields}
        return Said({name: one for name, one in filled.items() if one is not None}, said.at)
    if isinstance(kind, Table):
        inner = {name: fill(kind.item, one, community) for name, one in said.value.items()}
        return Said(inner, said.at)
    if isinstance(kind, Listing):
        return Said([fill(kind.item, one, community) for one in said.value], said.at)
    return said


def _filled(one: Field, said: Said, community: str) -> Said | None:
    there = said.value.get(one.name)
    if there is not None:
        return fill(one.kind, there, community)
    if one.default is not None:
        return fill(one.kind, default(one.kind, one.default, community), community)
    if isinstance(one.kind, Record):
        return fill(one.kind, Said({}, BUILT_IN), community)
    return None


def default(kind: Kind, value: Any, community: str) -> Said:
    """A default of the language, read as if somebody had said it."""
    if isinstance(kind, Record):
        inner = {
            one.name: default(one.kind, value[one.name], community)
            for one in kind.fields
            if one.name in value
        }
        return Said(inner, BUILT_IN)
    if isinstance(kind, Listing):
        return Said([default(kind.item, item, community) for item in value], BUILT_IN)
    text = str(value).replace("<community>", community)
    match kind:
        case Integer():
            return Said(int(text), BUILT_IN, text)
        case Text() if text:
            return Said(kind.value(text), BUILT_IN, text)
        case Text() | Choice() | Table():
            return Said(text, BUILT_IN, text)
