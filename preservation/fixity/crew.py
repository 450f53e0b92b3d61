"""The engine's hands: threads that go through batches of files, and read what is large, the largest
first.

Small files are read in C, without the GIL. Where no compiler was, Python holds it to open each:
then more than one thread would only be in the way, and where there are many files, helper
processes take their place. Helpers that have read ahead go on, too. Large files are read abreast
where there are enough of them, so that lanes hash several at once. No core waits for a giant that
was begun last: while one has nothing to do, the digests of a huge file are taken side by side.

Threads and processes are started when they are needed and never forked, so this works inside
a forked task of a process that has threads.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from queue import SimpleQueue

from preservation.files import stopping
from preservation.fixity import helpers
from preservation.fixity.abreast import Abreast, Wanted
from preservation.fixity.batch import Batch, Done
from preservation.fixity.helper_main import Taken
from preservation.fixity.helpers import Helper, Here
from preservation.fixity.large import Large, share
from preservation.fixity.rate import RateLimit
from preservation.fixity.reading import Measured, Reader, StoppedError
from preservation.model.deferred import dataclass
from preservation.model.progress import Progress

LARGE = 32 * 1024  # octets; above, hashing outweighs what holds the GIL
LARGE_FOR_HELPERS = 512 * 1024  # octets; they hold none, but a batch must not take long
WAITING = 10_000  # large files that may wait; keeps memory flat
_AHEAD = 4  # batches per worker that are taken before they are needed


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How hard to work.

    Attributes:
        workers: files that are read at the same time; 1 starts no thread.
        drop_cache: ask the system to forget each file's cached pages first, so that the read
            comes from the medium where the tier says that this works.
        rate: a budget of octets per second for all workers together.
        listed: a listing called each file a regular one, so that small ones need not be asked.
        abreast: hash several files at once where the processor can; else OpenSSL hashes one
            after the other.
    """

    workers: int = 2
    drop_cache: bool = False
    rate: RateLimit | None = None
    listed: bool = False
    abreast: bool = True


