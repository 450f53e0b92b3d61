"""Serialised deposits: tars, packed or not, and zips, unpacked into a private folder.

No external extractor. Every member is looked at before a byte of it is written: names must
stay inside, only regular files and folders come out, nothing is written twice, and limits on
count, size and ratio hold *while* streaming. All findings come back; a member with an error
is skipped, so that the others can still be looked at. The archive is read once and hashed on
the way; what could make it unbelievable as a whole is ``preservation.files.archives``' to say.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import field
from pathlib import Path

from preservation.errors import NotNowError
from preservation.files import durable
from preservation.files.archives.archive import Archive, open_archive
from preservation.files.archives.errors import ArchiveChangedError, ArchiveError
from preservation.files.archives.member import (
    UNREADABLE,
    ArchiveLimits,
    Flag,
    Member,
    MemberKind,
)
from preservation.files.archives.packing import Packing, by_name
from preservation.ingest.examine import of_name
from preservation.ingest.fenced import Changed
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding, Severity, is_fatal
from preservation.model.names import display, is_safe
from preservation.policy.policy import Limits

_DRIVE = re.compile(rb"[A-Za-z]:(/|$)")
_EARLIEST, _LATEST = -(2**31) * 10**9, 2**33 * 10**9  # nanoseconds: what ext4 holds
_OF_NAMES = ("DEP-NAME-ENCODING", "DEP-PATH-LENGTH", "DEP-DEPTH")
_CODES = {
    "ARC-MEMBERS": "DEP-FILES",
    "ARC-OCTETS": "DEP-SIZE",
    "ARC-MEMBER-OCTETS": "DEP-FILE-SIZE",
    "ARC-RATIO": "DEP-BOMB",
    "ARC-ENCRYPTED": "DEP-ENCRYPTED",
}  # every other is DEP-CONTAINER
_REGULAR = "pack regular files only"
_SPECIAL = {
    MemberKind.FIFO: ("DEP-FIFO", "a FIFO, which has no bytes to keep", _REGULAR),
    MemberKind.DEVICE: ("DEP-DEVICE", "a device, which has no bytes to keep", _REGULAR),
    MemberKind.OTHER: ("DEP-DEVICE", "neither a file nor a folder", _REGULAR),
    MemberKind.INCREMENT: (
        "DEP-CONTAINER",
        "a folder of an incremental tar: it tells what changed since another one, not all there is",
        "pack a full tar, without `--listed-incremental`",
    ),
    MemberKind.VOLUME: (
        "DEP-CONTAINER",
        "the rest of a file that begins on another volume",
        "pack one tar, without `--multi-volume`",
    ),
}
_OF_FLAGS = {
    Flag.ENCRYPTED: ("DEP-ENCRYPTED", "pack it again without a password"),
    Flag.METHOD: ("DEP-CONTAINER", "pack it again with deflate, or as a tar"),
    **dict.fromkeys(
        (Flag.NAME_DIFFERS, Flag.SIZE_DIFFERS, Flag.CRC_DIFFERS, Flag.METHOD_DIFFERS),
        ("DEP-MEMBER-DIFFERS", "programs would not agree on what is in it: pack it again"),
    ),
}


@dataclass(slots=True)
class Unpacked:
    """What came out.

    Attributes:
        digests: of the container, as ``hashlib`` calls the algorithms; none of what is none.
        octets: of the container.
        packing: what it is, by its content; empty of what is none.
        label: the name that a tar gives itself, as it is displayed.
        undeclared: members whose names aren't ASCII, in an encoding that isn't declared.
        findings: any error among them means that the deposit is rejected.
    """

    digests: dict[str, bytes] = field(default_factory=dict)
    octets: int = 0
    packing: str = ""
    label: str = ""
    undeclared: int = 0
    files: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, object]:
        """What ``metadata/deposit.json`` tells about the container."""
        told: dict[str, object] = {
            "bytes": self.octets,
            "sha256": self.digests.get("sha256", b"").hex(),
            "packing": self.packing,
        }
        if self.label:
            told["label"] = self.label
        if self.undeclared:
            told["names_of_undeclared_encoding"] = self.undeclared
        return told


def is_serialised(name: str) -> bool:
    """Whether a file's name says that it is a container we can open."""
    return by_name(name) is not None


