"""What tests of several rooms share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from catalogues import catalogue, catalogue_url
from homes import archive, ground
from private_postgres import postgres_server, postgres_url

__all__ = ["archive", "catalogue", "catalogue_url", "ground", "postgres_server", "postgres_url"]


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, at: datetime = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
