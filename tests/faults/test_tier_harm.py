"""Tiers that harm: full, vanished, read-only, lying about their file system."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiers import (
    BAD,
    GOOD,
    KEY,
    FillingTier,
    LostReplyTier,
    VanishingTier,
    contents,
    fill,
    sidecar,
)

from preservation.errors import BusyError, NoSpaceError, NotNowError, TierUnavailableError
from preservation.files import durable
from preservation.model.replica import Packaging
from preservation.storage.local import LocalTier, create_tier

FOLDER, TAR = Packaging.FOLDER, Packaging.TAR


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create_tier(tmp_path / "tier", "vault")
    return tmp_path / "tier"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "samarkand-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    try:
        create_tier(place / "tier", "vault")
        yield place / "tier"
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill_up(path: Path) -> None:
    with path.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))


def test_a_full_disk_leaves_nothing_visible_and_room_for_the_next(small: Path) -> None:
    tier = LocalTier(small, "vault")
    incoming = tier.incoming(KEY, TAR)
    with pytest.raises(NoSpaceError):
        incoming.write(bytes(1 << 18) for _ in range(8))
    assert not tier.exists(KEY, TAR)
    assert list((small / ".incoming").iterdir()) == []
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR)
    incoming.commit(sidecar(TAR))
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_a_disk_too_full_for_a_sidecar_shows_no_replica(small: Path) -> None:
    tier = LocalTier(small, "vault")
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR)
    incoming.settle()
    fill_up(small / "ballast")
    with pytest.raises(NoSpaceError):
        incoming.commit(sidecar(TAR))
    assert tier.sidecar(KEY) is None
    (small / "ballast").unlink()
    tier.clear_unfinished(KEY)
    incoming = tier.incoming(KEY, TAR)
    fill(incoming, TAR)
    incoming.commit(sidecar(TAR))
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_a_read_only_disk_is_told_and_still_read(small: Path) -> None:
    tier = LocalTier(small, "vault")
    incoming = tier.incoming(KEY, FOLDER)
    fill(incoming, FOLDER)
    incoming.commit(sidecar(FOLDER))
    subprocess.run(["mount", "-o", "remount,ro", str(small.parent)], check=True)
    with pytest.raises(TierUnavailableError, match="read-only"):
        LocalTier(small, "vault").incoming(KEY, FOLDER)
    assert contents(tier.held(KEY, FOLDER)) == GOOD


def test_a_full_tier_in_the_middle_of_a_tar_keeps_nothing(root: Path) -> None:
    incoming = FillingTier(root, "vault").incoming(KEY, TAR)
    with pytest.raises(NoSpaceError):
        fill(incoming, TAR)
    assert list((root / ".incoming").iterdir()) == []


def test_a_lost_reply_ends_as_one_replica(root: Path) -> None:
    tier = LostReplyTier(root, "vault")
    incoming = tier.incoming(KEY, FOLDER)
    fill(incoming, FOLDER)
    with pytest.raises(TierUnavailableError):
        incoming.commit(sidecar(FOLDER))
    again = tier.incoming(KEY, FOLDER)
    fill(again, FOLDER, BAD)
    with pytest.raises(BusyError):
        again.commit(sidecar(FOLDER))
    assert contents(tier.held(KEY, FOLDER)) == GOOD
    assert list(tier.sidecars()) == [sidecar(FOLDER)]


@pytest.mark.parametrize("looks", [0, 1])
def test_a_tier_that_vanishes_is_never_missing_its_replicas(root: Path, looks: int) -> None:
    incoming = LocalTier(root, "vault").incoming(KEY, FOLDER)
    fill(incoming, FOLDER)
    incoming.commit(sidecar(FOLDER))
    tier = VanishingTier(root, "vault", looks)
    shutil.rmtree(root / KEY.community)  # what an unmounted disk looks like
    with pytest.raises(TierUnavailableError):
        tier.exists(KEY, FOLDER)


def _cannot(*_: object) -> None:
    raise NotNowError("cannot", code="FS-UNSUITABLE")


def _overwrites(src: durable.AnyPath, dst: durable.AnyPath) -> None:
    os.rename(src, dst)


def _does_nothing(*_: object) -> None:
    """Like a file system that acknowledges and forgets."""


@pytest.mark.parametrize(
    ("call", "lie"),
    [
        ("rename_exclusive", _cannot),
        ("rename_exclusive", _overwrites),
        ("rename_exclusive", _does_nothing),
        ("exchange", _cannot),
        ("exchange", _does_nothing),
    ],
)
def test_a_file_system_that_breaks_the_protocol_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, lie: Callable[..., None]
) -> None:
    create_tier(tmp_path / "good", "vault")
    monkeypatch.setattr(durable, call, lie)
    with pytest.raises(TierUnavailableError) as refused:
        create_tier(tmp_path / "tier", "vault")
    assert refused.value.code == "TIER-UNSUITABLE"
    assert not (tmp_path / "tier" / "samarkand-tier.json").exists()
    with pytest.raises(TierUnavailableError):
        LocalTier(tmp_path / "good", "vault").incoming(KEY, FOLDER)


def test_a_file_system_that_folds_case_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = os.mkdir

    def folding(path: durable.AnyPath, *args: int) -> None:
        head, tail = os.path.split(os.fsencode(path))
        mkdir(os.path.join(head, tail.lower()), *args)

    monkeypatch.setattr(os, "mkdir", folding)
    with pytest.raises(TierUnavailableError, match="names"):
        create_tier(tmp_path / "tier", "vault")


def test_a_write_lost_on_its_way_to_the_medium_stops_the_commit(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tier = LocalTier(root, "vault")
    incoming = tier.incoming(KEY, FOLDER)
    fill(incoming, FOLDER)

    def lost(_: durable.AnyPath) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable, "sync_tree", lost)
    with pytest.raises(TierUnavailableError, match="Input/output"):
        incoming.commit(sidecar(FOLDER))
    assert not tier.exists(KEY, FOLDER)
