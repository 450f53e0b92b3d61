"""Serialised deposits: tar (plain, gz, bz2, xz) and zip, unpacked into a private folder.

No external extractor. Every member is looked at before a byte of it is written: names must
stay inside, only regular files and folders come out, nothing is written twice, and caps on
count, size, depth and ratio hold *while* streaming. All findings come back; a member with one
is skipped, so that the others can still be looked at. The container is read once and hashed
on the way.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

from preservation.errors import MalformedError
from preservation.files import durable
from preservation.ingest.examine import of_name
from preservation.model.finding import Finding
from preservation.model.names import display, is_safe
from preservation.policy.policy import Limits

CHUNK = 1 << 18
HEADER_LIMIT = 1 << 20  # octets of one extended tar header
FREE_OCTETS = 64 << 20  # may always be unpacked, whatever the ratio
DIRECTORY_FREE = 16 << 20  # a zip's directory up to this size is read whatever it claims

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    NotImplementedError,
    MalformedError,
)


@dataclass(slots=True)
class Unpacked:
    """What came out.

    Attributes:
        sha256: of the container, hexadecimal.
        octets: of the container.
        findings: errors only; any of them means that the deposit is rejected.
    """

    sha256: str = ""
    octets: int = 0
    files: int = 0
    findings: list[Finding] = field(default_factory=list)


class _Stop(Exception):  # noqa: N818 (a cap was met; not an error of ours)
    """A cap was met: nothing more is read."""


def is_serialised(name: str) -> bool:
    """Whether a file's name says that it is a container we can open."""
    return name.lower().endswith(SUFFIXES)


def unpack(container: Path, dest: Path, limits: Limits) -> Unpacked:
    """Unpack into ``dest``, an empty folder.

    Raises:
        OSError: the container cannot be read, or ``dest`` cannot be written.
    """
    result = Unpacked(octets=container.stat().st_size)
    with container.open("rb") as raw:
        hashed = _Hashing(raw)
        try:
            if container.name.lower().endswith(".zip"):
                result.sha256 = _digest(raw)
                _Out(dest, limits, result).zip(raw)
            else:
                _Out(dest, limits, result).tar(_plain(hashed, container.name.lower()))
        except _Stop:
            pass
        except _BROKEN as error:
            result.findings.append(_broken(container, error))
        except (OSError, RuntimeError, ValueError) as error:
            # gzip and bz2 call a bad stream an OSError without errno; zipfile a bad password
            # a RuntimeError. One with an errno is about our own disk: not the deposit's fault.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            result.findings.append(_broken(container, error))
        if not result.sha256:
            result.sha256 = hashed.finish()
    return result


def _broken(container: Path, error: Exception) -> Finding:
    return Finding(
        "DEP-CONTAINER",
        display(os.fsencode(container.name)),
        f"cannot be read to its end: {error or type(error).__name__}",
        "it is truncated, damaged or encrypted: pack it again",
    )


class _Hashing(io.RawIOBase):
    """Reads a file once and hashes it on the way."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self._hash.update(data)
        return len(data)

    def finish(self) -> str:
        """Read what is left, so that the digest is the whole file's."""
        while data := self._raw.read(CHUNK):
            self._hash.update(data)
        return self._hash.hexdigest()


def _digest(raw: BinaryIO) -> str:
    digest = hashlib.sha256()
    while data := raw.read(CHUNK):
        digest.update(data)
    raw.seek(0)
    return digest.hexdigest()


def _plain(hashed: _Hashing, name: str) -> BinaryIO:
    buffered = io.BufferedReader(hashed, CHUNK)
    if name.endswith((".gz", ".tgz")):
        return gzip.GzipFile(fileobj=buffered)  # type: ignore[return-value]
    if name.endswith((".bz2", ".tbz2")):
        return bz2.BZ2File(buffered)  # type: ignore[return-value]
    if name.endswith((".xz", ".txz")):
        return lzma.LZMAFile(buffered)  # type: ignore[return-value]
    return buffered


