"""Copies a sealed bag from folder to folder, verifying every file on the way.

Helper processes copy many small files at a time and tell the digests of what they wrote, which
are compared here with those that the seal vouches for. What a helper leaves, and all of few files,
is copied file by file, in threads, with the same result. Nothing may become visible before all of
it returned.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from preservation.bags.folder import BagFolder
from preservation.bags.members import Member, SealedFolder
from preservation.bags.verification import Tally, Verification
from preservation.bags.verify_folder import look_for_strangers
from preservation.files.held import HeldFolder
from preservation.fixity.crew import LARGE_FOR_HELPERS, Batch
from preservation.fixity.helpers import Helper
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Digest
from preservation.model.progress import Progress

_HELPERS = 2  # processes; and threads, for what is large
_WAITING = 64  # files that may wait for a thread
_AT_ONCE = 64  # files of one question: so few that all helpers end at about the same time
_MANY = 256  # files; below, helpers take longer to start than they save


def copy_folder(held: HeldFolder, seal: Digest, folder: Path, progress: Progress) -> None:
    """Write the files of a sealed bag into an empty folder.

    Args:
        seal: SHA-256 of the tag manifest.
        progress: hears of every octet written.

    Raises:
        SourceDamagedError: a file differs, is missing or cannot be read; what was written must
            be discarded.
        NoSpaceError, NotNowError: the medium is in the way.
    """
    with SealedFolder(held, seal) as source:
        _copy(source, folder, progress)


def copy_and_check(
    held: HeldFolder, seal: Digest, folder: Path, progress: Progress
) -> Verification:
    """The same, read as a check reads, and what that check of the source found: every listed file
    is intact, or this raises; whatever else lies there is told.

    Raises:
        As :func:`copy_folder`.
    """
    counted, tally = _Counted(progress), Tally()
    with SealedFolder(held, seal, drop_cache=True) as source:
        tally.intact(_copy(source, folder, counted))
        trust = source.trust
    tally.octets_read = counted.octets
    look_for_strangers(held.path, trust, tally)
    return tally.result(trust.compared, cache_bypassed=held.cache_bypassed)


def _copy(source: SealedFolder, folder: Path, progress: Progress) -> int:
    """Copy, and tell how many files."""
    with ExitStack() as ending:
        bag = BagFolder(folder)
        ending.callback(bag.close)
        tags = write_members(bag, source.tags(), progress)
        return tags + _Payload(source, bag, progress, ending).copy()


class _Counted:
    """Implements ``model.progress.Progress``: counts octets that several threads tell."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._lock = progress, threading.Lock()
        self.octets = 0

    def begin(self, what: str, total_bytes: int | None) -> None:
        self._progress.begin(what, total_bytes)

    def advance(self, read_bytes: int) -> None:
        with self._lock:
            self.octets += read_bytes
        self._progress.advance(read_bytes)

    def skip(self, done_bytes: int) -> None:
        self._progress.skip(done_bytes)

    def say(self, sentence: str) -> None:
        self._progress.say(sentence)


def write_members(bag: BagFolder, members: Iterable[Member], progress: Progress) -> int:
    """Write files as they come and verify; tells how many.

    Raises:
        As :func:`copy_folder`.
    """
    files = 0
    for path, _, chunks in members:
        with bag.created(path) as file:
            for chunk in chunks:
                file.write(chunk)
                progress.advance(len(chunk))
        files += 1
    return files


