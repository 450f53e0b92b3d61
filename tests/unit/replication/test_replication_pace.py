"""A tier's bandwidth holds back all that is done there, and nothing that is done elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from homes import SILENCE, Archive

from preservation.fixity.rate import RateLimit
from preservation.model.progress import Progress
from preservation.storage.pace import paced

DATA = b"x" * 300_000
_TIER = {"kind": "local", "site": "here", "operator": "us", "technology": "disk"}


class Meter:
    """Counts, for each tier, what its limit was asked for; nobody waits."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.taken: dict[int, int] = {}
        made, meter = RateLimit.__init__, self

        def init(rate: RateLimit, octets_per_second: int | None, *rest: Any) -> None:
            made(rate, octets_per_second, *rest)
            meter.of[id(rate)] = octets_per_second or 0

        def take(rate: RateLimit, octets: int, *_: object) -> None:
            of = meter.of[id(rate)]
            meter.taken[of] = meter.taken.get(of, 0) + octets

        self.of: dict[int, int] = {}
        patch.setattr(RateLimit, "__init__", init)
        patch.setattr(RateLimit, "take", take)

    def times(self, per_second: int) -> int:
        """How often the payload went by, under one tier's limit, since the last question."""
        return self.taken.pop(per_second, 0) // len(DATA)


VAULT, MIRROR, DEEP = 1 << 20, 2 << 20, 3 << 20  # octets a second, to tell tiers apart


@pytest.fixture
def slow(ground: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Archive, Meter]:
    meter = Meter(monkeypatch)
    tiers = {
        name: {**_TIER, "path": f"tiers/{name}", "bandwidth": f"{n} MiB/s"}
        for n, name in enumerate(("vault", "mirror", "deep"), 1)
    }
    archive = Archive(ground, tiers=tiers)
    archive.ingest(archive.put("first", {"a.bin": DATA}))
    assert meter.times(VAULT) == 2  # packaged, and read back
    return archive, meter


def test_copying_and_reading_back_are_held_back_on_each_tier(slow: tuple[Archive, Meter]) -> None:
    archive, meter = slow
    archive.replicate()
    assert meter.times(VAULT) == 1  # one read for both
    assert meter.times(MIRROR) == 2  # written, and read back
    assert meter.times(DEEP) == 2


def test_checking_restoring_and_repairing_are_held_back(
    slow: tuple[Archive, Meter], tmp_path: Path
) -> None:
    archive, meter = slow
    archive.replicate()
    meter.taken.clear()
    archive.audit("deep")
    assert meter.times(DEEP) == 1
    with archive.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
        (tmp_path / "out").mkdir()
        parts.restore.restore(version, tmp_path / "out", SILENCE)
    assert sum(map(meter.times, (VAULT, MIRROR))) == 1
    place = next(archive.tier("deep").glob("notes/*/*/*/v1.tar"))
    place.chmod(0o600)
    place.write_bytes(place.read_bytes().replace(b"xxx", b"yxx", 1))
    archive.audit("deep")
    meter.taken.clear()
    assert [one.state for one in archive.repair()] == ["repaired"]
    # Looked at again, written aside, read back there, read back in its place.
    assert meter.times(DEEP) == 4
    assert sum(map(meter.times, (VAULT, MIRROR))) == 1


def test_without_a_limit_nothing_stands_between(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        progress: Progress = SILENCE
        assert paced(progress, parts.tiers["vault"]) is progress


def test_a_missing_replica_is_known_by_a_listing_and_an_intact_one_by_reading(
    archive: Archive,
) -> None:
    archive.ingest(archive.put("first", {"a.bin": DATA}))
    archive.replicate()
    next(archive.tier("deep").glob("notes/*/*/*/v1.tar")).unlink()
    archive.audit()
    with archive.opened() as (parts, _):
        seen = {r.tier: (r.outcome.value, r.level.value) for r in parts.catalogue.replicas()}
    assert seen == {
        "vault": ("intact", "E3"), "mirror": ("intact", "E3"), "deep": ("missing", "E0")
    }  # fmt: skip
