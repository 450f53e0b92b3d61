"""Versions that share blocks, on a real XFS: space is saved, contents and checks are the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tiers import KEY, contents, fill, sidecar

from preservation.model.replica import Packaging
from preservation.storage.local import LocalTier, create_tier
from preservation.storage.sharing import share

FOLDER = Packaging.FOLDER
MIB = 1 << 20
SECOND = replace(KEY, version=2)
FIRST_FILES = {b"tagmanifest-sha256.txt": b"one", b"data/same": os.urandom(20 * MIB + 5)}
SECOND_FILES = {**FIRST_FILES, b"tagmanifest-sha256.txt": b"two", b"data/new": os.urandom(MIB)}


@pytest.fixture(scope="module")
def xfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system with reflink, in a file. It needs root, loop devices and xfsprogs."""
    if shutil.which("mkfs.xfs") is None:
        reason = "there is no mkfs.xfs here (xfsprogs)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    folder = tmp_path_factory.mktemp("xfs")
    image, mount = folder / "image", folder / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(320 * MIB)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], check=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(mount)], capture_output=True)
    if done.returncode:
        pytest.skip(f"no loop device: {done.stderr.decode(errors='replace').strip()}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def committed(root: Path, *, sharing: bool) -> LocalTier:
    """Two versions of one AIP."""
    create_tier(root, "vault")
    tier = LocalTier(root, "vault", sharing=sharing)
    for key, files in ((KEY, FIRST_FILES), (SECOND, SECOND_FILES)):
        incoming = tier.incoming(key, FOLDER)
        fill(incoming, FOLDER, files)
        incoming.commit(sidecar(FOLDER, files, key))
    return tier


def used(mount: Path) -> int:
    os.sync()
    return shutil.disk_usage(mount).used


def test_equal_files_of_versions_take_their_space_once(xfs: Path) -> None:
    taken = []
    for sharing in (False, True):
        before = used(xfs)
        tier = committed(xfs / f"sharing-{sharing}", sharing=sharing)
        taken.append(used(xfs) - before)
        assert contents(tier.held(KEY, FOLDER)) == FIRST_FILES
        assert contents(tier.held(SECOND, FOLDER)) == SECOND_FILES
    assert taken[0] - taken[1] > 18 * MIB
    proofs = {
        one.what: one.holds
        for one in LocalTier(xfs / "sharing-True", "vault", sharing=True).prove()
    }
    assert proofs["lets equal files share their blocks"] is True


def test_what_differs_is_not_shared_and_a_change_of_one_is_none_of_the_other(xfs: Path) -> None:
    for name, data in (("a", b"x" * MIB), ("b", b"x" * (MIB - 4096) + b"y" * 4096)):
        (xfs / name).mkdir()
        (xfs / name / "file").write_bytes(data)
    os.sync()
    share(xfs / "a", xfs / "b")
    assert (xfs / "b/file").read_bytes() == b"x" * (MIB - 4096) + b"y" * 4096
    with (xfs / "a/file").open("r+b") as file:
        file.write(b"z" * 4096)
    assert (xfs / "b/file").read_bytes()[:4096] == b"x" * 4096


def test_where_a_file_system_can_not_share_nothing_changes(tmp_path: Path) -> None:
    tier = committed(tmp_path / "vault", sharing=True)
    assert contents(tier.held(SECOND, FOLDER)) == SECOND_FILES