class Crew:
    """Reads batches of files below one folder.

    Args:
        root: open.
        many: many files will come.
        begun: helper processes of this folder that are there already, idle.
    """

    def __init__(
        self,
        root: int,
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool],
        *,
        many: bool,
        begun: Sequence[Helper] = (),
    ) -> None:
        self._begun = begun
        self._helpers: list[Helper] = []  # each hand's
        self._root, self._settings, self._progress = root, settings, progress
        self._cancelled = cancelled
        # C reads without the GIL, as Python does where it waits for the medium: then more than one
        # may go through paths.
        in_c = helpers.SMALL is not None
        self._helped = many and (bool(begun) or not in_c)
        self._one_walks = not (self._helped or in_c or settings.drop_cache)
        # Past the cache it reads several of them for one turn of the lanes.
        self._large_from = LARGE_FOR_HELPERS if many or (in_c and settings.drop_cache) else LARGE
        self._changed = threading.Condition()
        self._batches: deque[Batch] = deque()
        self._large: Large[Batch] = Large(settings.workers, abreast=settings.abreast)
        self._walking = 0  # batches that may hand large files back yet
        self._idle = 0  # hands with nothing to do
        self._fed = self._stopped = False
        self._said: SimpleQueue[Done | BaseException | None] = SimpleQueue()

    def together(self, batches: Iterator[Batch]) -> Iterator[Done]:
        """Read everything, in threads; one result or more for each batch, in any order."""
        hands = [
            threading.Thread(target=self._hand, args=[number], name="fixity", daemon=True)
            for number in range(self._settings.workers)
        ]
        for hand in hands:
            hand.start()
        at_work, ending = len(hands), None
        try:
            while at_work:
                self._feed(batches)
                said = self._said.get()
                if isinstance(said, Done):
                    yield said
                elif said is None:
                    at_work -= 1
                else:
                    raise said
        except BaseException as error:
            ending = error
            raise
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            if at_work:
                for helper in self._helpers:
                    helper.leave()
            stopping.join(hands, ending)

    def alone(self, batches: Iterator[Batch]) -> Iterator[Done]:
        """Read everything in this thread, in the order given."""
        with ExitStack() as ending:
            reader = self._reader(ending)
            abreast = self._abreast_of(reader, ending)
            here = ending.enter_context(self._here())
            for batch in batches:
                self._go_on()
                here.ask(batch.names, batch.safe)
                octets, columns = here.hear()
                self._account(octets)
                others = self._others(batch, octets, reader, abreast)
                reader.tell()
                yield Done(batch, octets, columns, others)

    def _others(
        self, batch: Batch, octets: Sequence[int], reader: Reader, abreast: Abreast
    ) -> list[tuple[int, Measured]]:
        """Read what is left of a batch."""
        left = [number for number, size in enumerate(octets) if size < 0]
        left.sort(key=octets.__getitem__)  # the largest first
        large = [number for number in left if -1 - octets[number] > self._large_from]
        files = 1
        if large and self._settings.abreast:
            company = sum(octets[number] for number in large) // octets[large[0]]
            files = share(min(company, len(large)), 1, batch.algorithms).files
        others: dict[int, Measured] = {}
        if files > 1:
            coming = iter(large)

            def more(reading: int) -> list[Wanted[int]]:
                some = itertools.islice(coming, files - reading)
                return [Wanted(n, batch.paths[n], batch.algorithms, files) for n in some]

            others = dict(abreast.read(more))
        for number in left:
            if number not in others:
                others[number] = reader.measure(batch.paths[number], batch.algorithms)
        return sorted(others.items())

    def _feed(self, batches: Iterator[Batch]) -> None:
        """Take as many batches as keep the hands at work."""
        most = _AHEAD * self._settings.workers
        while not self._fed and len(self._batches) < most and len(self._large) < WAITING:
            batch = next(batches, None)
            with self._changed:
                if batch is not None:
                    self._batches.append(batch)
                    self._changed.notify()
                else:
                    self._fed = True
                    self._changed.notify_all()

    def _hand(self, number: int) -> None:
        """What one thread does."""
        try:
            with ExitStack() as ending:
                reader = self._reader(ending)
                abreast = self._abreast_of(reader, ending)
                small: Helper | Here = self._helper(number) if self._helped else self._here()
                ending.enter_context(small)
                self._work(small, reader, abreast)
            self._said.put(None)
        except BaseException as error:  # noqa: BLE001 (raised where the results are taken)
            self._said.put(error)

    def _helper(self, number: int) -> Helper:
        """The helper process of a hand."""
        if number < len(self._begun):
            helper = self._begun[number]
        else:
            helper = Helper(
                self._root,
                self._large_from,
                drop_cache=self._settings.drop_cache,
                listed=self._settings.listed,
                abreast=self._settings.abreast,
            )
        self._helpers.append(helper)
        return helper

    def _work(self, small: Helper | Here, reader: Reader, abreast: Abreast) -> None:
        asked: deque[Batch] = deque()
        while True:
            batch, large = self._next(at_once=bool(asked))
            if len(large) > 1:
                self._read_abreast(large, abreast)
            elif large:
                self._say_alone(large[0], self._measure(large[0], 0, reader))
            elif batch is not None:
                self._go_on()
                small.ask(batch.names, batch.safe)
                asked.append(batch)
                if len(asked) <= small.ahead and small.may_be_asked:
                    continue
            elif not asked:
                return
            if asked:
                self._walked(asked.popleft(), small.hear(), reader)

    def _next(self, *, at_once: bool) -> tuple[Batch | None, Sequence[Batch]]:
        """What to do next: a batch, or large files to read abreast, or one of them; waits for it
        unless ``at_once``.
        """
        with self._changed:
            if at_once:
                return self._given(), ()
            self._idle += 1  # for good, where nothing comes any more
            while not self._stopped:
                batch = self._given()
                large = self._large.share() if batch is None else ()
                if batch is not None or large:
                    self._idle -= 1
                    return batch, large
                if self._fed and not (self._batches or self._walking or self._large):
                    self._changed.notify_all()
                    break
                self._changed.wait()
        return None, ()

    def _given(self) -> Batch | None:
        if self._batches and not self._stopped and not (self._walking and self._one_walks):
            self._walking += 1
            return self._batches.popleft()
        return None

    def _read_abreast(self, first: Sequence[Batch], abreast: Abreast) -> None:
        """Read some large files, and others as they end."""
        width, coming = len(first), list(first)

        def more(reading: int) -> list[Wanted[Batch]]:
            nonlocal width
            with self._changed:
                width = max(width, self._large.width(reading))
                files = coming or self._large.take(width - reading)
                company = min(width, reading + len(files) + len(self._large))
                if files:  # who waits may share what is left, or waits in vain
                    self._changed.notify_all()
            wanted = [Wanted(file, file.paths[0], file.algorithms, company) for file in files]
            coming.clear()
            return wanted

        try:
            with closing(abreast.read(more)) as read:
                for file, measured in read:
                    self._say_alone(file, measured)
        finally:
            with self._changed:
                self._large.done()
                self._changed.notify_all()

    def _say_alone(self, file: Batch, measured: Measured) -> None:
        self._said.put(Done(file, [-1], (), [(0, measured)]))

    def _walked(self, batch: Batch, taken: Taken, reader: Reader) -> None:
        """Deal with what was left of a batch, and tell the rest."""
        octets, columns = taken
        self._account(octets)
        others: list[tuple[int, Measured]] = []
        large: list[tuple[int, int]] = []
        for number, size in enumerate(octets):
            if size < 0:
                if -1 - size > self._large_from:
                    large.append((-1 - size, number))
                else:
                    others.append((number, self._measure(batch, number, reader)))
        self._said.put(Done(batch, octets, columns, others))
        with self._changed:
            for size, number in large:
                self._large.put(size, batch.algorithms, batch.part(number, number + 1))
            self._walking -= 1
            self._changed.notify_all()

    def _measure(self, batch: Batch, number: int, reader: Reader) -> Measured:
        measured = reader.measure(batch.paths[number], batch.algorithms)
        reader.tell()
        return measured

    def _account(self, octets: Sequence[int]) -> None:
        """Tell what was read of small files, and pay for it."""
        read = sum(octets) if min(octets) >= 0 else sum(size for size in octets if size > 0)
        self._progress.advance(read)
        if self._settings.rate is not None:
            self._settings.rate.take(read, self._over)

    def _over(self) -> bool:
        return self._stopped or self._cancelled()

    def _go_on(self) -> None:
        if self._over():
            raise StoppedError("reading was cancelled")

    def _is_a_core_idle(self) -> bool:
        return self._idle > 0

    def _here(self) -> Here:
        return Here(
            self._root,
            self._large_from,
            drop_cache=self._settings.drop_cache,
            listed=self._settings.listed,
            abreast=self._settings.abreast,
        )

    def _abreast_of(self, reader: Reader, ending: ExitStack) -> Abreast:
        abreast = Abreast(reader, self._is_a_core_idle, drop_cache=self._settings.drop_cache)
        ending.callback(abreast.end)
        return abreast

    def _reader(self, ending: ExitStack) -> Reader:
        reader = Reader(
            self._root,
            drop_cache=self._settings.drop_cache,
            rate=self._settings.rate,
            progress=self._progress,
            cancelled=self._over,
            idle=self._is_a_core_idle,
        )
        ending.callback(reader.close)
        return reader