class _CarefulInfo(tarfile.TarInfo):
    """Refuses extended headers that would be read into memory whole."""

    def _proc_pax(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        self._limit()
        return super()._proc_pax(tar)  # type: ignore[misc,no-any-return]

    def _proc_gnulong(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        self._limit()
        return super()._proc_gnulong(tar)  # type: ignore[misc,no-any-return]

    def _limit(self) -> None:
        if self.size > HEADER_LIMIT:
            raise tarfile.HeaderError(f"an extended header of {self.size} octets")


class _Out:
    """Writes members below one folder, within the caps."""

    def __init__(self, dest: Path, limits: Limits, result: Unpacked) -> None:
        self._dest = os.fsencode(dest)
        self._limits = limits
        self._result = result
        self._members = 0
        self._octets = 0
        ratio_cap = max(FREE_OCTETS, result.octets * limits.ratio)
        self._cap = min(limits.octets, ratio_cap)
        self._cap_code = "DEP-SIZE" if self._cap == limits.octets else "DEP-BOMB"

    def tar(self, stream: BinaryIO) -> None:
        with tarfile.open(
            fileobj=stream,
            mode="r|",
            tarinfo=_CarefulInfo,
            encoding="utf-8",
            errors="surrogateescape",
            bufsize=CHUNK,
        ) as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined] # it would keep every header
                path = os.fsencode(member.name).rstrip(b"/")
                if not self._welcome(path, _tar_special(member), member.isdir()):
                    continue
                moment = int(member.mtime * 1_000_000_000)
                content = archive.extractfile(member) if member.isreg() else None
                self._place(path, content, moment, member.mode)

    def zip(self, raw: BinaryIO) -> None:
        octets = _zip_directory(raw)
        if octets > DIRECTORY_FREE and octets // 46 > self._limits.files * 2:
            self._stop("DEP-FILES", "more members than a deposit may have files")
        with zipfile.ZipFile(raw) as archive:
            for info in archive.infolist():
                path = _zip_name(info)
                folder = path.endswith(b"/")
                path = path.rstrip(b"/")
                if not self._welcome(path, _zip_special(info), folder):
                    continue
                mode = (info.external_attr >> 16) & 0o777
                moment = _zip_moment(info)
                if folder:
                    self._place(path, None, moment, mode)
                    continue
                with archive.open(info) as content:
                    self._place(path, content, moment, mode)

    def _welcome(self, path: bytes, special: tuple[str, str] | None, folder: bool) -> bool:
        self._members += 1
        if self._members > self._limits.files * 2:
            self._stop("DEP-FILES", "more members than a deposit may have files")
        if path in (b"", b".") and folder:
            return False  # the folder that was packed: it is ``dest`` itself
        findings = list(self._judge(path.removeprefix(b"./"), special))
        self._result.findings.extend(findings)
        return not findings

    def _judge(self, path: bytes, special: tuple[str, str] | None) -> Iterator[Finding]:
        subject = display(path)
        if special is not None:
            yield Finding(special[0], subject, special[1], "pack regular files only")
        if not is_safe(path) or b"\\" in path:
            yield Finding(
                "DEP-MEMBER-ESCAPES",
                subject,
                "the member's name would leave the deposit's folder",
                "pack it again with relative names",
            )
        for finding in of_name(path, self._limits):
            if finding.code in ("DEP-NAME-ENCODING", "DEP-PATH-LENGTH", "DEP-DEPTH"):
                yield finding

    def _place(self, path: bytes, content: IO[bytes] | None, moment: int, mode: int) -> None:
        target = os.path.join(self._dest, path.removeprefix(b"./"))
        try:
            if content is None:
                os.makedirs(target, 0o755, exist_ok=True)
                return
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except (FileExistsError, NotADirectoryError):
            message = "the container holds this name more than once"
            self._result.findings.append(
                Finding("DEP-MEMBER-TWICE", display(path), message, "pack it again")
            )
            return
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            message = "no file system here holds a name as long as this"
            self._result.findings.append(
                Finding("DEP-PATH-LENGTH", display(path), message, "shorten it and pack it again")
            )
            return
        try:
            self._fill(fd, path, content)
            os.fchmod(fd, 0o600 | (mode & 0o777))
            os.utime(fd, ns=(max(0, moment), max(0, moment)))
        finally:
            os.close(fd)
        self._result.files += 1

    def _fill(self, fd: int, path: bytes, content: IO[bytes]) -> None:
        size = 0
        while data := content.read(CHUNK):
            size += len(data)
            self._octets += len(data)
            if size > self._limits.file_octets:
                self._stop("DEP-FILE-SIZE", "larger than one file may be", path)
            if self._octets > self._cap:
                self._stop(self._cap_code, f"unpacks to more than {self._cap} octets", path)
            durable.write_all(fd, data)

    def _stop(self, code: str, message: str, path: bytes = b"") -> None:
        hint = "divide it into several deposits, or ask the archive for a larger limit"
        self._result.findings.append(Finding(code, display(path), message, hint))
        raise _Stop


def _tar_special(member: tarfile.TarInfo) -> tuple[str, str] | None:
    if member.isreg() or member.isdir():
        return None
    if member.issym() or member.islnk():
        target = display(os.fsencode(member.linkname))
        escapes = target.startswith("/") or ".." in target.split("/")
        return ("DEP-LINK-ESCAPES" if escapes else "DEP-LINK", f"a link to {target}")
    if member.isfifo():
        return ("DEP-FIFO", "a FIFO, which has no bytes to keep")
    return ("DEP-DEVICE", "neither a file nor a folder")


def _zip_special(info: zipfile.ZipInfo) -> tuple[str, str] | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return ("DEP-LINK", "a symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return ("DEP-DEVICE", "neither a file nor a folder")
    if info.flag_bits & 0x1:
        return ("DEP-ENCRYPTED", "the member is encrypted")
    return None


def _zip_name(info: zipfile.ZipInfo) -> bytes:
    """The name's own bytes: ``zipfile`` reads them as CP437 unless the UTF-8 flag is set."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")


def _zip_moment(info: zipfile.ZipInfo) -> int:
    try:
        return int(datetime(*info.date_time, tzinfo=UTC).timestamp()) * 1_000_000_000
    except ValueError:
        return 0


def _zip_directory(raw: BinaryIO) -> int:
    """Octets of the central directory, by the end record, before it is read into memory."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, size - 65557))
    tail = raw.read()
    locator = tail.rfind(b"PK\x06\x07")
    record = b""
    if 0 <= locator <= len(tail) - 16:
        raw.seek(min(struct.unpack_from("<Q", tail, locator + 8)[0], size))
        record = raw.read(56)
    raw.seek(0)
    if len(record) == 56 and record[:4] == b"PK\x06\x06":
        return int(struct.unpack_from("<Q", record, 40)[0])
    end = tail.rfind(b"PK\x05\x06")
    return int(struct.unpack_from("<I", tail, end + 12)[0]) if 0 <= end <= len(tail) - 22 else 0
