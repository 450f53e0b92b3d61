"""What is observed about independence: the disks and servers under a folder, not its path."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from preservation.storage.mount import (
    Mount,
    failure_domain,
    magic_of,
    mount_in,
    mount_of,
    whole_disks,
)

TABLE = r"""
25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 25 0:40 / /srv rw - tmpfs tmpfs rw
31 25 8:17 / /srv/vault rw shared:7 master:2 - xfs /dev/sdb1 rw
32 25 0:41 / /srv/vault\040two rw - nfs4 nas:/export/two rw
33 25 0:42 / /mnt/again rw - ext4 /dev/sdc1 rw
34 25 0:43 / /mnt/again rw - fuse.sshfs me@far:/ rw
""".strip()


@pytest.mark.parametrize(
    ("path", "fstype"),
    [
        ("/", "ext4"),
        ("/srv", "tmpfs"),
        ("/srv/vault/x", "xfs"),
        ("/srv/vaults", "tmpfs"),
        ("/srv/vault two", "nfs4"),
        ("/mnt/again/x", "fuse.sshfs"),
    ],
)
def test_the_innermost_and_latest_mount_counts(path: str, fstype: str) -> None:
    assert mount_in(TABLE, path).fstype == fstype


@pytest.mark.parametrize(
    ("fstype", "source", "server"),
    [
        ("nfs4", "nas:/export/two", "nas"),
        ("nfs", "[fe80::1]:/x", "[fe80::1]"),
        ("cifs", "//nas/share", "nas"),
        ("fuse.sshfs", "me@far:/data", "far"),
    ],
)
def test_what_lies_on_one_server_fails_together(
    tmp_path: Path, fstype: str, source: str, server: str
) -> None:
    assert failure_domain(tmp_path, Mount("/", fstype, source)) == f"server {server}"


def test_two_folders_of_one_disk_fail_together(tmp_path: Path) -> None:
    domains = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        mount = mount_of(tmp_path / name)
        domains.add(failure_domain(tmp_path / name, mount))
    assert len(domains) == 1
    assert socket.gethostname() in domains.pop()


@pytest.mark.parametrize(
    ("fstype", "bypasses", "as_one"),
    [
        ("ext4", True, True),
        ("xfs", True, True),
        ("tmpfs", False, True),
        ("overlay", False, True),
        ("zfs", False, True),
        ("nfs4", False, False),
        ("fuse.sshfs", False, False),
        ("fuseblk", False, False),
    ],
)
def test_only_a_proven_file_system_is_said_to_read_the_medium(
    fstype: str, bypasses: bool, as_one: bool
) -> None:
    mount = Mount("/", fstype, "x")
    assert (mount.bypasses_cache, mount.syncs_as_one) == (bypasses, as_one)


def test_a_missing_folder_has_no_mount(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mount_of(tmp_path / "none")


def test_a_volume_is_traced_down_to_whole_disks(tmp_path: Path) -> None:
    for device, number in {"sda": "8:0", "sda/sda1": "8:1", "sdb": "8:16", "dm-0": "253:0"}.items():
        (tmp_path / device / "slaves").mkdir(parents=True)
        (tmp_path / device / "dev").write_text(number + "\n")
    (tmp_path / "sda/sda1/partition").write_text("1\n")
    (tmp_path / "dm-0/slaves/sda1").symlink_to(tmp_path / "sda/sda1")
    (tmp_path / "dm-0/slaves/sdb").symlink_to(tmp_path / "sdb")
    assert whole_disks(tmp_path / "sda") == {"8:0"}
    assert whole_disks(tmp_path / "sda/sda1") == {"8:0"}
    assert whole_disks(tmp_path / "dm-0") == {"8:0", "8:16"}
    assert whole_disks(tmp_path / "none") == set()


@pytest.mark.parametrize(
    ("mount", "cached", "remote"),
    [
        (Mount("/", "ext4", "/dev/vda1", 0xEF53), False, False),
        (Mount("/", "nfs4", "nas:/x", 0x6969), True, True),
        (Mount("/", "ext4", "/dev/vda1", 0x6969), True, True),  # the table is of another place
        (Mount("/", "unknown", "none", 0xFF534D42), True, True),
        (Mount("/", "autofs", "auto", 0xFE534D42), True, True),
        (Mount("/", "fuse.sshfs", "me@far:/x", 0x65735546), True, True),
        (Mount("/", "fuse.rclone", "remote:bucket", 0x65735546), True, True),
        (Mount("/", "fuse.s3fs", "s3fs", 0x65735546), True, False),
        (Mount("/", "fuseblk", "/dev/sdb1", 0x65735546), True, False),
        (Mount("/", "ext4", "/dev/vda1", 0x65735546), True, False),
        (Mount("/", "virtiofs", "share"), True, False),
    ],
)
def test_what_type_or_magic_number_calls_remote_may_answer_from_a_cache(
    mount: Mount, cached: bool, remote: bool
) -> None:
    assert (mount.has_cache_of_its_own, mount.is_remote) == (cached, remote)
    assert mount.bypasses_cache is not cached


def test_the_kernel_is_asked_itself_what_a_folder_is_on(tmp_path: Path) -> None:
    assert magic_of(Path("/proc")) == 0x9FA0
    mount = mount_of(tmp_path)
    assert mount.magic == magic_of(tmp_path)
    assert not mount.has_cache_of_its_own


def test_two_programs_that_name_no_server_are_one_failure_domain(tmp_path: Path) -> None:
    domains = {
        failure_domain(tmp_path, Mount(point, "fuse.s3fs", "s3fs")) for point in ("/one", "/two")
    }
    assert domains == {f"fuse.s3fs on {socket.gethostname()}"}
