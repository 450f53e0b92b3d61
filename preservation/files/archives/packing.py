"""What kind of archive a file is: by its first octets; what its name says is only compared."""

from __future__ import annotations

from enum import Enum

from preservation.errors import MalformedError
from preservation.files.archives.packings import BZIP2_MAGIC, GZIP_MAGIC, XZ_MAGIC, ZSTD_MAGICS
from preservation.files.archives.tar_headers import BLOCK, parse

FIRST = 2 * BLOCK  # octets that tell


class Packing(Enum):
    """The kinds that we read; the value is for people."""

    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_BZ2 = "tar.bz2"
    TAR_XZ = "tar.xz"
    TAR_ZST = "tar.zst"
    ZIP = "zip"


_SUFFIXES = {
    Packing.TAR: (".tar",),
    Packing.TAR_GZ: (".tar.gz", ".tgz", ".taz"),
    Packing.TAR_BZ2: (".tar.bz2", ".tbz2", ".tbz", ".tb2"),
    Packing.TAR_XZ: (".tar.xz", ".txz"),
    Packing.TAR_ZST: (".tar.zst", ".tzst"),
    Packing.ZIP: (".zip",),
}
_OTHERS = (
    (b"\x1f\x9d", "a compress (.Z) stream"),
    (b"LZIP", "an lzip stream"),
    (b"\x04\x22\x4d\x18", "an lz4 stream"),
    (b"\x5d\0\0", "an .lzma stream"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"MSCF", "a Windows cabinet"),
    (b"!<arch>\n", "an ar archive"),
    (b"07070", "a cpio archive"),
    (b"xar!", "a xar archive"),
    (b"PK\x07\x08", "one volume of a zip"),
    (b"PK00", "one volume of a zip"),
)


def by_content(first: bytes) -> Packing | None:
    """The kind by a file's first :data:`FIRST` octets; None if it is none of ours."""
    if first.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Packing.ZIP
    if first.startswith(GZIP_MAGIC):
        return Packing.TAR_GZ
    if first.startswith(BZIP2_MAGIC) and first[3:4] in b"123456789":
        return Packing.TAR_BZ2
    if first.startswith(XZ_MAGIC):
        return Packing.TAR_XZ
    if first.startswith(ZSTD_MAGICS):
        return Packing.TAR_ZST
    return Packing.TAR if _is_tar(first) else None


def by_name(name: str) -> Packing | None:
    """The kind that a file's name claims."""
    low = name.lower()
    return next((kind for kind, ends in _SUFFIXES.items() if low.endswith(ends)), None)


def told(first: bytes) -> str:
    """What a file that is none of ours is, for people."""
    if not first:
        return "an empty file"
    known = next((words for magic, words in _OTHERS if first.startswith(magic)), "")
    return known or "no archive that we know"


def _is_tar(first: bytes) -> bool:
    block = first[:BLOCK]
    if len(block) < BLOCK:
        return False
    if not block.strip(b"\0"):
        return len(first) == FIRST and not first.strip(b"\0")  # an archive of no members
    try:
        parse(block, 0)
    except MalformedError:
        return False
    return True
