"""A tier that only a worker of its own can reach is known to others for a while."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from homes import Archive

from preservation.app.sightings import FRESH
from preservation.errors import TierUnavailableError


def test_what_a_tiers_own_worker_saw_counts_for_a_while(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        domain = parts.look_at("mirror")
    shutil.move(archive.tier("mirror"), archive.home / "elsewhere")  # as another worker sees it
    with archive.opened() as (parts, _):
        assert parts.observed()["mirror"] == domain
        archive.clock.at += FRESH + timedelta(minutes=1)
        assert "mirror" not in parts.observed()
        archive.clock.at -= 2 * FRESH + timedelta(minutes=2)  # a clock that jumped back
        assert "mirror" not in parts.observed()


def test_a_tier_that_its_own_worker_misses_is_away_at_once(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        parts.look_at("mirror")
        shutil.move(archive.tier("mirror"), archive.home / "elsewhere")
        with pytest.raises(TierUnavailableError):
            parts.look_at("mirror")
        assert "mirror" not in parts.observed()


def test_a_keeper_is_given_the_journal_by_its_own_worker_alone(archive: Archive) -> None:
    archive.ingest(archive.put("one", {"a.txt": b"1"}))
    with archive.opened() as (parts, _):
        keeper, other = parts.keepers
        drained = parts.drain(only=other)
        assert set(drained.copied) == {other}
        assert drained.events
        assert parts.drain(only=keeper).copied[keeper] == drained.copied[other]