def unpack(container: Path, dest: Path, limits: Limits, also: Collection[str] = ()) -> Unpacked:
    """Unpack into ``dest``, an empty folder.

    Args:
        also: algorithms besides SHA-256 by which the container is hashed while it is read.

    Raises:
        Changed: the container was taken away, or written to.
        NotNowError: it cannot be read (``DEP-READ``), or the disk of ``dest`` is in the way.
    """
    result = Unpacked()
    name = display(os.fsencode(container.name))
    try:
        with durable.plain_errors(dest):
            _unpack(container, dest, limits, result, also)
    except ArchiveError as error:
        result.findings.append(_told(error, name, is_serialised(container.name)))
    except ArchiveChangedError as error:
        raise Changed from error
    except NotNowError as error:
        if error.code != "ARC-READ":
            raise
        raise NotNowError(error.message, hint=error.hint, code="DEP-READ") from error
    return result


def _unpack(
    container: Path, dest: Path, limits: Limits, result: Unpacked, also: Collection[str]
) -> None:
    most = ArchiveLimits(
        members=limits.files * 2,
        octets=limits.octets,
        member_octets=limits.file_octets,
        ratio=limits.ratio,
    )
    with open_archive(container, most, also=also) as archive:
        result.octets, result.packing = archive.octets, archive.packing.value
        _expect_named(archive, container, result)
        out = _Out(dest, limits, archive.packing is Packing.ZIP, result)
        try:
            for member in archive:
                out.take(member)
        except ArchiveError:
            archive.finish()
            raise
        finally:
            result.digests = archive.digests
        out.finish()


def _expect_named(archive: Archive, container: Path, result: Unpacked) -> None:
    """An archive is known by its content; but a lone .docx is a zip, and no deposit.

    Raises:
        ArchiveError: the name claims that it is a file of its own (``ARC-UNKNOWN``).
    """
    name = display(os.fsencode(container.name))
    if archive.claimed is None and archive.packing is Packing.ZIP and container.suffix:
        raise ArchiveError(f"{name}: a file, not a container of files", code="ARC-UNKNOWN")
    if archive.claimed is not archive.packing:
        message = f"it is a {archive.packing.value}, whatever its name says"
        hint = f"name it as what it is: .{archive.packing.value}"
        finding = Finding("DEP-CONTAINER-NAME", name, message, hint, Severity.WARNING)
        result.findings.append(finding)


def _told(error: ArchiveError, name: str, claimed: bool) -> Finding:
    """The finding about a container that can't be believed."""
    if error.code == "ARC-UNKNOWN" and not claimed:
        hint = "put it into a folder of its own; containers are tar, tar.gz/bz2/xz/zst and zip"
        return Finding("DEP-NOT-A-DEPOSIT", name, error.message.removeprefix(f"{name}: "), hint)
    where = f"at octet {error.at}: " if error.at >= 0 else ""
    subject = display(error.path) if error.path else name
    code = _CODES.get(error.code, "DEP-CONTAINER")
    message = error.message.removeprefix(f"{name}: ")
    return Finding(code, subject, f"{where}{message}", error.hint)


