"""JSON Lines: each line one value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.formats.checks.text import blocks
from preservation.model.format_check import Unchecked

LIBRARY = ""
MOST_LINE = 16 << 20  # octets


def check(subject: Subject) -> None:
    """UTF-8, and the syntax of every line; blank ones are passed over."""
    doubles = _Doubles()
    count = number = 0
    for number, line in enumerate(_lines(subject), 1):
        if not line.strip():
            continue
        try:
            json.loads(
                line,
                object_pairs_hook=doubles.count,
                parse_int=_unread,
                parse_float=_unread,
                parse_constant=_no_constant,
            )
        except UnicodeDecodeError as error:
            raise Invalid("encoding", f"line {number}: not UTF-8") from error
        except RecursionError as error:
            message = f"line {number} is nested deeper than can be followed"
            raise NotChecked(Unchecked.TOO_LARGE, message) from error
        except ValueError as error:
            raise Invalid("syntax", f"line {number}: {error}") from error
        count += 1
    subject.facts["values"] = count
    subject.facts["lines"] = number
    if doubles.seen:
        subject.facts["duplicate_keys"] = doubles.seen


def _lines(subject: Subject) -> Iterator[bytes]:
    rest = b""
    for block in blocks(subject):
        *whole, rest = (rest + block).split(b"\n")
        if len(rest) > MOST_LINE:
            raise NotChecked(Unchecked.TOO_LARGE, "a line is longer than 16 MiB")
        yield from whole
        subject.spend(0)
    if rest:
        yield rest


class _Doubles:
    """Counts names that stand twice in one object."""

    def __init__(self) -> None:
        self.seen = 0

    def count(self, pairs: list[tuple[str, Any]]) -> None:
        self.seen += len(pairs) - len({name for name, _ in pairs})


def _unread(_: str) -> None:
    return


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
