"""One reading of an archive that holds a bag: names, kept tag files, digests of the rest.

Nothing is unpacked onto disk but copies of the tag files that have to be understood; names and
digests are sorted lists that wait on disk. Paths here are those in the archive, with the bag's
base folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from pathlib import Path

from preservation.bags.findings import Findings
from preservation.bags.kept import Kept
from preservation.bags.manifest import ManifestName
from preservation.files.archives.archive import Archive, open_archive
from preservation.files.archives.errors import ArchiveError
from preservation.files.archives.member import ArchiveLimits, Flag, Member, MemberKind
from preservation.files.archives.packing import Packing, by_name
from preservation.files.sorting import Sorter
from preservation.files.walk import Kind
from preservation.fixity.engine import EngineSettings
from preservation.fixity.lanes import Lanes
from preservation.fixity.multihash import MultiHash
from preservation.fixity.reading import StoppedError
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.names import display
from preservation.model.progress import Progress

# A stream of zeros packs 1,032 to 1 with deflate, 7,000 to 1 with xz.
LIMITS = ArchiveLimits(ratio=10_000)
LIKELY = (Algorithm.SHA256, Algorithm.SHA512)
LIKELY_OF_TAGS = (*LIKELY, Algorithm.SHA1, Algorithm.MD5)
KEPT = frozenset({b"bagit.txt", b"bag-info.txt", b"package-info.txt", b"fetch.txt"})
SIZE = 8  # octets of a size

_KEPT_AT_LEAST = 256 << 20  # octets of tag files that may be kept; more of a large archive
_KEPT_RATIO = 200
_REASONS = 1000  # members that could not be read whose reasons are remembered
_APART = 1 << 20  # octets from which a second core is worth its while
_AMBIGUOUS = frozenset(
    {Flag.NAME_DIFFERS, Flag.SIZE_DIFFERS, Flag.CRC_DIFFERS, Flag.METHOD_DIFFERS}
)
_KINDS = {
    MemberKind.LINK: Kind.LINK,
    MemberKind.FIFO: Kind.FIFO,
    MemberKind.DEVICE: Kind.DEVICE,
}
KINDS = tuple(Kind)


@dataclass(slots=True)
class Digests:
    """What a reading found: for each path its size and digests, one after the other."""

    algorithms: tuple[Algorithm, ...]
    records: Sorter

    @classmethod
    def of(cls, algorithms: tuple[Algorithm, ...]) -> Digests:
        """None yet."""
        return cls(algorithms, Sorter(SIZE + sum(each.octets for each in algorithms)))


@dataclass(slots=True)
class Found:
    """What an archive holds.

    Attributes:
        files: with their sizes.
        folders: of their own and of files; some more than once.
        odd: entries that are neither, with the number of their kind in ``KINDS``.
        links: hard links: what they lead to, a NUL, their own path.
        tops: names beside which nothing may lie; some of many.
        error: why the archive could not be read to its end.
    """

    packing: Packing
    kept: Kept
    files: Sorter = field(default_factory=lambda: Sorter(SIZE))
    folders: Sorter = field(default_factory=Sorter)
    odd: Sorter = field(default_factory=lambda: Sorter(1))
    links: Sorter = field(default_factory=Sorter)
    tops: set[bytes] = field(default_factory=set)
    error: ArchiveError | None = None


@dataclass(slots=True)
class Work:
    """How to read: see :func:`preservation.fixity.engine.measure`.

    Attributes:
        reasons: why members could not be read, by their paths; of some of many.
    """

    path: Path
    settings: EngineSettings
    progress: Progress
    cancelled: Callable[[], bool]
    reasons: dict[bytes, str] = field(default_factory=dict)

    def members(self, archive: Iterable[Member]) -> Iterator[Member]:
        """What is worth a look, one by one.

        Raises:
            StoppedError: cancelled.
        """
        for member in archive:
            if self.cancelled():
                raise StoppedError("reading was cancelled")
            skipped = {Flag.ESCAPES, Flag.DUPLICATE, Flag.TOO_LONG, Flag.TOO_DEEP} & member.flags
            if member.kind is not MemberKind.LABEL and not skipped:
                yield member

    def read(self, member: Member, pieces: Iterable[bytes], hashes: MultiHash) -> bool:
        """Take digests of a member; True if it was read to its end."""
        try:
            with hashes:
                for piece in pieces:
                    if self.cancelled():
                        raise StoppedError("reading was cancelled")
                    if self.settings.rate is not None:
                        self.settings.rate.take(len(piece))
                    hashes.update(piece)
                    self.progress.advance(len(piece))
        except ArchiveError as error:
            if len(self.reasons) < _REASONS:
                self.reasons[member.key] = error.message
            return False
        return True

    def hashes(self, member: Member, algorithms: tuple[Algorithm, ...]) -> MultiHash:
        """What takes a member's digests."""
        apart = self.settings.workers > 1 and member.octets > _APART
        return Lanes(algorithms) if apart and algorithms else MultiHash(algorithms)


def is_archive(path: Path) -> bool:
    """Whether a regular file is an archive that we read, or claims to be one.

    Raises:
        NotNowError: it cannot be read.
    """
    if by_name(path.name) is not None:
        return True
    try:
        with open_archive(path, LIMITS, headers_only=True):
            return True
    except ArchiveError:
        return False


def is_payload(path: bytes) -> bool:
    """Whether a path is below ``data/``, of the archive or of a folder in it."""
    return b"data" in path.split(b"/", 2)[:-1]


