"""Copies a deposit's payload files into the bag: each is read once, behind a fence, hashed with
every algorithm that anybody asked for, and written once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from preservation.bags.copies import Copied, Copying, Lot
from preservation.bags.copying import Copier, disputed
from preservation.bags.write import BagWriter
from preservation.errors import MalformedError
from preservation.files import durable
from preservation.files.walk import Entry
from preservation.fixity.crew import LARGE_FOR_HELPERS
from preservation.fixity.multihash import MultiHash
from preservation.fixity.reading import BLOCK, Folders, open_regular
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
    """Copies payload files, many at a time. Use it as a context.

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
        wanted = sorted(also, key=lambda each: each.value)
        # What is copied is identified at once, checked, looked through for viruses.
        self._copier = Copier(
            writer, root, workers, progress, wanted, Fenced, read_soon=True, for_good=True
        )

    def __enter__(self) -> Self:
        self._copier.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._copier.__exit__(kind, error, trace)

    def expect(self, files: Sequence[tuple[bytes, Entry]]) -> None:
        """Hear what will come first, before it is begun."""
        sizes = [entry.octets for _, entry in files]
        small = [size for size in sizes if size <= LARGE_FOR_HELPERS]
        self._copier.expect(len(small), sum(small))

    def begin(self, files: Sequence[tuple[bytes, Entry]]) -> Copying:
        """Begin to copy some files.

        Args:
            files: path below ``data/``, and the entry as the walk saw it.
        """
        entries = [entry for _, entry in files]
        return self._copier.begin(Lot.of(entries, [kept for kept, _ in files]))

    def told(
        self, files: Sequence[tuple[bytes, Entry]], copying: Copying
    ) -> Iterator[Row | Finding]:
        """What became of them, in the same order: a row, or what stood in the way of one.

        Raises:
            Changed: a file changed, or was taken away, while it was read.
            NotNowError, NoSpaceError: a disk is in the way.
        """
        for (_, entry), result in zip(files, copying.results(), strict=True):
            if isinstance(result, Copied):
                yield Row(result.kept, result.octets, self._digests(result.digests))
            elif isinstance(result, MalformedError):
                shown = display(entry.path)
                yield Finding("DEP-NAME-UNKEPT", shown, result.message, result.hint)
            else:
                yield cannot_read(entry.path, result)

    def _digests(self, raw: bytes) -> dict[Algorithm, Digest]:
        digests, at = {}, 0
        for algorithm in self._copier.algorithms:
            digests[algorithm] = Digest(algorithm, raw[at : at + algorithm.octets])
            at += algorithm.octets
        return digests


def expect_the_same(payload: Path, row: Row) -> None:
    """Take a copy's digests once more, by OpenSSL: nobody is to be told that his file is another
    than he said because lanes, or the memory that a copy went through, were wrong.

    Args:
        payload: the folder that it lies in.

    Raises:
        NotNowError: they are others (``BAG-COPY-DISPUTED``), or the medium is in the way.
    """
    again = MultiHash(row.digests)
    with durable.plain_errors(payload), _opened(payload, row.path) as fd:
        while piece := os.read(fd, BLOCK):
            again.update(piece)
    if again.digests() != row.digests:
        raise disputed(row.path)


@contextmanager
def _opened(folder: Path, path: bytes) -> Iterator[int]:
    with ExitStack() as open_ones:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        open_ones.callback(os.close, root)
        folders = Folders(root)
        open_ones.callback(folders.close)
        fd = open_regular(folders, path)
        open_ones.callback(os.close, fd)
        yield fd
