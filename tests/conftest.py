"""What tests of several rooms share."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from catalogues import catalogue, catalogue_url, pristine
from clocks import FakeClock
from homes import archive, ground, pattern_homes, scenes
from private_postgres import postgres_server, postgres_url

from preservation.fixity import helpers

__all__ = [
    "archive",
    "catalogue",
    "catalogue_url",
    "ground",
    "pattern_homes",
    "postgres_server",
    "postgres_url",
    "pristine",
    "scenes",
]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is heard, also where whoever started the tests ignores it, as in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are read by Python, as without a compiler: through what a test puts in `os`."""
    monkeypatch.setattr(helpers, "SMALL", None)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run first what forks hundreds of times: a fork costs what the tests before left in memory.

    Then files of many tests before those of few, so that several processes end together.
    """
    forking = ("each_kill", "killed_at")
    many = Counter(item.path for item in items)

    def order(item: pytest.Item) -> tuple[bool, int]:
        forks = any(hasattr(_module(item), name) for name in forking)
        return not forks, -many[item.path]

    items.sort(key=order)


def _module(item: pytest.Item) -> object:
    return getattr(item, "module", None)
