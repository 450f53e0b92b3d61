"""A member of an archive, as its archive tells it: nothing here was judged yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from enum import Enum

from preservation.model.deferred import dataclass

CHUNK = 1 << 18  # octets in one piece of content, at most


class MemberKind(Enum):
    """What a member says it is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    HARD_LINK = "hard link"
    FIFO = "fifo"
    DEVICE = "device"
    LABEL = "label"  # the archive's own name, of GNU tar's `--label`
    INCREMENT = "listing of an incremental archive"  # of GNU tar's `--listed-incremental`
    VOLUME = "part of a file on several volumes"  # of GNU tar's `--multi-volume`
    OTHER = "other"  # of a type that we don't know


class Flag(Enum):
    """What is odd about a member; whoever takes it decides what that means."""

    DUPLICATE = "an earlier member has this path"
    ESCAPES = "the path is absolute, or has an empty, '.' or '..' part, or a NUL"
    TOO_DEEP = "more folders inside each other than the limit"
    TOO_LONG = "a path longer than the limit"
    SPARSE = "a file with holes; they are read as zeros"
    ENCRYPTED = "the content is encrypted"
    METHOD = "packed by a method that we don't read"
    NAME_DIFFERS = "local header and central directory have different names"
    SIZE_DIFFERS = "local header and central directory have different sizes"
    CRC_DIFFERS = "local header and central directory have different checksums"
    METHOD_DIFFERS = "local header and central directory have different methods or encryption"


UNREADABLE = frozenset(
    {
        Flag.ENCRYPTED,
        Flag.METHOD,
        Flag.NAME_DIFFERS,
        Flag.SIZE_DIFFERS,
        Flag.CRC_DIFFERS,
        Flag.METHOD_DIFFERS,
    }
)  # a member with one of these has no content that could be believed


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may be at most. Met while reading: memory and time stay bounded.

    Attributes:
        members: of any kind.
        octets: of all files together, unpacked, holes included.
        member_octets: of one file, unpacked.
        path_octets: a longer path is flagged ``TOO_LONG``.
        depth: a deeper path is flagged ``TOO_DEEP``.
        ratio: unpacked octets for each packed one, beyond the first 64 MiB.
    """

    members: int = 20_000_000
    octets: int = 1 << 50
    member_octets: int = 1 << 47
    path_octets: int = 1 << 16
    depth: int = 10_000
    ratio: int = 1 << 20


@dataclass(slots=True)
class Member:
    """One member.

    Attributes:
        path: exactly the stored bytes; a folder may end with ``/`` and any path may begin with
            ``./``. :attr:`key` is the path without those.
        octets: of its content, unpacked; 0 of what has none.
        mtime_ns: nanoseconds since the epoch; None if it isn't told.
        mode: permission bits; None if they aren't told.
        target: of a link.
        encoding: of the path, as declared: ``utf-8``, ``cp437`` (a zip that says nothing means
            it, or any local code page) or empty (tar says nothing).
        at: octets from the beginning of the unpacked stream to its first header.
    """

    path: bytes
    kind: MemberKind
    octets: int
    mtime_ns: int | None
    mode: int | None
    target: bytes = b""
    encoding: str = ""
    at: int = 0
    flags: set[Flag] = field(default_factory=set)
    read: Callable[[], Iterator[bytes]] = field(default=lambda: iter(()), repr=False, compare=False)

    @property
    def key(self) -> bytes:
        """The path without ``./`` before and ``/`` behind it; empty for the top folder itself,
        which Python's ``tarfile`` calls ``/``.
        """
        path = self.path.rstrip(b"/")
        if not path and self.kind is not MemberKind.FOLDER:
            return self.path
        while path.startswith(b"./"):
            path = path[2:]
        return b"" if path == b"." else path

    def chunks(self) -> Iterator[bytes]:
        """The content, in pieces of at most ``CHUNK`` octets; once, and before the next member
        is asked for. Exactly ``octets`` come, or it raises.

        Raises:
            ArchiveError: it is damaged, truncated or encrypted.
        """
        return self.read()