class _Payload:
    """The payload of one bag, on its way."""

    def __init__(
        self, source: SealedFolder, bag: BagFolder, progress: Progress, ending: ExitStack
    ) -> None:
        self._source, self._bag, self._progress = source, bag, progress
        self._ending = ending
        self._helpers: deque[Helper] = deque()
        self._asked: deque[tuple[Helper, Batch]] = deque()
        self._threads = ThreadPoolExecutor(_HELPERS, "sealed")
        ending.callback(self._threads.shutdown, wait=True, cancel_futures=True)
        self._left = threading.Event()
        ending.callback(self._left.set)
        self._apart: deque[Future[None]] = deque()

    def copy(self) -> int:
        """Copy all of it, and tell how many files."""
        files = 0
        for paths, algorithms, digests in self._source.payload():
            files += len(paths)
            if not self._helpers and len(paths) >= _MANY:
                self._start()
            whole = Batch(paths, algorithms, digests)
            for first in range(0, len(paths), _AT_ONCE):
                self._give(whole.part(first, first + _AT_ONCE))
        while self._asked:
            self._hear()
        while self._apart:
            self._apart.popleft().result()
        return files

    def _give(self, batch: Batch) -> None:
        """Have some files copied, by a helper if that can be."""
        if not self._helpers or not self._prepare(batch):
            for number in range(len(batch.paths)):
                self._begin(batch, number)
            return
        helper = self._helpers[0]
        self._helpers.rotate(-1)
        while not helper.may_be_asked:
            self._hear()
        helper.ask(batch.names, batch.paths, kept=batch.paths)
        self._asked.append((helper, batch))
        if len(self._asked) > 2 * _HELPERS:  # each has its next question already
            self._hear()

    def _start(self) -> None:
        root = self._bag.folder(b"")
        self._ending.callback(os.close, root)
        for _ in range(_HELPERS):
            helper = Helper(
                self._source.root,
                LARGE_FOR_HELPERS,
                copy_to=root,
                drop_cache=self._source.drop_cache,
            )
            self._helpers.append(self._ending.enter_context(helper))

    def _prepare(self, batch: Batch) -> bool:
        """Make the folders that a helper needs; False where a name needs a closer look."""
        try:
            b"/".join(batch.paths).decode()
        except UnicodeDecodeError:
            return False
        if batch.safe is not batch.paths:
            return False
        for parent in sorted({path.rpartition(b"/")[0] for path in batch.paths}):
            os.close(self._bag.folder(parent))
        return True

    def _hear(self) -> None:
        helper, batch = self._asked.popleft()
        octets, columns = helper.hear()
        if helper.process is None:  # what it made before it was killed is nobody's
            for path in batch.paths:
                self._bag.discard(path)
        self._progress.advance(sum(size for size in octets if size > 0))
        # One that was left has no place in the columns, so that these are shorter then.
        if tuple(columns) == batch.expected and min(octets) >= 0:
            return
        at = 0
        for number, size in enumerate(octets):
            if size < 0:
                self._begin(batch, number)
                continue
            read = [
                column[at * each.octets : (at + 1) * each.octets]
                for each, column in zip(batch.algorithms, columns, strict=True)
            ]
            if read != [digest.value for digest in _digests(batch, number)]:
                # Not to be called damaged before OpenSSL, one file at a time, has said the same.
                self._bag.discard(batch.paths[number])
                self._begin(batch, number)
            at += 1

    def _begin(self, batch: Batch, number: int) -> None:
        """Copy one file, now or soon; raises what stands in the way of one begun before."""
        self._apart.append(self._threads.submit(self._one, batch, number))
        while len(self._apart) > _WAITING or (self._apart and self._apart[0].done()):
            self._apart.popleft().result()

    def _one(self, batch: Batch, number: int) -> None:
        """In a thread; ends soon where the others failed, or somebody pressed Ctrl-C."""
        file = self._source.apart(batch.paths[number], _digests(batch, number))
        with closing(file):
            write_members(self._bag, self._until_left(file), self._progress)

    def _until_left(self, members: Iterable[Member]) -> Iterator[Member]:
        def going_on(chunks: Iterable[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                if self._left.is_set():
                    raise StoppedError("copying was stopped")
                yield chunk

        for path, octets, chunks in members:
            yield Member(path, octets, going_on(chunks))


def _digests(batch: Batch, number: int) -> tuple[Digest, ...]:
    one = batch.part(number, number + 1)
    return tuple(map(Digest, one.algorithms, one.expected))
