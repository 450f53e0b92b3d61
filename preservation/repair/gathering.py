"""Gathering: the files of one AIP version from several damaged replicas, each file from whichever
has it intact.

Trust flows as everywhere from the seal: a tag manifest with its digest, the tag files that it
vouches for, the payload that these vouch for. A file for which nothing under the seal speaks is
never taken. Memory does not grow with the number of files.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from preservation.bags.copy_sealed import write_members
from preservation.bags.folder import BagFolder
from preservation.bags.members import Member, SealedFolder
from preservation.bags.trust import TAG_MANIFEST, Trust
from preservation.bags.verify_folder import LARGEST_TAG_MANIFEST
from preservation.errors import MalformedError, SourceDamagedError, TierUnavailableError
from preservation.files.held import Held, HeldFolder, HeldTar
from preservation.files.tar_salvage import read_what_is_left
from preservation.files.walk import open_below
from preservation.fixity.multihash import MultiHash
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.names import display
from preservation.model.progress import Progress

LISTED = 1000  # files named that nobody has
_READ = 1 << 20
_FAILS = (SourceDamagedError, MalformedError, TierUnavailableError, OSError)


@dataclass(frozen=True, slots=True)
class Source:
    """One replica to take files from, however damaged."""

    tier: str
    held: Held


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came together.

    Attributes:
        files, octets: taken, each verified under the seal.
        lost: files that no source has intact, printable; at most :data:`LISTED`.
        lost_files: how many those are in all.
        unknown: why nobody knows what else there should be; empty if all is known.
        taken: tier -> files taken from its replica.
    """

    files: int
    octets: int
    lost: tuple[str, ...]
    lost_files: int
    unknown: str
    taken: Mapping[str, int]

    @property
    def whole(self) -> bool:
        """Whether it is the AIP version, all of it."""
        return not self.unknown and not self.lost_files


def gather(
    sources: Sequence[Source], seal: Digest, top: str, folder: Path, progress: Progress
) -> Gathered:
    """Write into an empty folder what verifies under the seal, from whichever source.

    Args:
        sources: the most promising first; of a tar the whole stream is read.
        seal: SHA-256 of the tag manifest.
        top: the top folder of the version's tars.
        progress: hears of every octet written.

    Raises:
        NoSpaceError, NotNowError: the folder's medium is in the way.
    """
    with ExitStack() as ending:
        return _Gathering(sources, seal, top, folder, progress, ending).run()


