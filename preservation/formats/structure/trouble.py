"""What a cheap look at a file's structure finds wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Trouble(NamedTuple):
    """One thing that is wrong.

    Attributes:
        flag: ``truncated``, ``corrupted`` or ``encrypted``.
        why: for people.
    """

    flag: str
    why: str


Troubles = Iterator[Trouble]


def truncated(why: str) -> Trouble:
    """It ends before its own format says."""
    return Trouble("truncated", why)


def corrupted(why: str) -> Trouble:
    """Something in it cannot be so."""
    return Trouble("corrupted", why)


def shorter(octets: int, wanted: int, what: str) -> Troubles:
    """Truncated, if the file has fewer octets than its format wants."""
    if octets < wanted:
        yield truncated(f"{what}: {wanted:,} octets are told, {octets:,} are there")
