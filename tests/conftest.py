"""What tests of several rooms share."""

from __future__ import annotations

import pytest
from catalogues import catalogue, catalogue_url
from clocks import FakeClock
from homes import archive, ground
from private_postgres import postgres_server, postgres_url

__all__ = ["archive", "catalogue", "catalogue_url", "ground", "postgres_server", "postgres_url"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run first what forks hundreds of times: a fork costs what the tests before left in memory."""
    forking = ("each_kill", "killed_at")
    items.sort(key=lambda item: not any(hasattr(_module(item), name) for name in forking))


def _module(item: pytest.Item) -> object:
    return getattr(item, "module", None)
