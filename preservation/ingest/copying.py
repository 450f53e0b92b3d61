"""Copies a deposit's payload files into the bag: each is read once, behind a fence, hashed with
every algorithm that anybody asked for, and written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, cast

from preservation.bags.write import BagWriter
from preservation.errors import MalformedError
from preservation.files.walk import Entry
from preservation.fixity.multihash import MultiHash
from preservation.ingest.fenced import Fenced, cannot_read
from preservation.model.digest import Algorithm, Digest
from preservation.model.finding import Finding
from preservation.model.names import display
from preservation.model.progress import Progress


class Row(NamedTuple):
    """One payload file, written; ``digests`` by every algorithm that anybody asked for."""

    path: bytes
    octets: int
    digests: Mapping[Algorithm, Digest]


class PayloadCopier:
    """Copies payload files, many at a time.

    Args:
        root: the deposit's folder, open.
        also: algorithms beside the writer's own, for the digests that came along.
        workers: how many files at a time.
    """

    def __init__(
        self,
        root: int,
        writer: BagWriter,
        also: Iterable[Algorithm],
        workers: int,
        progress: Progress,
    ) -> None:
        self._root = root
        self._writer = writer
        self._also = set(also) - set(writer.algorithms)
        self._progress = progress
        self._hands = ThreadPoolExecutor(workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hands.shutdown()

    def copy(self, files: Sequence[tuple[bytes, Entry]]) -> Iterator[Row | Finding]:
        """Copy some files; in the same order a row, or what stood in the way of one.

        Args:
            files: payload path, and the entry as the walk saw it.

        Raises:
            Changed: a file changed, or was taken away, while it was read.
            NotNowError, NoSpaceError: a disk is in the way.
        """
        yield from self._hands.map(self._write, files)

    def _write(self, file: tuple[bytes, Entry]) -> Row | Finding:
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
        return Row(path, written.octets, {**also.digests(), **written.digests})
