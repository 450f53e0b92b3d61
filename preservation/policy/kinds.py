"""The kinds of value that the policy language has.

Each kind knows its words for people, its JSON Schema, and how a text becomes the value that
the effective policy keeps. What a kind's pattern accepts is the whole truth about its form, so
that an ordinary schema validator and our checker say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from preservation.model.deferred import dataclass


class Weaker(Enum):
    """Which change of a value takes something from what was promised."""

    NEVER = "never"
    LESS = "a smaller value"
    MORE = "a larger value"
    REMOVED = "an entry removed"
    LATER = "a later choice in the list of allowed ones"
    SOONER = "an end where there was none, or an earlier one"
    RARER = "a larger value, or none at all"
    EMPTIED = "nobody named where somebody was"


_SWITCH = {"on": True, "off": False}


def _same(text: str) -> str:
    return text


def _plainly(value: Any) -> str:
    return str(value)


def _nothing_wrong(_: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of one form.

    Attributes:
        words: what is allowed, for people.
        pattern: the whole text must match; understood alike by Python and ECMA 262.
        value: what the effective policy keeps.
        wrong: says what is wrong with a text of the right form, beyond any schema; "" if nothing.
        spell: what people read for a kept value.
    """

    words: str
    pattern: str
    value: Callable[[str], Any] = _same
    wrong: Callable[[str], str] = _nothing_wrong
    spell: Callable[[Any], str] = _plainly

    def matches(self, text: str) -> bool:
        """True if the text has the form."""
        return re.fullmatch(self.pattern, text) is not None


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number, decimal, without sign."""

    least: int
    most: int
    unit: str = ""

    @property
    def words(self) -> str:
        """What is allowed, for people."""
        unit = f" {self.unit}" if self.unit else ""
        if self.least == self.most:
            return f"{self.least}{unit}"
        return f"a whole number from {self.least} to {self.most}{unit}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words, the strongest promise first."""

    values: tuple[str, ...]

    @property
    def words(self) -> str:
        """What is allowed, for people."""
        return " or ".join([", ".join(self.values[:-1]), self.values[-1]]).removeprefix(" or ")

    @property
    def truths(self) -> dict[bool, str]:
        """What YAML's truth values stand for: it reads ``off`` and ``on`` as such."""
        return {truth: word for word, truth in _SWITCH.items() if word in self.values}


@dataclass(frozen=True, slots=True)
class Listing:
    """A list. A community's list replaces the baseline's."""

    item: Kind
    words: str
    least: int = 0
    most: int = 1000
    must_have: str = ""  # a value that has to be among them
    named_by: str = ""  # the field of an item that tells items apart


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping whose names the administrator chooses."""

    key: Text
    item: Kind
    words: str
    must_have: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with fixed names.

    Attributes:
        one_of: exactly one of the fields stands there; such a record is replaced as a whole.
    """

    fields: tuple[Field, ...]
    one_of: bool = False
    words: str = "a mapping of fields"

    def named(self, name: str) -> Field | None:
        """The field of this name."""
        return next((one for one in self.fields if one.name == name), None)


Kind = Text | Integer | Choice | Listing | Table | Record


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the language.

    Attributes:
        default: in the spelling of YAML; None where somebody has to say a value.
        here: must be said in this very file or list item, not inherited.
        own: belongs to one community: not in the baseline.
        stored: the name in the effective policy, where it is another one.
    """

    name: str
    kind: Kind
    meaning: str
    example: str = ""
    default: Any = None
    here: bool = False
    own: bool = False
    stored: str = ""
    weaker: Weaker = Weaker.NEVER

    @property
    def key(self) -> str:
        """The name in the effective policy."""
        return self.stored or self.name


@dataclass(frozen=True, slots=True)
class Language:
    """What may stand in one kind of file."""

    file: str
    title: str
    top: Record