class _Gathering:
    """One attempt at one version."""

    def __init__(
        self,
        sources: Sequence[Source],
        seal: Digest,
        top: str,
        folder: Path,
        progress: Progress,
        ending: ExitStack,
    ) -> None:
        self._trust = Trust(seal, (Algorithm.SHA256,))
        self._top, self._progress = top, _Counting(progress)
        self._bag = BagFolder(folder)
        ending.callback(self._bag.close)
        self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        ending.callback(os.close, self._root)
        self._tars = [(one.tier, one.held) for one in sources if isinstance(one.held, HeldTar)]
        self._folders = [
            (one.tier, ending.enter_context(opened))
            for one in sources
            if isinstance(one.held, HeldFolder)
            for opened in _opened(one.held, seal)
        ]
        self._taken: Counter[str] = Counter()
        self._lost: list[str] = []
        self._lost_files = 0

    def run(self) -> Gathered:
        if not self._find_seal():
            return self._gathered("no replica has the tag manifest that was sealed")
        self._take_tags()
        for name in filter(self._has, self._trust.manifests()):
            self._trust.accept(name, self._octets_of(name))
            if self._trust.compared:
                break
        for path in sorted(self._trust.tags):
            if not self._has(path):
                self._lose(path)
        if not self._trust.compared:
            return self._gathered("no replica has an intact payload manifest")
        self._take_payload()
        return self._gathered("")

    def _gathered(self, unknown: str) -> Gathered:
        files = sum(self._taken.values())
        lost, octets = tuple(self._lost), self._progress.octets
        return Gathered(files, octets, lost, self._lost_files, unknown, dict(self._taken))

    def _lose(self, path: bytes) -> None:
        self._lost_files += 1
        if len(self._lost) < LISTED:
            self._lost.append(display(path))

    # -- the seal

    def _find_seal(self) -> bool:
        for tier, data in self._tag_manifests():
            if not self._trust.open(data):
                self._keep(tier, TAG_MANIFEST, iter([data]), (self._trust.seal,))
                return True
        return False

    def _tag_manifests(self) -> Iterator[tuple[str, bytes]]:
        for tier, folder in self._folders:
            with _tolerant():
                fd = open_below(folder.root, TAG_MANIFEST, os.O_RDONLY)
                with os.fdopen(fd, "rb") as file:
                    yield tier, file.read(LARGEST_TAG_MANIFEST + 1)
        for tier, held in self._tars:
            for path, octets, chunks in self._members(held):
                if path == TAG_MANIFEST and octets <= LARGEST_TAG_MANIFEST:
                    yield tier, b"".join(chunks)
                if path.startswith(b"data/"):
                    break

    # -- what is under it

    def _take_tags(self) -> None:
        wanted = sorted(self._trust.tags)
        self._from_folders((path, self._trust.expected(path)) for path in wanted)
        if all(map(self._has, wanted)):
            return
        for tier, held in self._tars:
            for path, _, chunks in self._members(held):
                if path.startswith(b"data/"):
                    break
                self._keep(tier, path, chunks, self._trust.expected(path))

    def _take_payload(self) -> None:
        lacking = self._from_folders(self._payload())
        for tier, held in self._tars if lacking else ():
            listed = self._trust.payload.in_order()
            for path, _, chunks in self._members(held):
                if path.startswith(b"data/"):
                    self._keep(tier, path, chunks, listed.find(path, _passed_over))
        if lacking:
            for path, _ in self._payload():
                if not self._has(path):
                    self._lose(path)

    def _payload(self) -> Iterator[tuple[bytes, tuple[Digest, ...]]]:
        for paths, algorithms, columns in self._trust.payload.batches():
            for number, path in enumerate(paths):
                yield (
                    path,
                    tuple(
                        Digest(each, column[number * each.octets : (number + 1) * each.octets])
                        for each, column in zip(algorithms, columns, strict=True)
                    ),
                )

    def _from_folders(self, wanted: Iterable[tuple[bytes, tuple[Digest, ...]]]) -> int:
        """Take each file from the first folder that has it intact; how many none has."""
        lacking = 0
        for path, expected in wanted:
            if not any(
                self._copied(tier, folder, path, expected) for tier, folder in self._folders
            ):
                lacking += 1
        return lacking

    def _copied(
        self, tier: str, folder: SealedFolder, path: bytes, expected: tuple[Digest, ...]
    ) -> bool:
        return self._written(tier, folder.file(path, expected))

    def _written(self, tier: str, file: Iterable[Member]) -> bool:
        before = self._progress.octets
        try:
            write_members(self._bag, file, self._progress)
        except (SourceDamagedError, MalformedError):
            self._progress.octets = before
            return False
        self._taken[tier] += 1
        return True

    def _members(self, held: HeldTar) -> Iterator[Member]:
        """What is left of a tar; a store that does not answer any more ends it."""
        with _tolerant(), held.open() as stream:
            for path, octets, chunks in read_what_is_left(stream, self._top):
                yield Member(path, octets, chunks)

    def _keep(
        self, tier: str, path: bytes, chunks: Iterator[bytes], expected: tuple[Digest, ...]
    ) -> None:
        """Take a file as it comes, if it is wanted still and what the seal says."""
        if expected and not self._has(path):
            self._written(tier, [Member(path, 0, _verified(chunks, expected))])

    # -- what is there

    def _has(self, path: bytes) -> bool:
        try:
            os.close(open_below(self._root, path, os.O_RDONLY))
        except OSError:
            return False
        return True

    def _octets_of(self, path: bytes) -> Iterator[bytes]:
        with os.fdopen(open_below(self._root, path, os.O_RDONLY), "rb") as file:
            while block := file.read(_READ):
                yield block


class _Counting:
    """Passes progress on, and counts."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self.octets = 0

    def begin(self, what: str, total_bytes: int | None) -> None:
        self._inner.begin(what, total_bytes)

    def advance(self, read_bytes: int) -> None:
        self.octets += read_bytes
        self._inner.advance(read_bytes)

    def skip(self, done_bytes: int) -> None:
        self._inner.skip(done_bytes)

    def say(self, sentence: str) -> None:
        self._inner.say(sentence)


def _opened(held: HeldFolder, seal: Digest) -> list[SealedFolder]:
    """The folder, or nothing where there is none."""
    try:
        return [SealedFolder(held, seal)]
    except _FAILS:
        return []


@contextmanager
def _tolerant() -> Iterator[None]:
    """A source that fails is at its end; whoever writes what it gave is not silenced."""
    try:
        yield
    except _FAILS:
        return


def _verified(chunks: Iterator[bytes], expected: tuple[Digest, ...]) -> Iterator[bytes]:
    hashes = MultiHash(digest.algorithm for digest in expected)
    try:
        for chunk in chunks:
            hashes.update(chunk)
            yield chunk
    except (TierUnavailableError, OSError) as error:
        raise SourceDamagedError(str(error)) from error
    observed = hashes.digests()
    if any(observed[digest.algorithm] != digest for digest in expected):
        raise SourceDamagedError("not what was sealed")


def _passed_over(_path: bytes, _digest: Digest) -> None:
    """A file that this tar does not show any more; another may."""
