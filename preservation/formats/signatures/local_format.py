"""One row of our own table of formats, and the small tests that rows are told in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from functools import cache
from typing import TypeVar

from preservation.formats.sample import Sample
from preservation.model.deferred import dataclass

Test = Callable[[Sample], object]  # true if the sample is of that format

T = TypeVar("T", bound=Test)

NAMESPACE = "samarkand/"


@dataclass(frozen=True, slots=True)
class LocalFormat:
    """A format that PRONOM does not know, or that its signatures miss.

    Attributes:
        id: ``samarkand/…``; never renamed, never used for anything else.
        puid: PRONOM's identifier of exactly this format, where it has one.
        parents: PUIDs of true but coarser formats, which this one refines.
        wrong: PUIDs that PRONOM's signatures are known to give to it, wrongly.
        extensions: under which it is at home; the first one is the usual one.
        named: whether the test counts only under one of the extensions.
        settles: whether PRONOM knows the format, if at all, by its extensions alone, so that
            reading a text of it for PRONOM's signatures could only yield a false match.
        source: of the test: the clause of the format's own specification.
    """

    id: str
    name: str
    test: Test = field(compare=False)
    mime: str = ""
    version: str = ""
    puid: str = ""
    parents: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    extensions: tuple[str, ...] = ()
    named: bool = False
    settles: bool = False
    source: str = ""


def row(
    name: str,
    title: str,
    extensions: str,
    test: Test,
    source: str,
    *,
    mime: str = "",
    version: str = "",
    puid: str = "",
    parents: str = "",
    wrong: str = "",
    named: bool = False,
    settles: bool = False,
) -> LocalFormat:
    """A row, with its lists as words between spaces."""
    return LocalFormat(
        id=NAMESPACE + name,
        name=title,
        test=test,
        mime=mime,
        version=version,
        puid=puid,
        parents=frozenset(parents.split()),
        wrong=frozenset(wrong.split()),
        extensions=tuple(extensions.split()),
        named=named,
        settles=settles,
        source=source,
    )


def of_text(test: T) -> T:
    """Mark a test that only text can pass, so that no other file is asked."""
    _MARKS[test] = _Mark(text=True)
    return test


def beginning(characters: str) -> Callable[[T], T]:
    """Mark a test that only text can pass whose first character, after white space, is of these."""

    def mark(test: T) -> T:
        _MARKS[test] = _Mark(text=True, characters=characters)
        return test

    return mark


def starting(*starts: bytes) -> Callable[[T], T]:
    """Mark a test that only files can pass which begin so."""

    def mark(test: T) -> T:
        _MARKS[test] = _Mark(starts=starts)
        return test

    return mark


def magic(octets: bytes, offset: int = 0) -> Test:
    """These octets at this offset."""
    end = offset + len(octets)

    def test(sample: Sample) -> bool:
        return sample.head[offset:end] == octets

    return starting(octets)(test) if offset == 0 else test


def one_of(*starts: bytes) -> Test:
    """The file begins with one of these."""
    return starting(*starts)(lambda sample: sample.head.startswith(starts))


def words(start: str) -> Test:
    """Text that begins with these words, after white space."""
    return beginning(start[0])(lambda sample: sample.start.startswith(start))


def first_line(pattern: str, flags: int = 0) -> Test:
    """Text whose first line that is not blank matches."""
    return of_text(lambda sample: compiled(pattern, flags).match(sample.start))


def says(pattern: str, flags: int = re.MULTILINE, hint: str = "") -> Test:
    """Text that holds this somewhere in its head; first the hint is looked for, which is quick."""
    return of_text(
        lambda sample: hint in sample.prose and compiled(pattern, flags).search(sample.prose)
    )


@cache
def compiled(pattern: str, flags: int) -> re.Pattern[str]:
    """A pattern, made when it is first needed: a deposit without text needs hardly any."""
    return re.compile(pattern, flags)


def both(first: Test, second: Test) -> Test:
    """Two tests, the cheap one first."""

    def test(sample: Sample) -> object:
        return first(sample) and second(sample)

    _MARKS[test] = _MARKS.get(first) or _MARKS.get(second) or _Mark()
    return test


def inner(*starts: bytes) -> Test:
    """A compressed file whose content begins with one of these."""
    return starting(*COMPRESSED)(lambda sample: sample.inner.startswith(starts))


def can_match(one: LocalFormat, start: bytes, is_text: bool, character: str) -> bool:
    """Whether a file can be of a format at all.

    Args:
        start: its first octet.
        is_text: whether its head is text.
        character: the first of that text after white space.
    """
    mark = _MARKS.get(one.test, _Mark())
    if mark.starts:
        return any(wanted[:1] == start for wanted in mark.starts)
    if mark.text:
        return is_text and (not mark.characters or character in mark.characters)
    return one.named or not is_text


def is_of_text(one: LocalFormat) -> bool:
    """Whether only text can be of this format."""
    return _MARKS.get(one.test, _Mark()).text


COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is known of the files that a test can pass."""

    starts: tuple[bytes, ...] = ()
    text: bool = False
    characters: str = ""


_MARKS: dict[Test, _Mark] = {}
