"""A bag in an archive, which is validated as it is: nothing is unpacked.

Names are known after one reading; of a plain tar and of a zip that is a matter of headers. Of
a packed tar, digests are taken in the same reading: by the algorithms of the manifests that
came first, else by the likely ones. It is read again only if a manifest wants others.

Source: draft-kunze-bagit-14 section 4; RFC 8493 leaves serialisation out.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from preservation.bags.archive_pass import (
    KINDS,
    SIZE,
    Digests,
    Work,
    is_archive,
    look,
    look_again,
    named,
)
from preservation.bags.findings import Findings
from preservation.bags.manifest import PAYLOAD
from preservation.errors import UsageError
from preservation.files.archives.errors import ArchiveChangedError, ArchiveError, ArchiveLimitError
from preservation.files.archives.packing import by_name
from preservation.files.scan import Names, Other
from preservation.files.sorting import Slice, Sorter, aligned, distinct
from preservation.files.walk import Kind
from preservation.fixity.compare import Compared, Expected, Unequal
from preservation.fixity.engine import EngineSettings, never
from preservation.fixity.reading import Measured, Reading
from preservation.model.digest import Algorithm, Digest
from preservation.model.names import display
from preservation.model.progress import Progress

DECLARATION = b"bagit.txt"
_AMBIGUOUS = {"ARC-TRAILING", "ARC-GAP", "ARC-OVERLAP", "ARC-AMBIGUOUS"}


def open_archived(
    path: Path,
    findings: Findings,
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool],
    *,
    digests: bool,
) -> ArchiveOrigin:
    """The bag in a file that is an archive, or claims to be one.

    Raises:
        UsageError: it is neither.
        NotNowError: it cannot be read.
    """
    if not is_archive(path.resolve()):
        raise UsageError(
            f"neither a folder nor an archive: {display(os.fsencode(path))}",
            hint="a bag is a folder, or a tar, tar.gz, tar.bz2, tar.xz, tar.zst or zip of one",
            code="BAG-NOT-A-FOLDER",
        )
    return ArchiveOrigin(path, findings, settings, progress, cancelled, digests=digests)


class ArchiveOrigin:
    """A bag in an archive. Use it as a context; entering it reads the archive.

    Args:
        path: the archive's file.
        findings: where to tell what is wrong with it as an archive.
        settings: how hard to work.
        progress: hears of every octet that is hashed.
        cancelled: asked now and then.
        digests: whether :meth:`compare` will be asked for.
    """

    def __init__(
        self,
        path: Path,
        findings: Findings,
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool] = never,
        *,
        digests: bool,
    ) -> None:
        # The name is the one given; the file may be reached by a link.
        self._name = os.fsencode(path.name)
        self._work = Work(path.resolve(), settings, progress, cancelled)
        self._findings, self._wanted = findings, digests
        self._base = b""
        self._files: list[Sorter] = []
        self._links = Sorter()  # resolved: what they lead to, a NUL, their own path
        self._digests: list[tuple[Digests, Digests]] = []  # of payload and of tag files

    def __enter__(self) -> Self:
        self._fence = _look_of(self._work.path)
        if self._wanted:
            self._work.progress.begin("validate", None)
        self._found, *taken = look(self._work, self._findings, digests=self._wanted)
        self._unchanged()
        self._settle()
        if any(each.algorithms for each in taken):
            self._digests.append((self._with_links(taken[0]), self._with_links(taken[1])))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Temporary files go with the object."""

    @property
    def kind(self) -> str:
        return self._found.packing.value

    def scan(self, *, sizes: bool) -> Iterator[Names | Other]:
        del sizes  # an archive tells them in any case
        has_payload = False
        for piece in chain.from_iterable(distinct(files.slices()) for files in self._files):
            for names in _sorted_out(self._below(piece)):
                has_payload = has_payload or names.paths[0].startswith(PAYLOAD)
                yield names
        for folders in self._found.folders.slices():
            has_payload = has_payload or self._full(b"data") in folders.paths
        if has_payload:
            yield Other(b"data", Kind.FOLDER, "")
        for odd in self._found.odd.slices():
            below = self._below(odd)
            for number, path in enumerate(below.paths):
                yield Other(path, KINDS[below.value(number)[0]], "")

    def expect(self, paths: Sequence[bytes], algorithms: tuple[Algorithm, ...]) -> None:
        """Nothing: an archive is read from its beginning to its end."""

    def blocks(self, path: bytes) -> Iterator[bytes]:
        return self._found.kept.blocks(self._full(path))

    def compare(
        self, batches: Iterable[Expected], algorithms: Sequence[Algorithm]
    ) -> Iterator[Compared]:
        first = next(iter(batches := iter(batches)), None)
        if first is None or not algorithms:
            return
        comparison = _Comparison(self._stores(first, algorithms), self._full, self._work.reasons)
        yield from comparison.run(chain([first], batches))

    def _stores(self, first: Expected, algorithms: Sequence[Algorithm]) -> list[Digests]:
        """Digests of those algorithms; the archive is read again for what is lacking."""
        area = 0 if first.paths[0].startswith(PAYLOAD) else 1
        have = {each for pair in self._digests for each in pair[area].algorithms}
        lacking = tuple(each for each in algorithms if each not in have)
        if lacking:
            wanted = {area: lacking}
            if not self._digests:  # then those of the other area are still to be taken, too
                wanted.setdefault(1 - area, named(self._found.kept, tags=area == 0))
            payload, tags = look_again(self._work, wanted.get(0, ()), wanted.get(1, ()))
            self._unchanged()
            self._digests.append((self._with_links(payload), self._with_links(tags)))
        return [pair[area] for pair in self._digests if pair[area].algorithms]

    def _settle(self) -> None:
        """Find the bag in the archive, and tell what is wrong with the archive around it."""
        found, findings = self._found, self._findings
        if found.error is not None:
            self._tell(found.error)
        self._find_base()
        self._files = [found.files, self._resolved(found.links)]
        for files, folders in aligned([found.files.slices(), distinct(found.folders.slices())]):
            for path in sorted(set(files.paths).intersection(folders.paths)):
                findings.add("BAG-MEMBER-TWICE", display(path), "It is a file and a folder.")

    def _tell(self, error: ArchiveError) -> None:
        # Behind the end of a tar there may be anything; all that is in it is known. In a zip it
        # hides the directory, so nothing is.
        self._findings.unfinished = error.code != "ARC-TRAILING" or not self._found.tops
        code = "BAG-ARCHIVE-DAMAGED"
        if isinstance(error, ArchiveLimitError):
            code = "BAG-ARCHIVE-LIMIT"
        elif error.code in _AMBIGUOUS:
            code = "BAG-ARCHIVE-AMBIGUOUS"
        subject = display(error.path or self._name)
        advice = f" {error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
        self._findings.add(code, subject, f"{error.code}: {error.message}.{advice}")

    def _find_base(self) -> None:
        """The folder with ``bagit.txt``, beside which nothing may lie, and its archive's name."""
        found, findings = self._found, self._findings
        name, shown = self._name, display(self._name)
        bags = sorted(path[: -len(DECLARATION)] for path in found.kept if _declares(path))
        folders = sorted(top for top in found.tops if top.endswith(b"/"))
        base = next(iter(bags or folders), b"")
        self._base = base.rstrip(b"/")
        if not base and (found.tops or not findings.unfinished):
            detail = "It holds the bag's files themselves." if bags else "It holds no folder."
            findings.add("BAG-ARCHIVE-TOP", shown, detail)
        for other in sorted(found.tops - {base}) if base else ():
            findings.add("BAG-ARCHIVE-TOP", shown, f"Found: {display(other)}.")
        claimed = by_name(os.fsdecode(name))
        if claimed is not found.packing:
            said = "none that is known" if claimed is None else claimed.value
            detail = f"It is a {found.packing.value}, its extension is {said}."
            findings.add("BAG-ARCHIVE-EXTENSION", shown, detail)
        elif base and not name.startswith(self._base + b"."):
            findings.add("BAG-ARCHIVE-NAME", shown, f"Its folder is {display(self._base)}.")

    def _resolved(self, links: Sorter) -> Sorter:
        """Hard links to files that are here: they are files as well. Others are told as links."""
        linked = Sorter(SIZE)
        for size, target, path in _joined(self._found.files, links):
            if size:
                linked.add(path, size)
                self._links.add(target + b"\0" + path)
                self._found.kept.also(path, target)
            else:
                self._found.odd.add(path, bytes([KINDS.index(Kind.LINK)]))
        return linked

    def _with_links(self, digests: Digests) -> Digests:
        """The same, with what hard links lead to under their own names."""
        whole = Digests.of(digests.algorithms)
        if not len(self._links) or not digests.algorithms:
            return digests
        for value, _, path in _joined(digests.records, self._links):
            if value:
                whole.records.add(path, value)
        for piece in digests.records.slices():
            whole.records.extend(piece.paths, piece.values)
        return whole

    def _full(self, path: bytes) -> bytes:
        return self._base + b"/" + path if self._base else path

    def _below(self, piece: Slice) -> Slice:
        """Those that are in the bag, with their paths in it."""
        if not self._base:
            return piece
        before = self._base + b"/"
        inside = piece.part(
            bisect_left(piece.paths, before), bisect_left(piece.paths, self._base + b"0")
        )
        return Slice([path[len(before) :] for path in inside.paths], inside.values)

    def _unchanged(self) -> None:
        if _look_of(self._work.path) != self._fence:
            raise ArchiveChangedError(
                f"{display(os.fsencode(self._work.path))}: changed while it was read",
                hint="wait until nobody writes to it, then try again",
            )


