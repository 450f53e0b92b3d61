"""Run in a worker by test_files_workers.py: it has something to load before it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LOADED: list[str] = []


def prepare() -> None:
    _LOADED.append("what is costly")


def answer(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for _ in items:
        yield {"prepared": bool(_LOADED)}
