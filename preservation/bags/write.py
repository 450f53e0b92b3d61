"""Writes one BagIt 1.0 bag: each octet read once, hashed with every algorithm, written once.

The folder must be private to the writer; nothing here is durable or visible before the tier
settles and commits it. Every byte that is written is specified in ``docs/formats/bag.md``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol

from preservation.bags.folder import BagFolder, check_name
from preservation.bags.manifest import (
    PAYLOAD,
    ManifestName,
    format_line,
    format_lines,
    manifest_name,
)
from preservation.bags.tagfiles import DECLARATION, Element, format_bag_info
from preservation.errors import MalformedError
from preservation.files.sorting import Sorter
from preservation.fixity.batch import pieces
from preservation.fixity.lanes import Lanes
from preservation.fixity.multihash import MultiHash, Octets
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.names import display
from preservation.model.progress import Progress

_BLOCK = 256 * 1024  # 1 MiB at a time cost half as much again on ext4
_LINES = 1000  # of a manifest that are written at a time
_RESERVED = {b"bagit.txt", b"bag-info.txt", b"fetch.txt", b"data"}


@dataclass(frozen=True, slots=True)
class Written:
    """One payload file, as it was read and written, with every digest that was taken."""

    octets: int
    digests: Mapping[Algorithm, Digest]


@dataclass(frozen=True, slots=True)
class PayloadFacts:
    """The payload as a whole.

    Attributes:
        oxum: the value of Payload-Oxum.
        content_digest: SHA-256 of ``manifest-sha256.txt``: equal for equal payloads.
    """

    files: int
    octets: int
    oxum: str
    content_digest: Digest


class Hashing(Protocol):
    """Takes the digests of what is copied."""

    octets: int

    def digests(self) -> Mapping[Algorithm, Digest]:
        """Of all octets so far."""
        ...


def nothing() -> None:
    """Knows no reason to take a file back."""


class BagWriter:
    """Fills an empty folder with one bag.

    ``add`` may be called by several threads at once; the rest by one, ``finish`` last.
    Memory is flat.

    Args:
        folder: exists, empty, private to this writer.
        algorithms: for the payload manifests; SHA-256 is always among them.
        tag_algorithms: for the tag manifests; SHA-256 is always among them, and mostly alone.
        read_soon: whoever fills the bag reads its files again soon: they stay in the page cache.

    Attributes:
        algorithms: those of the payload manifests, SHA-256 first.
    """

    def __init__(
        self,
        folder: Path,
        algorithms: Iterable[Algorithm],
        tag_algorithms: Iterable[Algorithm] = (),
        *,
        read_soon: bool = False,
    ) -> None:
        self.algorithms = tuple(dict.fromkeys((Algorithm.SHA256, *algorithms)))
        self._folder = BagFolder(folder, read_soon=read_soon)
        self._lock = threading.Lock()
        self._payload = Sorter(sum(each.octets for each in self.algorithms))
        self._octets = 0
        self._prepared: set[bytes] = set()  # folders of the last batch that was prepared
        self._of_tags = tuple(dict.fromkeys((Algorithm.SHA256, *tag_algorithms)))
        self._tags: dict[bytes, Mapping[Algorithm, Digest]] = {}

    def add(
        self,
        path: bytes,
        source: BinaryIO,
        progress: Progress,
        still: Callable[[], None] = nothing,
        also: Iterable[Algorithm] = (),
        *,
        idle: Callable[[], bool] | None = None,
    ) -> Written:
        """Copy one payload file, hashing what is copied.

        Args:
            path: below ``data/``, kept byte for byte.
            source: read from where it stands to its end.
            progress: hears of every octet.
            still: called after the last octet; what it raises takes the file back.
            also: further digests to take in the same read, for comparison; in no manifest.
            idle: of a huge file: whether a core has nothing to do, so that the digests may be
                taken side by side.

        Raises:
            MalformedError: a path that is not UTF-8 (``BAG-NAME-ENCODING``), that leads out of
                the payload, or that was added before.
            NoSpaceError, NotNowError: the bag's medium is in the way.
            OSError: the source cannot be read; the file is taken back.
        """
        wanted = dict.fromkeys((*self.algorithms, *also))
        read = partial(source.read, _BLOCK)
        with (
            MultiHash(wanted) if idle is None else Lanes(wanted, idle) as hashes,
            closing(self.adding(path, read, progress, hashes, still)) as given,
        ):
            for piece in given:
                hashes.update(piece)
            return Written(hashes.octets, hashes.digests())

    def adding(
        self,
        path: bytes,
        read: Callable[[], Octets],
        progress: Progress,
        hashes: Hashing,
        still: Callable[[], None] = nothing,
    ) -> Generator[Octets, None, None]:
        """Copy one payload file piece by piece, for whoever copies several at once.

        Args:
            read: gives the next piece; nothing at the end.
            hashes: has taken in each piece that was given before the next one is asked for.

        Raises:
            As :meth:`add`. If it is closed before its end, the file is taken back.
        """
        check_name(path)
        with self._folder.created(PAYLOAD + path) as file:
            while block := read():
                file.write(block)
                progress.advance(len(block))
                yield block
            still()
            digests = hashes.digests()
        self.note([path], hashes.octets, [digests[each].value for each in self.algorithms])

    def prepare(self, paths: Iterable[bytes]) -> None:
        """Make the folders of payload files that helper processes are going to copy.

        Args:
            paths: below ``data/``, of names that a bag can hold.

        Raises:
            MalformedError: as :meth:`add`.
            NoSpaceError, NotNowError: the bag's medium is in the way.
        """
        folders = {path.rpartition(b"/")[0] for path in paths}
        for folder in sorted(folders - self._prepared):
            os.close(self._folder.folder((PAYLOAD + folder).rstrip(b"/")))
        self._prepared = folders

    def open_payload(self) -> int:
        """The payload's folder, open, for helper processes to copy to; the caller closes it."""
        return self._folder.folder(b"data")

    def discard(self, paths: Iterable[bytes]) -> None:
        """Take back payload files that a helper process may have made before it was killed.

        Raises:
            NoSpaceError, NotNowError: the bag's medium is in the way.
        """
        for path in paths:
            self._folder.discard(PAYLOAD + path)

    def note(self, paths: Sequence[bytes], octets: int, columns: Sequence[bytes]) -> None:
        """Count payload files in that were copied as :meth:`add` does it.

        Args:
            paths: below ``data/``.
            octets: of all of them.
            columns: for each algorithm the raw digests of all of them, joined; those of others may
                follow.
        """
        cut = [
            pieces(column, each.octets)
            for column, each in zip(columns, self.algorithms, strict=False)
        ]
        rows = b"".join(chain.from_iterable(zip(*cut, strict=True)))
        with self._lock:
            self._payload.extend(paths, rows)
            self._octets += octets

    def tag(self, path: bytes, data: bytes | Iterable[bytes]) -> None:
        """Write one tag file.

        Args:
            path: relative to the bag: ``metadata/tree.csv``.
            data: octets, or pieces of them.

        Raises:
            MalformedError: a path that a bag reserves, that leads elsewhere, or is not UTF-8.
            NoSpaceError, NotNowError: the bag's medium is in the way.
        """
        reserved = path in _RESERVED or path.startswith(PAYLOAD)
        if reserved or ManifestName.parse(path) is not None:
            raise MalformedError(f"not a name for another tag file: {display(path)}")
        self._tag(path, data)

    def payload(self) -> PayloadFacts:
        """Sum up what was added so far."""
        hashes = MultiHash([Algorithm.SHA256])
        for piece in self._manifest(Algorithm.SHA256):
            hashes.update(piece)
        files, content_digest = len(self._payload), hashes.digests()[Algorithm.SHA256]
        return PayloadFacts(files, self._octets, f"{self._octets}.{files}", content_digest)

    def finish(self, bag_info: Sequence[Element]) -> Digest:
        """Write manifests and the bag's own tag files, the tag manifests last.

        Args:
            bag_info: every element of ``bag-info.txt``, in order.

        Returns:
            The seal: SHA-256 of ``tagmanifest-sha256.txt``.

        Raises:
            MalformedError: an element that ``bag-info.txt`` cannot hold.
            NoSpaceError, NotNowError: the bag's medium is in the way.
        """
        self._tag(b"bagit.txt", DECLARATION)
        self._tag(b"bag-info.txt", format_bag_info(bag_info))
        for algorithm in self.algorithms:
            self._tag(manifest_name(algorithm), self._manifest(algorithm))
        tags = sorted(self._tags.items())
        for algorithm in self._of_tags:
            lines = [format_line(digests[algorithm].value, path) for path, digests in tags]
            self._tag(manifest_name(algorithm, tag=True), b"".join(lines))
        self.close()
        return self._tags[manifest_name(Algorithm.SHA256, tag=True)][Algorithm.SHA256]

    def close(self) -> None:
        """Let the folder go; what was written stays. ``finish`` does it too."""
        self._folder.close()

    def _manifest(self, algorithm: Algorithm) -> Iterator[bytes]:
        """A payload manifest in pieces of many lines."""
        before = self.algorithms[: self.algorithms.index(algorithm)]
        start, octets = sum(each.octets for each in before), algorithm.octets
        for some in self._payload.slices():
            for first in range(0, len(some.paths), _LINES):
                paths, values = some.part(first, first + _LINES)
                starts = range(start, len(values), some.width)
                digests = b"".join([values[at : at + octets] for at in starts])
                yield format_lines(digests, paths)

    def _tag(self, path: bytes, data: bytes | Iterable[bytes]) -> None:
        hashes = MultiHash(self._of_tags)
        with self._folder.created(path) as file:
            for piece in (data,) if isinstance(data, bytes) else data:
                hashes.update(piece)
                file.write(piece)
        self._tags[path] = hashes.digests()