class _Comparison:
    """Compares what manifests say with what was read, both in the order of paths."""

    def __init__(
        self,
        stores: Sequence[Digests],
        full: Callable[[bytes], bytes],
        reasons: Mapping[bytes, str],
    ) -> None:
        self._stores, self._full, self._reasons = stores, full, reasons
        self._cursors: list[_Cursor] = []
        self._later: dict[tuple[Algorithm, ...], Sorter] = {}  # paths that came out of order
        self._last = b""

    def run(self, batches: Iterable[Expected]) -> Iterator[Compared]:
        """Every file in one of the results."""
        self._rewind()
        for batch in batches:
            yield self._compare(batch)
        later, self._later = self._later, {}
        for algorithms, sorter in later.items():
            self._rewind()
            for piece in sorter.slices():
                yield self._compare(_columns(piece, algorithms))

    def _rewind(self) -> None:
        self._cursors = [_Cursor(store.records) for store in self._stores]
        self._last = b""

    def _compare(self, batch: Expected) -> Compared:
        intact = octets = 0
        unequal: list[Unequal] = []
        for number, path in enumerate(batch.paths):
            wanted = _wanted(batch, number)
            if path < self._last:
                width = sum(each.octets for each in batch.algorithms)
                later = self._later.setdefault(batch.algorithms, Sorter(width))
                later.add(path, b"".join(digest.value for digest in wanted))
                continue
            self._last = path
            seen = self._measured(path)
            octets += seen.octets
            if all(seen.digests.get(digest.algorithm) == digest for digest in wanted):
                intact += 1
            else:
                unequal.append(Unequal(seen, wanted))
        return Compared(intact, octets, unequal)

    def _measured(self, path: bytes) -> Measured:
        full, octets = self._full(path), 0
        digests: dict[Algorithm, Digest] = {}
        for store, cursor in zip(self._stores, self._cursors, strict=True):
            value = cursor.find(full)
            if not value:
                reason = self._reasons.get(full, "it could not be read to its end")
                return Measured(path, Reading.UNREADABLE, reason=reason)
            octets, at = int.from_bytes(value[:SIZE], "little"), SIZE
            for algorithm in store.algorithms:
                digests[algorithm] = Digest(algorithm, value[at : at + algorithm.octets])
                at += algorithm.octets
        return Measured(path, Reading.READ, octets, digests)


