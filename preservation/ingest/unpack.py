"""Serialised deposits: tar (plain, gz, bz2, xz) and zip, unpacked into a private folder.

No external extractor. Every member is looked at before a byte of it is written: names must
stay inside, only regular files and folders come out, nothing is written twice, and caps on
count, size, depth and ratio hold *while* streaming. All findings come back; a member with one
is skipped, so that the others can still be looked at. The container is read once and hashed
on the way.
"""

from __future__ import annotations

import errno
import lzma
import math
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, NoReturn, cast

from preservation.errors import MalformedError
from preservation.files import durable
from preservation.ingest.containers import (
    CHUNK,
    Capped,
    CarefulInfo,
    Hashing,
    decompressed,
    expect_end,
    expect_whole,
    open_container,
    zip_directory,
)
from preservation.ingest.examine import of_name
from preservation.model.finding import Finding
from preservation.model.names import display, is_safe
from preservation.policy.policy import Limits

FREE_OCTETS = 64 << 20  # may always be unpacked, whatever the ratio
DIRECTORY_FREE = 16 << 20  # a zip's directory up to this size is read whatever it claims

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_DRIVE = re.compile(rb"[A-Za-z]:(/|$)")
_TOO_LARGE = "unpacks to more than {} octets"
_EARLIEST, _LATEST = -(2**31), 2**33  # seconds: what ext4 holds
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
        Changed: the container was taken away.
        NotNowError: it cannot be read (``DEP-READ``), or the disk of ``dest`` is in the way.
    """
    with durable.plain_errors(dest), open_container(container) as raw:
        result = Unpacked(octets=raw.seek(0, os.SEEK_END))
        raw.seek(0)
        hashed = Hashing(raw)
        try:
            if container.name.lower().endswith(".zip"):
                result.sha256 = hashed.finish()
                raw.seek(0)
                _Out(dest, limits, result).zip(raw)
            else:
                _Out(dest, limits, result).tar(decompressed(hashed, container.name.lower()))
        except _Stop:
            pass
        except _BROKEN as error:
            result.findings.append(_broken(container, error))
        except (OSError, RuntimeError, ValueError, OverflowError) as error:
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


class _Out:
    """Writes members below one folder, within the caps."""

    def __init__(self, dest: Path, limits: Limits, result: Unpacked) -> None:
        self._dest = os.fsencode(dest)
        self._limits = limits
        self._result = result
        self._members = 0
        self._octets = 0
        self._packed_cap = max(FREE_OCTETS, result.octets * limits.ratio)
        ratio_cap = self._packed_cap
        self._cap = min(limits.octets, ratio_cap)
        self._cap_code = "DEP-SIZE" if self._cap == limits.octets else "DEP-BOMB"

    def tar(self, stream: BinaryIO) -> None:
        # What is skipped is unpacked too: the cap holds for the stream, headers and all.
        most = self._cap + 2 * 1024 * self._limits.files + FREE_OCTETS
        whole = Capped(stream, most, lambda: self._stop(self._cap_code, _TOO_LARGE.format(most)))
        with tarfile.open(
            fileobj=cast(BinaryIO, whole),
            mode="r|",
            tarinfo=CarefulInfo,
            encoding="utf-8",
            errors="surrogateescape",
            bufsize=CHUNK,
        ) as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined] # it would keep every header
                path = os.fsencode(member.name).rstrip(b"/")
                if not self._welcome(path, _tar_special(member), member.isdir()):
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                self._place(path, content, member.mtime, member.mode)
            expect_end(archive, whole)

    def zip(self, raw: BinaryIO) -> None:
        octets = zip_directory(raw)
        if octets > DIRECTORY_FREE and octets // 46 > self._limits.files * 2:
            self._stop("DEP-FILES", "more members than a deposit may have files")
        with zipfile.ZipFile(raw) as archive:
            expect_whole(archive, raw)
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
        if not is_safe(path) or b"\\" in path or _DRIVE.match(path):
            yield Finding(
                "DEP-MEMBER-ESCAPES",
                subject,
                "the member's name would leave the deposit's folder",
                "pack it again with relative names",
            )
        for finding in of_name(path, self._limits):
            if finding.code in ("DEP-NAME-ENCODING", "DEP-PATH-LENGTH", "DEP-DEPTH"):
                yield finding

    def _place(self, path: bytes, content: IO[bytes] | None, moment: float, mode: int) -> None:
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
            nanoseconds = _nanoseconds(moment)
            os.utime(fd, ns=(nanoseconds, nanoseconds))
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
                self._stop(self._cap_code, _TOO_LARGE.format(self._cap), path)
            durable.write_all(fd, data)

    def _stop(self, code: str, message: str, path: bytes = b"") -> NoReturn:
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
    if info.compress_type not in _METHODS:
        return ("DEP-CONTAINER", f"packed by method {info.compress_type}, which we do not read")
    return None


def _zip_name(info: zipfile.ZipInfo) -> bytes:
    """The name's own bytes: ``zipfile`` reads them as CP437 unless the UTF-8 flag is set."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")


def _zip_moment(info: zipfile.ZipInfo) -> float:
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return 0


def _nanoseconds(moment: float) -> int:
    """A time that every file system can hold; what is none at all is the epoch."""
    if not math.isfinite(moment):
        return 0
    return int(min(max(moment, _EARLIEST), _LATEST) * 1_000_000_000)