def named(kept: Kept, *, tags: bool) -> tuple[Algorithm, ...]:
    """The algorithms of the manifests of one kind that were met."""
    parsed = (ManifestName.parse(path.rpartition(b"/")[2]) for path in kept)
    names = (name for name in parsed if name is not None and name.is_tag is tags)
    known = {name.algorithm for name in names if name.algorithm is not None}
    return tuple(sorted(known, key=lambda each: each.value))


def look(work: Work, findings: Findings, *, digests: bool) -> tuple[Found, Digests, Digests]:
    """Read an archive for the first time, keeping the tag files that have to be understood.

    Args:
        digests: whether to take some that are likely to be wanted, where the archive is packed
            as a whole, so that going through it is what takes time.

    Returns:
        What was found, digests of the payload, digests of all else.

    Raises:
        NotNowError: it changes, cannot be read, or there is no room for temporary files.
        StoppedError: cancelled.
    """
    found = Found(by_name(work.path.name) or Packing.TAR, Kept(0))
    first = _First(work, findings, found)
    try:
        with open_archive(work.path, LIMITS, headers_only=True) as archive:
            found.packing = archive.packing
            found.kept = Kept(max(_KEPT_AT_LEAST, archive.octets * _KEPT_RATIO))
            first.digests = digests and archive.packing not in (Packing.TAR, Packing.ZIP)
            first.go_through(archive)
    except ArchiveError as error:
        found.error = error
    return found, first.payload or Digests.of(()), first.tags


def look_again(
    work: Work, payload: tuple[Algorithm, ...], tags: tuple[Algorithm, ...]
) -> tuple[Digests, Digests]:
    """Read the contents once more, for digests that are lacking; as :func:`look` otherwise."""
    taken = Digests.of(payload), Digests.of(tags)
    with open_archive(work.path, LIMITS, headers_only=True) as archive:
        try:
            for member in work.members(archive):
                into = taken[0] if is_payload(member.key) else taken[1]
                if member.kind is MemberKind.FILE and into.algorithms:
                    _take(work, member, member.chunks(), into)
        except ArchiveError:
            pass  # told when it was read first
    return taken


def _take(work: Work, member: Member, pieces: Iterable[bytes], into: Digests) -> None:
    hashes = work.hashes(member, into.algorithms)
    if work.read(member, pieces, hashes):
        size = hashes.octets.to_bytes(SIZE, "little")
        found = hashes.digests()
        values = b"".join(found[each].value for each in into.algorithms)
        into.records.add(member.key, size + values)


class _First:
    """The first reading."""

    def __init__(self, work: Work, findings: Findings, found: Found) -> None:
        self._work, self._findings, self._found = work, findings, found
        self._parent = b""
        self.digests = False
        self.payload: Digests | None = None  # which algorithms, the first payload file decides
        self.tags = Digests.of(())

    def go_through(self, archive: Archive) -> None:
        if self.digests:
            self.tags = Digests.of(LIKELY_OF_TAGS)
        for member in self._work.members(self._told(archive)):
            self._note(member)

    def _told(self, archive: Archive) -> Iterator[Member]:
        """The members; what forbids one is told."""
        for member in archive:
            self._tell(member)
            yield member

    def _tell(self, member: Member) -> None:
        flags, shown = member.flags, display(member.path)
        if Flag.ESCAPES in flags:
            self._findings.add("BAG-PATH-UNSAFE", shown)
        if Flag.DUPLICATE in flags:
            self._findings.add("BAG-MEMBER-TWICE", shown)
        for flag in flags & {Flag.TOO_LONG, Flag.TOO_DEEP}:
            self._findings.add("BAG-ARCHIVE-LIMIT", shown, f"Found: {flag.value}.")
        for flag in sorted(flags & _AMBIGUOUS, key=lambda each: each.value):
            self._findings.add("BAG-MEMBER-AMBIGUOUS", shown, f"Found: {flag.value}.")

    def _note(self, member: Member) -> None:
        found, path = self._found, member.key
        if not path:
            return
        if len(found.tops) <= 10:
            found.tops.add(path.split(b"/", 1)[0] + (b"/" if _is_in_folder(member) else b""))
        match member.kind:
            case MemberKind.FOLDER:
                found.folders.add(path)
            case MemberKind.FILE:
                self._file(member, path)
            case MemberKind.HARD_LINK:
                found.links.add(_key(member.target) + b"\0" + path)
            case _:
                kind = _KINDS.get(member.kind, Kind.DEVICE)
                found.odd.add(path, bytes([KINDS.index(kind)]))
        parent = path.rpartition(b"/")[0]
        if parent != self._parent:
            self._parent = parent
            if parent:
                found.folders.add(parent)

    def _file(self, member: Member, path: bytes) -> None:
        found = self._found
        found.files.add(path, member.octets.to_bytes(SIZE, "little"))
        pieces: Iterable[bytes] = member.chunks()
        folder, _, name = path.rpartition(b"/")
        if b"/" not in folder and (name in KEPT or ManifestName.parse(name) is not None):
            pieces = found.kept.keep(path, member.chunks())
        elif not self.digests:
            return
        _take(self._work, member, pieces, self._into(path))

    def _into(self, path: bytes) -> Digests:
        if not self.digests or not is_payload(path):
            return self.tags
        if self.payload is None:
            self.payload = Digests.of(named(self._found.kept, tags=False) or LIKELY)
        return self.payload


def _is_in_folder(member: Member) -> bool:
    return b"/" in member.key or member.kind is MemberKind.FOLDER


def _key(target: bytes) -> bytes:
    """What a hard link leads to, as a member's key."""
    while target.startswith(b"./"):
        target = target[2:]
    return target
