"""Package in one pass: every source byte is read once, hashed, compared with the digests that
came along, and written once into the bag; identification follows while the pages are warm.

Memory holds a few hundred files at a time, whatever the deposit.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from preservation.bags.write import BagWriter
from preservation.catalogue.protocol import FormatCount
from preservation.errors import MalformedError
from preservation.files import durable
from preservation.files.walk import Entry, Kind, walk
from preservation.fixity.multihash import MultiHash
from preservation.ingest.fenced import Fenced, cannot_read, open_root
from preservation.ingest.metadata import (
    INVENTORY_COLUMNS,
    TREE_COLUMNS,
    csv_line,
    inventory_row,
    tree_row,
)
from preservation.model.digest import Algorithm, Comparison, Digest
from preservation.model.finding import Finding, Severity
from preservation.model.identification import Identification, Toolchain
from preservation.model.names import display
from preservation.model.progress import Progress
from preservation.policy.policy import FormatRules

CHUNK = 256
LISTED = 1000


class Identify(Protocol):
    """Says what files are: ``preservation.formats``."""

    @property
    def toolchain(self) -> Toolchain: ...

    def identify(self, root: Path, paths: Sequence[bytes]) -> list[Identification]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A deposit as a folder, wherever it came from.

    Attributes:
        payload: what every payload path begins with: ``b""``, or ``b"data/"`` of a bag.
        supplied: digests that came along, by payload path.
        exhaustive: whether a file that has no supplied digest is an error (a bag's manifests)
            or only counted (a checksum list).
    """

    root: Path
    payload: bytes
    supplied: Mapping[bytes, tuple[Digest, ...]]
    exhaustive: bool

    @property
    def algorithms(self) -> set[Algorithm]:
        """What is needed to verify the digests that came along."""
        return {digest.algorithm for digests in self.supplied.values() for digest in digests}


@dataclass(slots=True)
class Packaged:
    """What packaging saw, besides what the writer knows."""

    findings: list[Finding] = field(default_factory=list)
    matched: int = 0
    differs: int = 0
    unlisted: int = 0
    absent: int = 0
    listed: set[bytes] = field(default_factory=set)  # files that a supplied digest was met for
    formats: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)

    @property
    def supplied(self) -> dict[str, int]:
        """How the digests that came along fared; empty if none came."""
        if not (self.matched or self.differs or self.absent):
            return {}
        return {
            "matched": self.matched,
            "differs": self.differs,
            "absent": self.absent,
            "unlisted": self.unlisted,
        }

    @property
    def counts(self) -> tuple[FormatCount, ...]:
        """Formats by PUID, MIME and name."""
        return tuple(
            FormatCount(puid, mime, name, files, octets)
            for (puid, mime, name), (files, octets) in sorted(self.formats.items())
        )

    def find(self, finding: Finding) -> None:
        """Note a finding; a bounded number in all."""
        if len(self.findings) < LISTED:
            self.findings.append(finding)


class _Row(NamedTuple):
    """One payload file, written; ``digests`` by every algorithm that anybody asked for."""

    path: bytes
    octets: int
    digests: Mapping[Algorithm, Digest]


def package(
    source: Source,
    writer: BagWriter,
    folder: Path,
    identifier: Identify,
    rules: FormatRules,
    scratch: Path,
    workers: int,
    progress: Progress,
) -> Packaged:
    """Write payload, deposit metadata, tree and inventory into the bag.

    Args:
        folder: the one that ``writer`` fills.
        scratch: an existing private folder for two spool files.

    Raises:
        Changed: a file changed, or was taken away, while it was read.
        NotNowError: the deposit cannot be read (``DEP-READ``), or a disk is in the way.
        NoSpaceError: the tier or the scratch folder is full.
    """
    packaged = Packaged()
    inventory, tree = scratch / "inventory.csv", scratch / "tree.csv"
    with durable.plain_errors(scratch):
        root = open_root(source.root)
        try:
            with inventory.open("wb") as rows, tree.open("wb") as entries:
                rows.write(csv_line(INVENTORY_COLUMNS))
                entries.write(csv_line(TREE_COLUMNS))
                files = _payload(packaged, source, root, writer, entries)
                work = _Work(source, root, writer, folder / "data", identifier, progress)
                for row, found in work.through(packaged, files, workers):
                    rows.write(_inventory(row, found))
                    _judge(packaged, source, row, found, rules)
        finally:
            os.close(root)
        _absent(packaged, source)
        for spool in (inventory, tree):
            with spool.open("rb") as content:
                writer.tag(b"metadata/" + os.fsencode(spool.name), _read(content))
    return packaged


def _payload(
    packaged: Packaged, source: Source, root: int, writer: BagWriter, tree: BinaryIO
) -> Iterator[tuple[bytes, Entry]]:
    """Walk the deposit: payload files are yielded, the depositor's tag files kept as they are."""
    for entry in walk(source.root):
        tree.write(tree_row(entry))
        if entry.kind is not Kind.FILE:
            continue
        if entry.path.startswith(source.payload):
            yield entry.path[len(source.payload) :], entry
            continue
        try:
            with Fenced(root, entry) as content:
                writer.tag(b"metadata/deposit/" + entry.path, _read(content))
                content.still()
        except PermissionError as error:
            packaged.find(cannot_read(entry.path, error))


