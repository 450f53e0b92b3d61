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
