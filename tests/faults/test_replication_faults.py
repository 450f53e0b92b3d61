"""Replication to several tiers while one of them, or the source, does harm; and EIO from below.

Whatever happens: the other targets are made, nothing false is said, and the next run completes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from homes import SILENCE, Archive
from preloading import preloaded

from preservation.errors import NotNowError
from preservation.replication.result import ReplicaResult

FILES = {f"{name}.bin": os.urandom(1 << 20) for name in "abcd"}
EIO = Path(__file__).parent / "eio.c"


def states(results: list[ReplicaResult]) -> dict[str, str]:
    return {made.tier: made.state for made in results}


def ends_whole(archive: Archive) -> None:
    """The next run completes: everything verified, once, and no finding was ever opened."""
    archive.replicate()
    assert archive.audit().outcomes["intact"] == 3
    standing = archive.standing()
    assert set(standing["replicas"].values()) == {"verified"}
    assert standing["findings"] == []
    assert len(standing["sidecars"]) == 3
    assert archive.unfinished() == []


@pytest.fixture
def one(archive: Archive) -> Archive:
    archive.ingest(archive.put("first", FILES))
    return archive


@pytest.fixture
def small(one: Archive) -> Iterator[Path]:
    """The mirror is a file system of 8 MiB."""
    place = one.tier("mirror")
    before = place.with_name("before")
    shutil.move(place, before)
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "samarkand-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    try:
        shutil.copytree(before, place, dirs_exist_ok=True)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_in_the_middle_costs_the_others_nothing(
    one: Archive, small: Path
) -> None:
    free = shutil.disk_usage(small).free
    # What is announced would fit; what belongs to a bag beside its payload does not.
    (small / ".tmp-ballast").write_bytes(bytes(free - sum(map(len, FILES.values())) - 8192))
    assert states(one.replicate()) == {"mirror": "not now", "deep": "verified"}
    assert list((small / ".incoming").iterdir()) == []
    (small / ".tmp-ballast").unlink()
    ends_whole(one)


def test_a_disk_that_became_read_only_costs_the_others_nothing(one: Archive, small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    assert states(one.replicate()) == {"mirror": "not now", "deep": "verified"}
    subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
    ends_whole(one)


def test_a_tier_that_is_away_for_a_day_is_neither_missing_nor_forgotten(one: Archive) -> None:
    one.replicate()
    one.ingest(one.put("second", {"b.txt": b"two"}))
    away = one.tier("mirror").with_name("unplugged")
    one.tier("mirror").rename(away)
    one.tier("mirror").mkdir()  # the mount point, empty
    for _ in range(3):
        one.clock.at += timedelta(hours=8)
        with contextlib.suppress(NotNowError):  # once nothing is due but on that tier
            assert states(one.replicate()) == {"mirror": "not now", "deep": "verified"}
        seen = one.audit()
        assert (seen.outcomes["missing"], seen.outcomes["unchecked"]) == (0, 1)
    assert list(one.tier("mirror").iterdir()) == []  # nothing was written to a mount point
    one.tier("mirror").rmdir()
    away.rename(one.tier("mirror"))
    assert states(one.replicate()) == {"mirror": "verified"}
    assert one.audit().outcomes["intact"] == 6
    assert one.standing()["findings"] == []


def test_two_replicators_of_one_aip_end_as_one(one: Archive) -> None:
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            try:
                one.replicate()
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    one.clock.at += timedelta(hours=1)  # time went on in the children
    ends_whole(one)
    told = one.told()
    assert {told["replication", "success", tier] for tier in ("mirror", "deep")} == {1}


# -- the medium fails under the program: a library answers EIO in the place of the kernel


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return preloaded(EIO, tmp_path_factory.mktemp("preloaded"))


def replicate_under(library: Path, archive: Archive, call: str, tier: str, at: int) -> int:
    """The exit code of ``preserve replicate`` when one system call on a tier fails."""
    program = [str(Path(sys.executable).parent / "preserve"), "--home", str(archive.home)]
    done = subprocess.run(
        [*program, "--policies", str(archive.policies), "replicate", "--json"],
        env=os.environ
        | {
            "LD_PRELOAD": str(library),
            "EIO_CALL": call,
            "EIO_PATH": f"/tiers/{tier}/",
            "EIO_AT": str(at),
        },
        capture_output=True,
        timeout=120,
    )
    json.loads(done.stdout)  # whatever happens, it is told as promised
    assert b"Traceback" not in done.stderr
    return done.returncode


@pytest.mark.parametrize(
    ("call", "tier", "at"),
    [("write", "mirror", 3), ("fsync", "deep", 1), ("read", "vault", 4), ("read", "deep", 2)],
)
def test_an_error_of_the_medium_is_never_taken_for_anything_else(
    one: Archive, library: Path, call: str, tier: str, at: int
) -> None:
    code = replicate_under(library, one, call, tier, at)
    assert code in (0, 4, 5)
    verified = {t for (t, _), state in one.standing()["replicas"].items() if state == "verified"}
    # Every replica that counts reads back now, without the library.
    with one.opened() as (parts, policy):
        for row in parts.catalogue.replicas():
            if row.tier in verified:
                found = parts.audit._checker.check(policy, row, SILENCE)
                assert found.outcome.value == "intact"
    one.replicate()
    one.repair()
    assert one.audit().outcomes["intact"] == 3
    assert set(one.standing()["replicas"].values()) == {"verified"}
