"""Where a folder really is: its file system, and the disks below it.

What a policy declares about independence is compared with this. Two partitions of one disk,
two subvolumes, two volumes over the same disks fail together, so each is traced down to the
whole disks under it.

Source: proc(5), ``/proc/self/mountinfo``; statfs(2), ``include/uapi/linux/magic.h`` and the file
systems' own sources; the kernel's sysfs-block (``partition``, ``slaves``).
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
from dataclasses import replace
from pathlib import Path

from preservation.model.deferred import dataclass

# After posix_fadvise(DONTNEED) on synced data these read the medium: by name, and by the kernel's
# magic number. Left out on purpose: ZFS (its own cache), overlay (unknown below), FUSE and network
# file systems (a server's cache).
_BYPASSES = {
    "ext2": 0xEF53,
    "ext3": 0xEF53,
    "ext4": 0xEF53,
    "xfs": 0x58465342,
    "btrfs": 0x9123683E,
    "f2fs": 0xF2F52010,
    "bcachefs": 0xCA451A4E,
    "jfs": 0x3153464A,
}
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "lustre", "9p", "afs"})
_NETWORK_MAGIC = {
    0x6969: "nfs",
    0x517B: "smb",
    0xFF534D42: "cifs",
    0xFE534D42: "smb2",
    0x00C36400: "ceph",
    0x0BD00BD0: "lustre",
    0x01021997: "9p",
    0x5346414F: "afs",
    0x6B414653: "afs",
    0x73757245: "coda",
    0x47504653: "gpfs",
    0x19830326: "beegfs",
    0x20030528: "orangefs",
    0x786F4256: "vboxsf",
}
_FUSE = 0x65735546
_MEMORY = frozenset({"tmpfs", "ramfs"})
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo, as far as it matters here, and what the kernel says itself.

    The table can be of another place: a path that was moved to a container, an automounter's, one
    that something was mounted over since. What one of the two calls remote is.

    Attributes:
        magic: the file system's own number; 0 where it was not asked for.
    """

    point: str
    fstype: str
    source: str
    magic: int = 0

    @property
    def bypasses_cache(self) -> bool:
        """Whether a read can be made to come from the medium."""
        return self.fstype in _BYPASSES and self.magic in (0, _BYPASSES[self.fstype])

    @property
    def is_remote(self) -> bool:
        """Whether a file server answers."""
        named = self.fstype in _NETWORK or self.magic in _NETWORK_MAGIC
        return named or (self.is_fuse and _names_a_server(self.source))

    @property
    def is_fuse(self) -> bool:
        """Whether a program answers (sshfs, s3fs, `rclone mount`), with what it has at hand."""
        return self.is_named_fuse or self.magic == _FUSE

    @property
    def has_cache_of_its_own(self) -> bool:
        """Whether a read may be answered from a cache that nobody here can pass by."""
        return self.is_remote or self.is_fuse

    @property
    def syncs_as_one(self) -> bool:
        """Whether syncfs(2) reaches the medium; where not, each file is synced by itself."""
        return not self.has_cache_of_its_own

    @property
    def kind(self) -> str:
        """The file system, in a word: what the kernel calls it, where the table says otherwise."""
        if self.magic in _NETWORK_MAGIC and self.fstype not in _NETWORK:
            return _NETWORK_MAGIC[self.magic]
        if self.magic == _FUSE and not self.is_named_fuse:
            return "fuse"
        return self.fstype

    @property
    def is_named_fuse(self) -> bool:
        """Whether the table says so."""
        return self.fstype.startswith("fuse") or self.fstype == "virtiofs"


def mount_of(path: Path) -> Mount:
    """The mount that holds a folder.

    Raises:
        OSError: the folder isn't there.
    """
    real = path.resolve(strict=True)
    table = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    return replace(mount_in(table, str(real)), magic=magic_of(real))


def magic_of(folder: Path) -> int:
    """What the kernel says a folder's file system is: ``f_type`` of fstatfs(2).

    Raises:
        OSError: the folder can't be opened.
    """
    said = ctypes.create_string_buffer(512)  # more than any architecture's struct statfs
    fd = os.open(folder, os.O_PATH | os.O_CLOEXEC)  # nobody has to be allowed to read it
    try:
        if _libc.fstatfs(fd, said) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(fd)
    return ctypes.c_ulong.from_buffer(said).value & 0xFFFFFFFF


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
    if mount.is_fuse and not mount.source.startswith("/dev/"):
        return f"{mount.kind} on {host}"  # where it really keeps things, nobody can see
    if mount.fstype in _MEMORY:
        return f"memory of {host}"
    device = os.stat(path).st_dev
    if os.major(device) == 0 and mount.source.startswith("/dev/"):
        device = os.stat(mount.source).st_rdev  # btrfs and others number their volumes
    number = f"{os.major(device)}:{os.minor(device)}"
    disks = whole_disks(Path("/sys/dev/block") / number)
    return f"device {'+'.join(sorted(disks) or [number])} on {host}"


def _names_a_server(source: str) -> bool:
    """``me@far:/data``, ``remote:bucket``: a host, or a place that a program knows by a name."""
    return not source.startswith("/") and ":" in source


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
