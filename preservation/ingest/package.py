"""Package in one pass: every source byte is read once, hashed, compared with the digests that
came along, and written once into the bag; identification, format checks and virus scans follow
while the pages are warm.

Memory holds what is known of a few thousand files at a time, whatever the deposit.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from preservation.bags.tree import TREE_COLUMNS, csv_line, tree_row
from preservation.bags.write import BagWriter
from preservation.catalogue.protocol import FormatCount
from preservation.files import durable
from preservation.files.walk import Entry, Kind, walk
from preservation.fixity.crew import LARGE_FOR_HELPERS
from preservation.ingest.copying import PayloadCopier, Row, expect_the_same
from preservation.ingest.fenced import Fenced, cannot_read, fenced, open_root
from preservation.ingest.inspect import Inspected, Inspection, Inspector
from preservation.ingest.judge import Judge, ruling_of
from preservation.ingest.metadata import inventory_row
from preservation.ingest.names import Names
from preservation.ingest.supplied import Comparing, Supplied
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.finding import Finding, Severity
from preservation.model.identification import Identification
from preservation.model.inventory import COLUMNS
from preservation.model.progress import Progress
from preservation.policy.formats import FormatRules

CHUNK = 128
AT_ONCE = 24  # chunks under way: a file that takes its time, copied or looked into, stops no other
FIRST = 512  # files that are met before any is copied: they tell what is worth starting
LISTED = 1000
_OF_DEPOSIT = b"metadata/deposit/"


@dataclass(frozen=True, slots=True)
class Source:
    """A deposit as a folder, wherever it came from.

    Attributes:
        payload: what every payload path begins with: ``b""``, or ``b"data/"`` of a bag.
        supplied: the digests that came along.
        encode: names that are not UTF-8 are kept in an encoded form.
    """

    root: Path
    payload: bytes
    supplied: Supplied
    encode: bool = False


@dataclass(slots=True)
class Packaged:
    """What packaging saw, besides what the writer knows.

    Attributes:
        supplied: how the digests that came along fared; empty if none came.
        inspection: format checks and virus scans in numbers.
    """

    findings: list[Finding] = field(default_factory=list)
    supplied: dict[str, int] = field(default_factory=dict)
    formats: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    inspection: Inspection = field(default_factory=Inspection)
    _noted: Counter[bool] = field(default_factory=Counter)

    @property
    def counts(self) -> tuple[FormatCount, ...]:
        """Formats by PUID, MIME and name."""
        return tuple(
            FormatCount(puid, mime, name, files, octets)
            for (puid, mime, name), (files, octets) in sorted(self.formats.items())
        )

    def find(self, findings: Iterable[Finding]) -> None:
        """Note findings: a bounded number of warnings and of others, so that no warning takes the
        place of what rejects the deposit.
        """
        for finding in findings:
            kind = finding.severity is Severity.WARNING
            if self._noted[kind] < LISTED:
                self._noted[kind] += 1
                self.findings.append(finding)

    def count(self, row: Row, found: Identification) -> None:
        """Count one file in."""
        count = self.formats.setdefault((found.id, found.mime, found.name), [0, 0])
        count[0] += 1
        count[1] += row.octets


def package(
    source: Source,
    writer: BagWriter,
    folder: Path,
    inspector: Inspector,
    rules: FormatRules,
    scratch: Path,
    workers: int,
    progress: Progress,
) -> Packaged:
    """Write payload, deposit metadata, tree and inventory into the bag.

    Args:
        folder: the one that ``writer`` fills.
        scratch: an existing private folder for three spool files.

    Raises:
        Changed: a file changed, or was taken away, while it was read.
        NotNowError: the deposit cannot be read (``DEP-READ``), a disk is in the way, or a virus
            scan that is demanded cannot be had now.
        NoSpaceError: the tier or the scratch folder is full.
    """
    packaged, comparing, judge = Packaged(), Comparing(source.supplied), Judge(rules)
    inventory, tree, renamed = (
        scratch / name for name in ("inventory.csv", "tree.csv", "names.csv")
    )
    with durable.plain_errors(scratch):
        root = open_root(source.root)
        try:
            with (
                inventory.open("wb") as rows,
                tree.open("wb") as entries,
                renamed.open("wb") as pairs,
                PayloadCopier(
                    root, writer, source.supplied.algorithms, workers, progress
                ) as copier,
            ):
                rows.write(csv_line(COLUMNS))
                entries.write(csv_line(TREE_COLUMNS))
                names = Names(pairs, encode=source.encode)
                files = _payload(packaged, source, root, writer, entries, names)
                work = _Work(copier, folder / "data", inspector)
                for row, inspected in work.through(packaged, files):
                    found, check, scan = inspected
                    ruling = ruling_of(found, rules)
                    path = names.original(row.path)
                    listed = b"data/" + path
                    rows.write(
                        inventory_row(listed, row.octets, row.digests, found, check, scan, ruling)
                    )
                    packaged.count(row, found)
                    again = partial(expect_the_same, folder / "data", row)
                    packaged.find(comparing.compare(path, row.digests, again))
                    packaged.find(judge.file(path, found, check))
                    packaged.find(inspector.judge(path, inspected))
        finally:
            os.close(root)
        _conclude(packaged, comparing, judge, inspector, folder)
        _keep_tables(writer, (inventory, tree, renamed) if names.any else (inventory, tree))
    return packaged


def _conclude(
    packaged: Packaged, comparing: Comparing, judge: Judge, inspector: Inspector, folder: Path
) -> None:
    """What can be said only when every file was seen."""
    packaged.find(_scanned_tags(inspector, folder))
    packaged.find(comparing.missing())
    packaged.find(judge.flags())
    packaged.find(inspector.unscanned())
    packaged.inspection = inspector.inspection()
    packaged.supplied = comparing.counts


def _keep_tables(writer: BagWriter, spools: Iterable[Path]) -> None:
    for spool in spools:
        with spool.open("rb") as content:
            writer.tag(b"metadata/" + os.fsencode(spool.name), _read(content))


def _payload(
    packaged: Packaged,
    source: Source,
    root: int,
    writer: BagWriter,
    tree: BinaryIO,
    names: Names,
) -> Iterator[tuple[bytes, Entry]]:
    """Walk the deposit: payload files are yielded, the depositor's tag files kept as they are."""
    for entry in walk(source.root):
        tree.write(tree_row(entry))
        if entry.kind is not Kind.FILE:
            continue
        if entry.path.startswith(source.payload):
            yield names.keep(b"data/", entry.path[len(source.payload) :]), entry
            continue
        try:
            with fenced(root, entry) as content:
                kept = names.keep(_OF_DEPOSIT, entry.path)
                writer.tag(_OF_DEPOSIT + kept, _read(content))
                content.still()
        except PermissionError as error:
            packaged.find([cannot_read(entry.path, error)])


