"""What runs in the workers of ``test_files_workers_means``: it runs out of what an item names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def answer(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        if item["errno"]:
            raise OSError(item["errno"], "as the system says")
        yield item
