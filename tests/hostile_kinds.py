"""The register of hostile deposits: what makes each, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OK = "accepted"
NO = "rejected"
KEPT = "accepted or held already"  # no content is like any other that has none


@dataclass(frozen=True)
class Hostile:
    """One kind: what makes it, and what must come of it."""

    make: Callable[[Path], Path | None]
    outcome: str
    codes: frozenset[str]


KINDS: dict[str, Hostile] = {}


def becomes(
    outcome: str, *wanted: str
) -> Callable[[Callable[[Path], Path | None]], Callable[[Path], Path | None]]:
    """Register a kind: its outcome, and codes that must be among its findings."""

    def register(make: Callable[[Path], Path | None]) -> Callable[[Path], Path | None]:
        KINDS[make.__name__] = Hostile(make, outcome, frozenset(wanted))
        return make

    return register


def folder(at: Path) -> Path:
    at.mkdir()
    (at / "a.txt").write_bytes(b"one " + at.name.encode())
    return at