class _Work:
    """The pipeline: files are looked into as soon as they are copied, whatever is copied beside
    them; rows come out in the order of the walk.
    """

    def __init__(self, copier: PayloadCopier, payload: Path, inspector: Inspector) -> None:
        self._copier = copier
        self._inspector = inspector
        self._payload = payload

    def through(
        self, packaged: Packaged, files: Iterator[tuple[bytes, Entry]]
    ) -> Iterator[tuple[Row, Inspected]]:
        """Take files in chunks."""
        first = list(itertools.islice(files, FIRST))
        self._copier.expect(first)
        files = itertools.chain(first, files)
        begun: deque[list[_Part]] = deque()
        more = True
        while more or begun:
            chunk = list(itertools.islice(files, CHUNK)) if more else []
            more = bool(chunk)
            if chunk:
                begun.append(self._begin(chunk))
                if len(begun) < AT_ONCE:
                    continue
            if begun:
                yield from _in_order(packaged, begun.popleft())

    def _begin(self, chunk: list[tuple[bytes, Entry]]) -> list[_Part]:
        """The parts of a chunk, each as often as it has files: no small one waits for a large."""
        of_large = [entry.octets > LARGE_FOR_HELPERS for _, entry in chunk]
        parts = {}
        for large in set(of_large):
            files = [one for one, kind in zip(chunk, of_large, strict=True) if kind == large]
            parts[large] = _Part(files, self._copier, self._inspect)
        return [parts[large] for large in of_large]

    def _inspect(self, rows: Sequence[Row]) -> Future[list[Inspected]]:
        digests = [row.digests[Algorithm.SHA256].hex for row in rows]
        return self._inspector.begin(self._payload, [row.path for row in rows], digests)


class _Part:
    """Some files that are copied, then looked into, without anybody waiting in between."""

    def __init__(
        self,
        files: Sequence[tuple[bytes, Entry]],
        copier: PayloadCopier,
        inspect: Callable[[Sequence[Row]], Future[list[Inspected]]],
    ) -> None:
        self._files, self._copier, self._inspect = files, copier, inspect
        self._copied: Future[tuple[list[Row | Finding], Future[list[Inspected]]]] = Future()
        self._copying = copier.begin(files)
        self._copying.when_done(self._look)

    def _look(self) -> None:
        try:
            told = list(self._copier.told(self._files, self._copying))
            rows = [one for one in told if isinstance(one, Row)]
            self._copied.set_result((told, self._inspect(rows)))
        except BaseException as error:  # noqa: BLE001 (raised where the rows are taken)
            self._copied.set_exception(error)

    def rows(self) -> Iterator[tuple[Row, Inspected] | Finding]:
        """What became of each file, in order; waits for it."""
        told, looked = self._copied.result()
        inspected = iter(looked.result())
        for one in told:
            yield one if isinstance(one, Finding) else (one, next(inspected))


def _in_order(packaged: Packaged, parts: Sequence[_Part]) -> Iterator[tuple[Row, Inspected]]:
    """The rows of a chunk, of which each file has its part."""
    rows = {part: part.rows() for part in dict.fromkeys(parts)}
    for part in parts:
        row = next(rows[part])
        if isinstance(row, Finding):
            packaged.find([row])
        else:
            yield row


def _scanned_tags(inspector: Inspector, folder: Path) -> Iterator[Finding]:
    """What a virus scan has against the depositor's tag files."""
    kept = folder / os.fsdecode(_OF_DEPOSIT)
    if not kept.is_dir():
        return
    paths = (_OF_DEPOSIT + entry.path for entry in walk(kept) if entry.kind is Kind.FILE)
    while some := list(itertools.islice(paths, CHUNK)):
        yield from inspector.scan(folder, some)


def _read(content: BinaryIO | Fenced) -> Iterator[bytes]:
    while piece := content.read(1 << 18):
        yield piece
