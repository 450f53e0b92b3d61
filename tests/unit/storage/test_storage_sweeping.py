"""What runs that never come back have left is swept, and nothing that anybody is at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from homes import SILENCE, Archive

from preservation.app.sweeping import sweep
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.rehearsal import rehearse

AIP = "0b3d6c5a-8f5e-4f4e-9d5b-0123456789ab"
TTL = timedelta(minutes=10)


@pytest.fixture
def littered(archive: Archive) -> Archive:
    """A home with one AIP, and with what three killed runs have left."""
    archive.ingest(archive.put("first", {"a.txt": b"one"}))
    archive.replicate()
    with archive.opened() as (parts, _):
        for packaging, number in ((Packaging.FOLDER, 1), (Packaging.TAR, 2)):
            incoming = parts.tiers["mirror"].incoming(VersionKey("notes", AIP, number), packaging)
            if packaging is Packaging.TAR:
                incoming.write([b"half"])
            else:
                (incoming.folder / "half").write_bytes(b"half")
    (archive.tier("deep") / ".incoming" / ".probe-0123").mkdir()
    (archive.tier("deep") / ".incoming" / "not ours").mkdir()
    (archive.home / "scratch" / AIP).mkdir()
    (archive.home / "scratch" / f"gathering-{AIP}.v1-mirror").mkdir()
    return archive


def left(archive: Archive) -> set[str]:
    places = [archive.home / "scratch", *archive.home.glob("tiers/*/.incoming")]
    return {path.name for place in places for path in Path(place).iterdir()}


def test_what_nobody_is_at_is_gone_after_a_day(littered: Archive) -> None:
    with littered.opened() as (parts, _):
        swept = {one.name for one in sweep(parts, SILENCE)}
    assert swept == {f"{AIP}.v1", f"{AIP}.v2.tar", ".probe-0123", AIP, f"gathering-{AIP}.v1-mirror"}
    assert left(littered) == {"not ours"}
    assert littered.audit().outcomes["intact"] == 3
    with littered.opened() as (parts, _):
        assert sweep(parts, SILENCE) == []


def test_what_a_day_has_not_passed_for_stays(littered: Archive) -> None:
    littered.clock.at = datetime.now(UTC) + timedelta(hours=23)
    before = left(littered)
    with littered.opened() as (parts, _):
        assert sweep(parts, SILENCE) == []
    assert left(littered) == before


def test_what_a_live_lease_owns_stays_however_old_it_is(littered: Archive) -> None:
    with littered.opened() as (parts, _):
        for name in (f"replica:{AIP} v1:mirror", f"deposit:{AIP}"):
            assert parts.catalogue.lease(name, TTL, littered.clock.now()) is not None
        sweep(parts, SILENCE)
    assert left(littered) == {"not ours", f"{AIP}.v1", AIP, f"gathering-{AIP}.v1-mirror"}


def test_a_tier_that_is_away_is_swept_later(littered: Archive) -> None:
    (littered.tier("mirror") / "samarkand-tier.json").rename(littered.home / "marker")
    with littered.opened() as (parts, _):
        assert ".probe-0123" in {one.name for one in sweep(parts, SILENCE)}
    assert f"{AIP}.v1" in left(littered)


def test_a_rehearsal_leaves_nothing_to_sweep(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        with parts.tiers["deep"].rehearsal() as room:
            list(rehearse(room))
        assert sweep(parts, SILENCE) == []
