"""Package in one pass: every source byte is read once, hashed, compared with the digests that
came along, and written once into the bag; identification, format checks and virus scans follow
while the pages are warm.

Memory holds what is known of a few thousand files at a time, whatever the deposit.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from preservation.bags.tree import TREE_COLUMNS, csv_line, tree_row
from preservation.bags.write import BagWriter
from preservation.catalogue.protocol import FormatCount
from preservation.files import durable
from preservation.files.walk import Entry, Kind, walk
from preservation.ingest.copying import PayloadCopier, Row
from preservation.ingest.fenced import Fenced, cannot_read, fenced, open_root
from preservation.ingest.inspect import Inspected, Inspection, Inspector
from preservation.ingest.judge import Judge, ruling_of
from preservation.ingest.metadata import inventory_row
from preservation.ingest.names import Names
from preservation.ingest.supplied import Comparing, Supplied
from preservation.model.digest import Algorithm
from preservation.model.finding import Finding, Severity
from preservation.model.identification import Identification
from preservation.model.inventory import COLUMNS
from preservation.model.progress import Progress
from preservation.policy.formats import FormatRules

CHUNK = 128
AT_ONCE = 8  # chunks that are being copied
INSPECTED = 16  # chunks that are being looked into: a file that takes its time stops no copying
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
                    packaged.find(comparing.compare(path, row.digests))
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
    """The pipeline: chunks of files are copied while those before are looked into."""

    def __init__(self, copier: PayloadCopier, payload: Path, inspector: Inspector) -> None:
        self._copier = copier
        self._inspector = inspector
        self._payload = payload

    def through(
        self, packaged: Packaged, files: Iterator[tuple[bytes, Entry]]
    ) -> Iterator[tuple[Row, Inspected]]:
        """Take files in chunks; rows come out in the order of the walk."""
        copying: deque[Callable[[], Iterator[Row | Finding]]] = deque()
        asked: deque[tuple[list[Row], Future[list[Inspected]]]] = deque()
        more = True
        while more or copying:
            chunk = list(itertools.islice(files, CHUNK)) if more else []
            more = bool(chunk)
            if chunk:
                copying.append(self._copier.begin(chunk))
                if len(copying) < AT_ONCE:
                    continue
            if not copying:
                break
            rows = self._copied(packaged, copying.popleft())
            paths = [row.path for row in rows]
            digests = [row.digests[Algorithm.SHA256].hex for row in rows]
            asked.append((rows, self._inspector.begin(self._payload, paths, digests)))
            if len(asked) > INSPECTED:
                yield from _zipped(*asked.popleft())
        while asked:
            yield from _zipped(*asked.popleft())

    @staticmethod
    def _copied(packaged: Packaged, results: Callable[[], Iterator[Row | Finding]]) -> list[Row]:
        rows = []
        for done in results():
            if isinstance(done, Finding):
                packaged.find([done])
            else:
                rows.append(done)
        return rows


def _zipped(rows: list[Row], inspected: Future[list[Inspected]]) -> Iterator[tuple[Row, Inspected]]:
    return zip(rows, inspected.result(), strict=True)


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
