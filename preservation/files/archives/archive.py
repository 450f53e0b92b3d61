"""Open a third-party archive and go through its members in stored order, reading it once.

    with open_archive(path, ArchiveLimits()) as archive:
        for member in archive:
            for piece in member.chunks():
                ...
    archive.sha256  # of the archive's own file

What lies in it is told, not judged: paths are bytes as stored, oddities are flags of a member.
What makes the archive as a whole unbelievable raises :class:`ArchiveError`: truncation, damage,
something before, between or behind the members, members that share bytes, limits. To take
everything without an error means that every octet of the file was accounted for.
"""

from __future__ import annotations

import bz2
import io
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from preservation.files.archives.errors import ArchiveError, ArchiveLimitError
from preservation.files.archives.member import CHUNK, ArchiveLimits, Flag, Member, MemberKind
from preservation.files.archives.packing import FIRST, Packing, by_content, by_name, told
from preservation.files.archives.packings import (
    BZIP2_MAGIC,
    GZIP_MAGIC,
    XZ_MAGIC,
    ZSTD_MAGICS,
    Unpacked,
    Zstd,
    gunzip,
    unxz,
)
from preservation.files.archives.source import Source
from preservation.files.archives.tar_headers import BLOCK
from preservation.files.archives.tar_reader import TarReader
from preservation.files.archives.zip_reader import ZipReader
from preservation.model.names import display, is_safe, parts

FREE_OCTETS = 64 << 20  # may always come out, whatever the ratio
_FRAMES = {
    Packing.TAR_GZ: (gunzip, (GZIP_MAGIC,)),
    Packing.TAR_BZ2: (bz2.BZ2Decompressor, (BZIP2_MAGIC,)),
    Packing.TAR_XZ: (unxz, (XZ_MAGIC,)),
    Packing.TAR_ZST: (Zstd, ZSTD_MAGICS),
}


class Archive:
    """An open archive. Iterate once.

    Attributes:
        octets: of the file.
        packing: what it is, by its content.
        claimed: what its name says; None if it says nothing. Another than ``packing`` is worth
            a warning.
        digests: of the file, by algorithm; none until every member was gone through, or
            :meth:`finish` was called, and for ever where only headers are read.
        sha256: of them, hexadecimal; empty where there is none.
    """

    def __init__(self, source: Source, path: Path, limits: ArchiveLimits) -> None:
        self._source = source
        self._limits = limits
        first = source.peek_at(0, FIRST)
        packing = by_content(first)
        self.claimed = by_name(path.name)
        if packing is None:
            name = display(os.fsencode(path.name))
            raise ArchiveError(f"{name}: {told(first)}", code="ARC-UNKNOWN")
        self.packing: Packing = packing
        self.octets = source.octets
        self.digests: dict[str, bytes] = {}
        self._most = min(limits.octets, max(FREE_OCTETS, self.octets * limits.ratio))
        self._whole: io.BufferedReader | None = None
        self._paths: set[int] = set()
        self._folders: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.close()

    def __iter__(self) -> Iterator[Member]:
        """Every member, in stored order. A member's content is read before the next is asked
        for, or not at all.

        Raises:
            ArchiveError: it can't be believed; ``ArchiveLimitError``: nor taken.
            ArchiveChangedError: its file was changed meanwhile.
            NotNowError: the medium is in the way (``ARC-READ``).
        """
        octets = 0
        for count, member in enumerate(self._reader(), 1):
            octets += member.octets
            self._expect_within(member, count, octets)
            member.flags |= set(self._flags(member))
            yield member
        self.finish()

    def finish(self) -> str:
        """The file's SHA-256, reading what is left of it; also after an error.

        Raises:
            ArchiveChangedError: its file was changed meanwhile.
            NotNowError: the medium is in the way (``ARC-READ``).
        """
        if not self.digests:
            self.digests = self._source.finish()
        return self.sha256

    @property
    def sha256(self) -> str:
        return self.digests.get("sha256", b"").hex()

    def _reader(self) -> Iterator[Member]:
        # Kept: a buffer that is collected closes what it reads from.
        whole = self._whole = io.BufferedReader(self._source, CHUNK)
        if self.packing is Packing.ZIP:
            return ZipReader(self._source, whole, self._limits.members).members()
        if self.packing is Packing.TAR:
            return TarReader(whole).members()
        decoder, magics = _FRAMES[self.packing]
        # Headers count too, and what is skipped is unpacked all the same.
        most = self._most + FREE_OCTETS + 4 * BLOCK * self._limits.members
        return TarReader(io.BufferedReader(Unpacked(whole, decoder, magics, most), CHUNK)).members()

    def _expect_within(self, member: Member, count: int, octets: int) -> None:
        if count > self._limits.members:
            message, code = f"more than {self._limits.members} members", "ARC-MEMBERS"
        elif member.octets > self._limits.member_octets:
            message = f"{member.octets} octets, more than the {self._limits.member_octets} allowed"
            code = "ARC-MEMBER-OCTETS"
        elif octets > self._most:
            message = f"unpacks to more than {self._most} octets"
            code = "ARC-OCTETS" if self._most == self._limits.octets else "ARC-RATIO"
        else:
            return
        raise ArchiveLimitError(message, code=code, at=member.at, path=member.path)

    def _flags(self, member: Member) -> Iterator[Flag]:
        key = member.key
        if not is_safe(key) and not (key == b"" and member.kind is MemberKind.FOLDER):
            yield Flag.ESCAPES
        if len(key) > self._limits.path_octets:
            yield Flag.TOO_LONG
        if len(parts(key)) > self._limits.depth:
            yield Flag.TOO_DEEP
        # Eight octets a member, not the names; two of a billion are mistaken for one
        # once in a hundred thousand archives.
        digest = hash(key)
        folder = member.kind is MemberKind.FOLDER
        if digest in self._paths or (not folder and digest in self._folders):
            yield Flag.DUPLICATE
        (self._folders if folder else self._paths).add(digest)


def open_archive(
    path: Path,
    limits: ArchiveLimits,
    *,
    headers_only: bool = False,
    also: Collection[str] = (),
) -> Archive:
    """Open an archive, never through a link, never waiting; a context manager.

    Args:
        headers_only: members are wanted, contents are not: of a plain tar and of a zip, no
            content is read, and there is no ``sha256``. A packed tar is unpacked all the same.
        also: algorithms besides SHA-256, as ``hashlib`` calls them.

    Raises:
        ArchiveError: it is none that we read (``ARC-UNKNOWN``).
        ArchiveChangedError: nothing is there, or something that is no regular file.
        NotNowError: it may not be read, or the medium fails (``ARC-READ``).
    """
    source = Source(path, hashed=not headers_only, also=also)
    try:
        return Archive(source, path, limits)
    except BaseException:
        source.close()
        raise
