"""One flipped byte is found, told, and healed by DAG runs."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def test_the_demo_finds_and_heals_the_byte_that_it_flipped(told: str) -> None:
    assert "1 altered" in told
    assert "again: healed" in told
    assert "All of it worked." in told
