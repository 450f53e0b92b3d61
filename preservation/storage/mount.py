"""Where a folder really is: its file system, and the disks below it.

What a policy declares about independence is compared with this. Two partitions of one disk,
two subvolumes, two volumes over the same disks fail together, so each is traced down to the
whole disks under it.

Source: proc(5), ``/proc/self/mountinfo``; the kernel's sysfs-block (``partition``, ``slaves``).
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

# After posix_fadvise(DONTNEED) on synced data these read the medium. Left out on purpose: ZFS
# (its own cache), overlay (unknown below), FUSE and network file systems (a server's cache).
_BYPASSES = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "jfs"})
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "lustre", "9p", "afs"})
_MEMORY = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo, as far as it matters here."""

    point: str
    fstype: str
    source: str

    @property
    def bypasses_cache(self) -> bool:
        """Whether a read can be made to come from the medium."""
        return self.fstype in _BYPASSES

    @property
    def is_remote(self) -> bool:
        """Whether a file server answers, from a cache of its own if it likes."""
        return self.fstype in _NETWORK or self.fstype == "fuse.sshfs"

    @property
    def syncs_as_one(self) -> bool:
        """Whether syncfs(2) reaches the medium; where not, each file is synced by itself."""
        return not self.fstype.startswith("fuse") and self.fstype not in _NETWORK


def mount_of(path: Path) -> Mount:
    """The mount that holds a folder.

    Raises:
        OSError: the folder isn't there.
    """
    table = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    return mount_in(table, str(path.resolve(strict=True)))


def mount_in(table: str, real: str) -> Mount:
    """The mount in a mountinfo table that holds an absolute path without links."""
    found = Mount("/", "unknown", "none")
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        point = _unescape(before.split(" ")[4])
        fstype, source = after.split(" ")[:2]
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found.point):  # a later mount covers an earlier one
            found = Mount(point, fstype, _unescape(source))
    return found


def failure_domain(path: Path, mount: Mount) -> str:
    """What the folder fails together with: ``device 8:0 on <host>``, ``server <name>``."""
    host = socket.gethostname()
    if mount.is_remote:
        return f"server {_server(mount.source)}"
    if mount.fstype in _MEMORY:
        return f"memory of {host}"
    device = os.stat(path).st_dev
    if os.major(device) == 0 and mount.source.startswith("/dev/"):
        device = os.stat(mount.source).st_rdev  # btrfs and others number their volumes
    number = f"{os.major(device)}:{os.minor(device)}"
    disks = whole_disks(Path("/sys/dev/block") / number)
    return f"device {'+'.join(sorted(disks) or [number])} on {host}"


def _server(source: str) -> str:
    """``nas`` of ``nas:/export``, ``//nas/share``, ``me@nas:``; IPv6 addresses stay whole."""
    name = source.removeprefix("//")
    name = name.split("/")[0] if source.startswith("//") else name.rpartition(":")[0]
    return name.rpartition("@")[2] or source


def whole_disks(block: Path) -> set[str]:
    """The whole disks below a block device of sysfs, as ``major:minor``; none if it isn't there."""
    if not block.exists():
        return set()
    block = block.resolve()
    if (block / "partition").exists():
        return whole_disks(block.parent)
    below = list((block / "slaves").glob("*"))
    if below:
        return set().union(*(whole_disks(slave) for slave in below))
    return {(block / "dev").read_text("ascii").strip()}


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
