"""The catalogue can be deleted: tiers and journal make the same again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from running import Archive


pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def test_the_catalogue_can_be_deleted_and_says_the_same_when_it_is_made_again(
    archive: Archive, told: str
) -> None:
    drained = archive.preserve("journal", "drain")
    assert drained.returncode == 0, drained.stderr
    check = archive.preserve("catalogue", "check", "--json")
    assert json.loads(check.stdout)["differences"] == []
