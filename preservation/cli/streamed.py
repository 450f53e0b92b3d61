"""Rows of an answer that are made while it is written: there may be millions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

MOST_SHOWN = 1000  # rows of a table for people; JSON has all


class Streamed(list[dict[str, Any]]):
    """A JSON array whose rows are made while it is written.

    Args:
        rows: gives them from the first one, each time that it is called.
    """

    def __init__(self, rows: Callable[[], Iterator[dict[str, Any]]]) -> None:
        super().__init__()
        self._rows = rows

    def __bool__(self) -> bool:
        return next(self._rows(), None) is not None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._rows()
