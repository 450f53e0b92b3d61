"""After the main job every promise is kept, nothing twice, and deposits stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from running import Archive


pytestmark = [pytest.mark.airflow, pytest.mark.slow]

SILK_ROAD, FIELD_NOTES = 5, 2  # sample deposits that are sound


def test_every_promised_replica_is_verified_and_every_promise_kept(
    archive: Archive, told: str
) -> None:
    status = archive.preserve("policy", "status", "--json")
    assert status.returncode == 0, status.stdout
    tiers = json.loads(status.stdout)["communities"]["silk-road"]["tiers"]
    assert {tier["tier"]: tier["verified"] for tier in tiers} == {
        "vault": SILK_ROAD,
        "mirror": SILK_ROAD,
        "deep": SILK_ROAD,
    }


def test_the_deposits_are_still_in_their_inbox(archive: Archive, told: str) -> None:
    samples = Path(__file__).parents[2] / "examples" / "deposits"
    for community, count in (("silk-road", SILK_ROAD), ("field-notes", FIELD_NOTES)):
        sent = {path.name for path in (samples / community).iterdir()}
        assert len(sent) == count
        assert sent <= {path.name for path in (archive.home / "inbox" / community).iterdir()}


def test_what_was_in_the_home_stays_and_nothing_is_taken_in_twice(
    archive: Archive, told: str
) -> None:
    before = json.loads(archive.preserve("aip", "list", "--json").stdout)["aips"]
    again = archive.preserve("ingest", "--inbox", "--json")
    assert json.loads(again.stdout)["deposits"] == []
    assert json.loads(archive.preserve("aip", "list", "--json").stdout)["aips"] == before