class _Out:
    """Writes members below one folder."""

    def __init__(self, dest: Path, limits: Limits, is_zip: bool, result: Unpacked) -> None:
        self._dest = os.fsencode(dest)
        self._limits = limits
        self._is_zip = is_zip
        self._result = result
        self._folders: list[tuple[bytes, int]] = []  # with the times that they are to have

    def take(self, member: Member) -> None:
        """Write one member, or say why not."""
        if member.kind is MemberKind.LABEL:
            self._result.label = display(member.path)
            return
        if member.kind is MemberKind.FOLDER and not member.key:
            return  # the folder that was packed: it is ``dest`` itself
        self._result.undeclared += member.encoding == "cp437"
        findings = list(self._judge(member))
        self._result.findings.extend(findings)
        if findings:
            return
        target = os.path.join(self._dest, member.key)
        try:
            self._place(member, target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            self._find("DEP-MEMBER-TWICE", member, "the container holds this name more than once")
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            message = "no file system here holds a name as long as this"
            self._find("DEP-PATH-LENGTH", member, message, "shorten it and pack it again")

    def finish(self) -> None:
        """After the last member: folders get their times, which each file in them had changed."""
        for target, moment in reversed(self._folders):
            os.utime(target, ns=(moment, moment))

    def _judge(self, member: Member) -> Iterator[Finding]:
        subject = display(member.key or member.path)
        if member.kind in _SPECIAL:
            yield Finding(_SPECIAL[member.kind][0], subject, *_SPECIAL[member.kind][1:])
        if member.kind in (MemberKind.LINK, MemberKind.HARD_LINK):
            yield from self._judge_link(member, subject)
        slashes = member.key.replace(b"\\", b"/")
        if Flag.ESCAPES in member.flags or not is_safe(slashes) or _DRIVE.match(slashes):
            message = "the member's name would leave the deposit's folder"
            hint = "pack it again with relative names"
            yield Finding("DEP-MEMBER-ESCAPES", subject, message, hint)
        elif self._is_zip and slashes != member.key:
            message = "a backslash: programs take it for a folder, or for a part of the name"
            hint = "pack it again with a program that writes / between folders"
            yield Finding("DEP-NAME-BACKSLASH", subject, message, hint)
        for flag in sorted(member.flags & UNREADABLE, key=lambda flag: flag.value):
            code, hint = _OF_FLAGS[flag]
            yield Finding(code, subject, flag.value, hint)
        for finding in of_name(member.key, self._limits):
            # What is only warned of is told by those who look at what was unpacked.
            if finding.code in _OF_NAMES and is_fatal([finding]):
                yield finding

    def _judge_link(self, member: Member, subject: str) -> Iterator[Finding]:
        target = display(member.target)
        base = posixpath.dirname(member.key) if member.kind is MemberKind.LINK else b""
        inside = posixpath.normpath(posixpath.join(base, member.target))
        hint = "put the file itself in its place"
        if inside.startswith((b"/", b"../")) or inside == b".." or b"\0" in member.target:
            yield Finding("DEP-LINK-ESCAPES", subject, f"a link to {target}", hint)
        elif member.kind is MemberKind.LINK:
            yield Finding("DEP-LINK", subject, f"a symbolic link to {target}", hint)
        elif not os.path.isfile(os.path.join(self._dest, inside)):
            message = f"a hard link to {target}, which is no file before it"
            yield Finding("DEP-LINK", subject, message, hint)

    def _place(self, member: Member, target: bytes) -> None:
        if member.kind is MemberKind.FOLDER:
            os.makedirs(target, 0o755, exist_ok=True)
            if member.mtime_ns is not None:
                self._folders.append((target, _clamped(member.mtime_ns)))
            return
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        if member.kind is MemberKind.HARD_LINK:
            earlier = os.path.join(self._dest, posixpath.normpath(member.target))
            os.link(earlier, target, follow_symlinks=False)
        else:
            self._write(member, target)
        self._result.files += 1

    def _write(self, member: Member, target: bytes) -> None:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            for data in member.chunks():
                durable.write_all(fd, data)
            mode = 0o644 if member.mode is None else member.mode
            os.fchmod(fd, 0o600 | (mode & 0o777))
            moment = _clamped(member.mtime_ns or 0)
            os.utime(fd, ns=(moment, moment))
        finally:
            os.close(fd)

    def _find(self, code: str, member: Member, message: str, hint: str = "pack it again") -> None:
        self._result.findings.append(Finding(code, display(member.key), message, hint))


def _clamped(moment: int) -> int:
    """A time that every file system can hold, nanoseconds."""
    return min(max(moment, _EARLIEST), _LATEST)