class _Cursor:
    """Finds paths in a sorted list, if they are asked for in order."""

    def __init__(self, records: Sorter) -> None:
        self._slices = distinct(records.slices())
        self._held, self._at = Slice([], b""), 0

    def find(self, path: bytes) -> bytes:
        """The value of one; empty if it is not there."""
        while not self._held.paths or self._held.paths[-1] < path:
            following = next(self._slices, None)
            if following is None:
                return b""
            self._held, self._at = following, 0
        self._at = bisect_left(self._held.paths, path, self._at)
        return self._held.value(self._at) if self._held.paths[self._at] == path else b""


def _joined(files: Sorter, links: Sorter) -> Iterator[tuple[bytes, bytes, bytes]]:
    """For each link the value of what it leads to, empty if that is not there; target, path."""
    cursor = _Cursor(files)
    for piece in links.slices():
        for record in piece.paths:
            target, _, path = record.partition(b"\0")
            yield cursor.find(target), target, path


def _sorted_out(piece: Slice) -> Iterator[Names]:
    """The payload of some files, and the rest of them."""
    start = bisect_left(piece.paths, PAYLOAD)
    end = bisect_left(piece.paths, PAYLOAD[:-1] + b"0")
    for part in (piece.part(0, start), piece.part(start, end), piece.part(end, len(piece.paths))):
        if part.paths:
            yield Names(part.paths, sum(memoryview(part.values).cast("Q")))


def _columns(piece: Slice, algorithms: tuple[Algorithm, ...]) -> Expected:
    values = [piece.value(number) for number in range(len(piece.paths))]
    columns, at = [], 0
    for algorithm in algorithms:
        columns.append(b"".join(value[at : at + algorithm.octets] for value in values))
        at += algorithm.octets
    return Expected(piece.paths, algorithms, tuple(columns))


def _wanted(batch: Expected, number: int) -> tuple[Digest, ...]:
    columns = zip(batch.algorithms, batch.digests, strict=True)
    return tuple(
        Digest(each, column[number * each.octets : (number + 1) * each.octets])
        for each, column in columns
    )


def _declares(path: bytes) -> bool:
    return path == DECLARATION or path.endswith(b"/" + DECLARATION)


def _look_of(path: Path) -> tuple[int, ...]:
    """What changes if the file does."""
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
