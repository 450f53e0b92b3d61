"""Makes a bag from a folder: the source stays as it is, the bag appears whole or not at all.

Source: RFC 8493; ``docs/formats/bag.md`` for what is written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preservation.bags.copying import Copier
from preservation.bags.fenced import SourceChangedError
from preservation.bags.findings import Findings
from preservation.bags.tagfiles import Element
from preservation.bags.write import BagWriter
from preservation.errors import UsageError
from preservation.files import durable
from preservation.files.walk import Entry, Kind, walk
from preservation.fixity.engine import EngineSettings, never
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Algorithm, Digest
from preservation.model.finding import Finding, is_fatal
from preservation.model.names import display
from preservation.model.progress import Progress

_CHUNK = 256  # files between two questions whether to go on


@dataclass(frozen=True, slots=True)
class CreateReport:
    """What became of it.

    Attributes:
        created: the bag is there; False if findings stood in the way.
        seal: SHA-256 of the bag's tag manifest; None without a bag.
        files, octets: of the payload.
    """

    created: bool
    findings: tuple[Finding, ...]
    files: int
    octets: int
    algorithms: tuple[Algorithm, ...]
    seal: Digest | None

    def to_json(self) -> dict[str, Any]:
        """The document of ``preserve bag create --json``."""
        return {
            "created": self.created,
            "files": self.files,
            "bytes": self.octets,
            "algorithms": [algorithm.value for algorithm in self.algorithms],
            "seal": None if self.seal is None else str(self.seal),
            "findings": [finding.to_json() for finding in self.findings],
        }


def create(
    src: Path,
    dest: Path,
    *,
    algorithms: Sequence[Algorithm],
    bag_info: Sequence[Element],
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool] = never,
) -> CreateReport:
    """Bag a folder's files.

    Args:
        src: read only; looked at as a whole before anything is written.
        dest: must not exist; its folder must. Not below ``src``.
        algorithms: for the manifests, beside SHA-256.
        bag_info: elements of ``bag-info.txt``; Payload-Oxum is added.
        settings: how many files to copy at the same time.
        progress: hears of every octet read.
        cancelled: asked for each batch of files.

    Raises:
        UsageError: ``src`` is no folder, or ``dest`` cannot be made.
        MalformedError: ``bag-info.txt`` cannot hold an element.
        SourceChangedError: the source changes while it is read.
        NotNowError: it cannot be read, or the medium is in the way.
    """
    source = _checked(src, dest)
    findings, total = Findings(), _Total()
    _examine(source, findings, total)
    told = findings.all()
    if is_fatal(told):
        return CreateReport(False, told, total.files, total.octets, (), None)
    progress.begin("create", total.octets)
    with _appearing(dest) as folder:
        writer = BagWriter(folder, algorithms)
        try:
            _fill(writer, source, total, settings.workers, progress, cancelled)
            facts = writer.payload()
            if facts.files != total.files:
                raise SourceChangedError(
                    f"{total.files} files were seen, {facts.files} were there to read",
                    hint="wait until whatever changes the folder has finished, then try again",
                )
            seal = writer.finish([*bag_info, ("Payload-Oxum", facts.oxum)])
        finally:
            writer.close()
    return CreateReport(True, told, facts.files, facts.octets, writer.algorithms, seal)


@dataclass(slots=True)
class _Total:
    files: int = 0
    octets: int = 0


def _checked(src: Path, dest: Path) -> Path:
    """The source without links on the way to it, if both ends are fit for use."""
    try:
        source, parent = src.resolve(strict=True), dest.parent.resolve(strict=True)
    except OSError as error:
        raise UsageError(f"not there: {error.filename}", hint="look at the path") from error
    if not source.is_dir():
        raise UsageError(f"not a folder: {src}", hint="name a folder with the files to bag")
    if os.path.lexists(dest):
        raise UsageError(f"is there already: {dest}", hint="name a folder that is not there yet")
    if parent.is_relative_to(source):
        raise UsageError(
            f"the bag would lie in the folder that it is made from: {dest}",
            hint="name a destination outside of the source",
        )
    return source


def _examine(source: Path, findings: Findings, total: _Total) -> None:
    """Everything that stands in the way, told at once; nothing is opened."""
    empty = b""
    for entry in walk(source):
        subject = display(entry.path)
        if empty and not entry.path.startswith(empty + b"/"):
            findings.add("BAG-SOURCE-EMPTY-FOLDER", display(empty))
        empty = b""
        if entry.kind is Kind.FILE:
            total.files += 1
            total.octets += entry.octets
            if not _is_text(entry.path):
                findings.add("BAG-SOURCE-NAME", subject)
        elif entry.kind is Kind.FOLDER:
            empty = entry.path
        elif entry.kind is Kind.UNREADABLE:
            findings.add("BAG-SOURCE-UNREADABLE", subject, f"{entry.error}.")
        else:
            findings.add("BAG-SOURCE-IRREGULAR", subject, f"It is a {entry.kind.value}.")
    if empty:
        findings.add("BAG-SOURCE-EMPTY-FOLDER", display(empty))


def _is_text(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _fill(
    writer: BagWriter,
    source: Path,
    total: _Total,
    workers: int,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> None:
    root = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with Copier(writer, root, total.files, workers, progress) as copier:
            for number, entry in enumerate(_files(walk(source))):
                if number % _CHUNK == 0 and cancelled():
                    raise StoppedError("making the bag was cancelled")
                most_of_all = entry.octets > total.octets // 2
                copier.put(entry.path, entry.octets, apart=most_of_all)
            copier.finish()
    finally:
        os.close(root)


def _files(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        if entry.kind is Kind.FILE:
            yield entry
        elif entry.kind is not Kind.FOLDER:
            raise SourceChangedError(
                f"became a {entry.kind.value} meanwhile: {display(entry.path)}",
                hint="wait until whatever changes the folder has finished, then try again",
            )


@contextmanager
def _appearing(dest: Path) -> Iterator[Path]:
    """A private folder beside the destination, which becomes it by one rename at the end."""
    folder = dest.parent / f".{dest.name[:100]}.{os.urandom(6).hex()}.partial"
    with durable.plain_errors(folder):
        os.mkdir(folder)
    try:
        yield folder
        durable.sync_tree(folder)
        durable.rename_exclusive(folder, dest)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    durable.fsync_dir(dest.parent)
