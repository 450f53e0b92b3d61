"""Copies a sealed bag from folder to folder, verifying every file on the way.

Threads copy files that are not large, some at a time, and tell the digests of what they wrote,
which are compared here with those that the seal vouches for. There are more of them than cores, so
that the medium has something to do while some hash. What they leave is copied file by file, in
other threads, with the same result. Nothing may become visible before all of it returned.
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
from preservation.files import durable
from preservation.files.held import HeldFolder
from preservation.fixity import helpers, sha2
from preservation.fixity.batch import Batch
from preservation.fixity.crew import LARGE_FOR_HELPERS
from preservation.fixity.helper_main import Plain, Taken
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Digest
from preservation.model.progress import Progress

_HANDS = 4  # threads that copy files some at a time; each has 9 MiB of memory
_LARGE = 2  # threads that copy a large one each
_WAITING = 64  # files that may wait for one of these
_AT_ONCE = 64  # files that are copied together: so few that all hands end at about the same time


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
    return tally.result(trust, cache_bypassed=held.cache_bypassed)


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
        self._root = bag.folder(b"")
        ending.callback(os.close, self._root)
        self._idle: list[Plain] = []  # of hands that are not at work
        self._asked: deque[tuple[Future[Taken], Batch]] = deque()
        self._apart: deque[Future[None]] = deque()
        self._hands = ThreadPoolExecutor(_HANDS, "sealed")
        self._threads = ThreadPoolExecutor(_LARGE, "sealed-large")
        for pool in (self._hands, self._threads):
            ending.callback(pool.shutdown, wait=True, cancel_futures=True)
        self._left = threading.Event()
        ending.callback(self._left.set)

    def copy(self) -> int:
        """Copy all of it, and tell how many files."""
        files = 0
        for paths, algorithms, digests in self._source.payload():
            files += len(paths)
            whole = Batch(paths, algorithms, digests)
            for first in range(0, len(paths), _AT_ONCE):
                self._give(whole.part(first, first + _AT_ONCE))
        while self._asked:
            self._hear()
        while self._apart:
            self._apart.popleft().result()
        return files

    def _give(self, batch: Batch) -> None:
        """Have some files copied, together if that can be."""
        if not self._prepare(batch):
            for number in range(len(batch.paths)):
                self._begin(batch, number)
            return
        self._asked.append((self._hands.submit(self._together, batch), batch))
        # Enough for none to wait; more would go by before a limited bandwidth is heard of.
        if len(self._asked) > _HANDS + 1:
            self._hear()

    def _prepare(self, batch: Batch) -> bool:
        """Make the folders for some files; False where a name needs a closer look."""
        try:
            b"/".join(batch.paths).decode()
        except UnicodeDecodeError:
            return False
        if batch.safe is not batch.paths:
            return False
        for parent in sorted({path.rpartition(b"/")[0] for path in batch.paths}):
            os.close(self._bag.folder(parent))
        return True

    def _together(self, batch: Batch) -> Taken:
        """In a thread: copy what is plain and not large, without the GIL where C does it."""
        try:
            plain = self._idle.pop()
        except IndexError:  # asked first, another thread might take the last one meanwhile
            plain = Plain(
                self._source.root,
                self._root,
                LARGE_FOR_HELPERS,
                self._source.drop_cache,
                lanes=sha2 if sha2.LANES else None,
                small=helpers.SMALL,
            )
        with durable.means():
            taken = plain.take(batch.names, batch.paths, (), batch.paths)
        self._idle.append(plain)
        return taken

    def _hear(self) -> None:
        asked, batch = self._asked.popleft()
        octets, columns = asked.result()
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
