"""The same, in the manner of a library that takes a batch at once."""

from __future__ import annotations

from typing import Any

from naughty_worker import one


def answer(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one(item) for item in items]