class _Work:
    """The pipeline: threads read, hash and write; one more asks for the formats."""

    def __init__(
        self,
        source: Source,
        root: int,
        writer: BagWriter,
        payload: Path,
        identifier: Identify,
        progress: Progress,
    ) -> None:
        self._source = source
        self._root = root
        self._writer = writer
        self._identifier = identifier
        self._progress = progress
        self._payload = payload
        self._also = set(source.algorithms) - set(writer.algorithms)

    def through(
        self, packaged: Packaged, files: Iterator[tuple[bytes, Entry]], workers: int
    ) -> Iterator[tuple[_Row, Identification]]:
        """Take files in chunks; rows come out in the order of the walk."""
        pending: deque[tuple[list[_Row], Future[list[Identification]]]] = deque()
        with ThreadPoolExecutor(workers) as hands, ThreadPoolExecutor(1) as asking:
            while chunk := list(itertools.islice(files, CHUNK)):
                rows = []
                for done in hands.map(self._write, chunk):
                    if isinstance(done, Finding):
                        packaged.find(done)
                    else:
                        rows.append(done)
                pending.append((rows, asking.submit(self._identify, rows)))
                if len(pending) > 1:
                    yield from _zipped(*pending.popleft())
            while pending:
                yield from _zipped(*pending.popleft())

    def _write(self, file: tuple[bytes, Entry]) -> _Row | Finding:
        """Copy one file; a finding if it may not be read, or has a name that cannot be kept."""
        path, entry = file
        also = MultiHash(self._also)
        try:
            with Fenced(self._root, entry, also) as content:
                source = cast(BinaryIO, content)
                written = self._writer.add(path, source, self._progress, content.still)
        except PermissionError as error:
            return cannot_read(entry.path, error)
        except MalformedError as error:
            return Finding("DEP-NAME-UNKEPT", display(entry.path), error.message, error.hint)
        return _Row(path, written.octets, {**also.digests(), **written.digests})

    def _identify(self, rows: list[_Row]) -> list[Identification]:
        return self._identifier.identify(self._payload, [row.path for row in rows])


def _zipped(
    rows: list[_Row], formats: Future[list[Identification]]
) -> Iterator[tuple[_Row, Identification]]:
    return zip(rows, formats.result(), strict=True)


def _inventory(row: _Row, found: Identification) -> bytes:
    return inventory_row(b"data/" + row.path, row.octets, row.digests, found)


def _judge(
    packaged: Packaged, source: Source, row: _Row, found: Identification, rules: FormatRules
) -> None:
    key = (found.puid, found.mime, found.name)
    count = packaged.formats.setdefault(key, [0, 0])
    count[0] += 1
    count[1] += row.octets
    _compare(packaged, source, row)
    subject = display(row.path)
    if found.puid in rules.refused or (found.mime and found.mime in rules.refused):
        name = found.name or found.mime
        packaged.find(
            Finding(
                "DEP-FORMAT-REFUSED",
                subject,
                f"{name} ({found.puid or found.mime}) is a format that this community refuses",
                "convert it to one of: " + ", ".join(rules.preferred),
            )
        )
    if rules.refuse_unidentified and not found.puid:
        packaged.find(
            Finding(
                "DEP-FORMAT-UNKNOWN",
                subject,
                "its format could not be identified, and this community asks that it can",
                "deposit it in a format that PRONOM knows",
            )
        )


def _compare(packaged: Packaged, source: Source, row: _Row) -> None:
    expected = source.supplied.get(row.path)
    if not expected:  # a listed name whose digest says nothing is not listed
        packaged.unlisted += 1
        if source.exhaustive:
            packaged.find(
                Finding(
                    "DEP-NOT-LISTED",
                    display(row.path),
                    "lies in the payload, but in none of the bag's manifests",
                    "add it to the manifests, or take it out",
                )
            )
        return
    packaged.listed.add(row.path)
    wrong = [
        digest
        for digest in expected
        if digest.compare(row.digests[digest.algorithm]) is not Comparison.SAME
    ]
    if not wrong:
        packaged.matched += 1
        return
    packaged.differs += 1
    seen = row.digests[wrong[0].algorithm]
    packaged.find(
        Finding(
            "DEP-DIGEST-DIFFERS",
            display(row.path),
            f"the depositor's digest is {wrong[0]}, the file's is {seen}",
            "send the file again, or mend the list of digests",
        )
    )


def _absent(packaged: Packaged, source: Source) -> None:
    for path, digests in source.supplied.items():
        if digests and path not in packaged.listed:
            packaged.absent += 1
            packaged.find(
                Finding(
                    "DEP-ABSENT",
                    display(path),
                    "a digest came along for it, but the file did not",
                    "send the file, or take it off the list",
                    # A bag's manifest is a promise; a list may speak of more than was sent.
                    Severity.ERROR if source.exhaustive else Severity.WARNING,
                )
            )


def _read(content: BinaryIO | Fenced) -> Iterator[bytes]:
    while piece := content.read(1 << 18):
        yield piece
