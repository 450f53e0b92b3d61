"""Making and opening local tiers: nothing is taken over, nothing is guessed."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from killing import trace
from tiers import GOOD, KEY, contents, fill, sidecar

from preservation.errors import MalformedError, TierUnavailableError, UsageError
from preservation.files.held import HeldTar
from preservation.model.replica import Packaging, VersionKey
from preservation.policy.policy import TierSpec
from preservation.storage import place
from preservation.storage.local import LocalTier, create_tier
from preservation.storage.mount import Mount
from preservation.storage.open import open_tier


def spec(kind: str = "local", path: str = "tiers/vault") -> TierSpec:
    return TierSpec("vault", kind, path, "here", "us", "disk")


def test_a_tier_opens_below_its_home_and_says_when_it_is_not_there(tmp_path: Path) -> None:
    tier = open_tier(spec(), tmp_path)
    with pytest.raises(TierUnavailableError) as told:
        tier.check()
    assert told.value.code == "TIER-NO-MARKER"
    assert "mounted" in told.value.hint
    assert os.listdir(tmp_path) == []
    create_tier(tmp_path / "tiers" / "vault", "vault")
    tier.check()
    open_tier(spec(path=str(tmp_path / "tiers" / "vault")), Path("/elsewhere")).check()


def test_a_marker_is_not_called_away_where_no_file_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_tier(tmp_path / "vault", "vault")
    tier = LocalTier(tmp_path / "vault", "vault")

    def failing(_: Path) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(place, "read_small", failing)
    with pytest.raises(TierUnavailableError) as told:
        tier.check()
    assert told.value.code == "FS-OUT-OF-MEANS"


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="punch cards"):
        open_tier(spec(kind="punch cards"), tmp_path)


def test_a_folder_that_holds_other_things_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_bytes(b"")
    with pytest.raises(UsageError) as told:
        create_tier(tmp_path, "vault")
    assert told.value.code == "TIER-NOT-EMPTY"
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_another_tier_is_not_taken_over(tmp_path: Path) -> None:
    create_tier(tmp_path, "vault")
    with pytest.raises(UsageError) as told:
        create_tier(tmp_path, "mirror")
    assert told.value.code == "TIER-OTHER"
    LocalTier(tmp_path, "vault").check()


def test_a_refusal_names_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_tier(tmp_path, "vault")

    def refused(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "mkdir", refused)
    with pytest.raises(TierUnavailableError, match=r"vault: not permitted: .*incoming") as told:
        LocalTier(tmp_path, "vault").incoming(KEY, Packaging.FOLDER)
    assert (told.value.code, told.value.retry) == ("FS-DENIED", True)


def test_a_marker_is_read_without_blocking_or_following(tmp_path: Path) -> None:
    create_tier(tmp_path / "real", "vault")
    (tmp_path / "fake").mkdir()
    marker = tmp_path / "fake" / "samarkand-tier.json"
    marker.symlink_to(tmp_path / "real" / "samarkand-tier.json")
    with pytest.raises(TierUnavailableError):
        LocalTier(tmp_path / "fake", "vault").check()
    marker.unlink()
    os.mkfifo(marker)
    with pytest.raises(TierUnavailableError):
        LocalTier(tmp_path / "fake", "vault").check()


def test_a_bag_holds_regular_files_only(tmp_path: Path) -> None:
    create_tier(tmp_path, "vault")
    tier = LocalTier(tmp_path, "vault")
    incoming = tier.incoming(KEY, Packaging.FOLDER)
    fill(incoming, Packaging.FOLDER)
    (incoming.folder / "data" / "link").symlink_to("a")
    with pytest.raises(MalformedError, match="data/link"):
        incoming.commit(sidecar(Packaging.FOLDER))
    assert not tier.exists(KEY, Packaging.FOLDER)


@pytest.mark.parametrize("packaging", list(Packaging))
def test_what_is_kept_is_read_only(tmp_path: Path, packaging: Packaging) -> None:
    create_tier(tmp_path, "vault")
    incoming = LocalTier(tmp_path, "vault").incoming(KEY, packaging)
    fill(incoming, packaging)
    incoming.commit(sidecar(packaging))
    files = [path for path in (tmp_path / KEY.folder).rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o444}
    assert {path.stat().st_nlink for path in files} == {1}


def test_where_one_sync_is_not_enough_each_file_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_tier(tmp_path, "vault")
    tier = LocalTier(tmp_path, "vault")
    incoming = tier.incoming(KEY, Packaging.FOLDER)
    fill(incoming, Packaging.FOLDER)
    few = trace(incoming.settle).count("fsync")
    monkeypatch.setattr(Mount, "syncs_as_one", False)
    incoming = tier.incoming(KEY, Packaging.FOLDER)
    fill(incoming, Packaging.FOLDER)
    assert trace(incoming.settle).count("fsync") == few + len(GOOD) + 2  # data/, the bag itself


def test_a_tar_is_read_past_the_page_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_tier(tmp_path, "vault")
    tier = LocalTier(tmp_path, "vault")
    incoming = tier.incoming(KEY, Packaging.TAR)
    fill(incoming, Packaging.TAR)
    incoming.commit(sidecar(Packaging.TAR))
    advice: list[int] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _fd, _at, _len, what: advice.append(what))
    held = tier.held(KEY, Packaging.TAR)
    assert isinstance(held, HeldTar)
    assert contents(held) == GOOD
    assert advice[0] == os.POSIX_FADV_DONTNEED


def test_writers_of_different_versions_do_not_meet(tmp_path: Path) -> None:
    create_tier(tmp_path, "vault")
    tier = LocalTier(tmp_path, "vault")
    keys = [VersionKey(KEY.community, KEY.aip, number) for number in range(1, 9)]

    def write(key: VersionKey) -> None:
        incoming = tier.incoming(key, Packaging.FOLDER)
        fill(incoming, Packaging.FOLDER)
        incoming.commit(sidecar(Packaging.FOLDER, key=key))

    with ThreadPoolExecutor(len(keys)) as threads:
        list(threads.map(write, keys))
    assert sorted(found.key for found in tier.sidecars()) == keys  # type: ignore[union-attr]


def test_a_tier_that_came_back_without_its_empty_folders_is_written_to(tmp_path: Path) -> None:
    create_tier(tmp_path, "vault")
    (tmp_path / ".incoming").rmdir()  # as after a copy by a tool that keeps files alone
    incoming = LocalTier(tmp_path, "vault").incoming(KEY, Packaging.FOLDER)
    fill(incoming, Packaging.FOLDER)
    incoming.commit(sidecar(Packaging.FOLDER))
    assert (tmp_path / KEY.place(Packaging.FOLDER)).is_dir()
