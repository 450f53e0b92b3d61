"""Copies files of a living folder into a bag, as many at a time as there are workers.

Where there are many small files, helper processes copy them in batches: making and opening
files holds the GIL. What a helper leaves is copied here, with the same result. Of larger files a
thread copies several at once, whose digests cost less together; where they are few, and for
giants, each has a thread, and while another has nothing to do its digests have one each.
"""

from __future__ import annotations

import itertools
import os
import resource
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import BinaryIO, Self, cast

from preservation.bags import abreast
from preservation.bags.abreast import Digests, DisputedError, Turn
from preservation.bags.copies import Answer, Copied, Copying, Each, Lot, Part, Result, Told, Wanted
from preservation.bags.fenced import Fenced
from preservation.bags.write import BagWriter, Written
from preservation.errors import MalformedError, NotNowError
from preservation.files.looks import sizes, unpacked
from preservation.fixity.batch import Batch
from preservation.fixity.crew import LARGE_FOR_HELPERS
from preservation.fixity.helpers import BATCH, ENOUGH, Helper
from preservation.fixity.multihash import Octets
from preservation.fixity.reading import WORTH
from preservation.model.digest import Algorithm
from preservation.model.names import display
from preservation.model.progress import Progress

_SOME = abreast.WIDTH  # small files that one thread copies at a time
_OPEN = 3  # descriptors of a file that is copied: its own, its copy's, and its folder's
_OTHERS = 64  # descriptors of the process beside those
_CONTROLLED = 9  # of so many files one is hashed by OpenSSL, too; in time, of each of the 8 lanes
MANY = BATCH  # small files at a time; below, helpers take longer to start than they save


class Copier:
    """Fills the payload of a bag. Use it as a context, from one thread.

    Args:
        writer: of the bag.
        root: the source's folder, open.
        workers: how many to copy at the same time.
        progress: hears of every octet.
        also: algorithms beside the writer's own.
        fenced: opens a file, and words what is in the way.
        read_soon: whoever fills the bag reads its files again soon.
        for_good: all later checks compare with these digests, so no lanes alone are believed.

    Attributes:
        algorithms: of which digests are taken: the writer's, then the others.
    """

    def __init__(
        self,
        writer: BagWriter,
        root: int,
        workers: int,
        progress: Progress,
        also: Iterable[Algorithm] = (),
        fenced: type[Fenced] = Fenced,
        *,
        read_soon: bool = False,
        for_good: bool = False,
    ) -> None:
        self._writer, self._root, self._progress = writer, root, progress
        self._read_soon, self._for_good = read_soon, for_good
        self._numbers = itertools.count()  # of files that are copied in turn
        self._workers, self._fenced = workers, fenced
        self._most = 4 * workers  # lots that wait
        self.algorithms = tuple(dict.fromkeys((*writer.algorithms, *also)))
        self._begun: deque[Copying] = deque()
        self._helpers: SimpleQueue[Helper] | None = None
        self._started: list[Helper] = []
        self._busy, self._lock = 0, threading.Lock()
        self._queue: deque[tuple[Wanted, Told]] = deque()  # of larger files
        self._turning = 0  # threads that copy several of them at once
        self._stopped = False
        self._small = 0  # files begun
        self._ending = ExitStack()
        # For larger files as many as for helpers; and one more, so that no helper waits for its
        # next batch.
        threads = 2 * workers + 1 if workers > 1 else 1
        self._width = _width(threads)
        self._threads = ThreadPoolExecutor(threads, "bag")
        self._ending.callback(self._threads.shutdown, wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stopped = True
            for helper in self._started:
                helper.leave()
        self._threads.shutdown(wait=True, cancel_futures=True)  # before its helpers
        self._ending.__exit__(kind, error, trace)

    def expect(self, files: int, octets: int) -> None:
        """Hear what will come: helper processes for many small files need a moment to start."""
        if files >= MANY and octets <= files * LARGE_FOR_HELPERS:
            self._start_helpers()

    @property
    def has_room(self) -> bool:
        """Whether :meth:`put` would not wait."""
        return len(self._begun) < self._most or self._begun[0].is_done

    def put(self, files: Lot) -> None:
        """Copy some files, now or soon; waits while too many are waiting.

        Raises:
            SourceChangedError: a file, this or an earlier one, is not as the walk saw it.
            NotNowError, NoSpaceError: it cannot be read, or the bag's medium is in the way.
            MalformedError: it has a name that a bag does not hold.
        """
        self._begun.append(self.begin(files))
        self._wait(self._most)

    def finish(self) -> None:
        """Wait until every file that was put is copied.

        Raises:
            As :meth:`put`.
        """
        self._wait(0)

    def begin(self, files: Lot) -> Copying:
        """Begin to copy some files."""
        octets = sizes(files.looks)
        large = [number for number, size in enumerate(octets) if size > LARGE_FOR_HELPERS]
        parts: list[Part] = []
        small: Sequence[int] = range(len(octets))
        batch = files
        if large:
            parts += self._begin_large([files.file(each) for each in large], large)
            small = [number for number, size in enumerate(octets) if size <= LARGE_FOR_HELPERS]
            batch = files.chosen(small)
        self._small += len(small)
        if len(small) >= MANY or self._small >= ENOUGH:
            self._start_helpers()
        if small and self._helpers is not None and self._prepare(batch.kept):
            parts.append((small, self._threads.submit(self._by_helper, batch)))
        else:
            for at in range(0, len(small), _SOME):
                some = [batch.file(each) for each in range(at, min(at + _SOME, len(small)))]
                parts.append((small[at : at + _SOME], self._threads.submit(self._some, some)))
        return Copying(len(octets), parts)

    def _begin_large(self, files: Sequence[Wanted], numbers: Sequence[int]) -> list[Part]:
        """The largest first, so that none is left over at the end."""
        both = sorted(zip(files, numbers, strict=True), key=lambda each: -each[0].fence.octets)
        apart = abreast.apart([file.fence.octets for file, _ in both])
        parts: list[Part] = []
        for (file, number), alone in zip(both, apart, strict=True):
            if alone:
                parts.append(([number], self._threads.submit(self._alone, file)))
            else:
                parts.append(([number], told := Told()))
                self._queue.append((file, told))
        with self._lock:
            full = -(-len(self._queue) // abreast.WIDTH)
            begin = min(self._workers, full) - self._turning
            self._turning += max(0, begin)
        for _ in range(begin):
            self._threads.submit(self._queued)
        return parts

    def _wait(self, running: int) -> None:
        while len(self._begun) > running:
            self._begun.popleft().expect_all()

    def _start_helpers(self) -> None:
        if self._workers == 1 or self._helpers is not None:
            return
        payload = self._writer.open_payload()
        self._ending.callback(os.close, payload)
        helpers: SimpleQueue[Helper] = SimpleQueue()
        for _ in range(self._workers):
            helper = Helper(
                self._root,
                LARGE_FOR_HELPERS,
                copy_to=payload,
                listed=True,
                abreast=not self._for_good,
                read_soon=self._read_soon,
            )
            self._started.append(self._ending.enter_context(helper))
            helpers.put(helper)
        self._helpers = helpers

    def _prepare(self, kept: Sequence[bytes]) -> bool:
        """Make the folders that a helper needs; False where a name needs a closer look."""
        try:
            b"/".join(kept).decode()
            if Batch(kept, ()).safe is not kept:
                return False
            self._writer.prepare(kept)
        except (UnicodeDecodeError, MalformedError):
            return False
        return True

    def _by_helper(self, batch: Lot) -> Answer:
        helpers = cast("SimpleQueue[Helper]", self._helpers)
        helper = helpers.get()
        try:
            names = [each.hashlib_name for each in self.algorithms]
            helper.ask(names, batch.paths, list(unpacked(batch.looks)), batch.kept)
            octets, columns = helper.hear()
            if helper.process is None:  # what it made before it was killed is nobody's
                self._writer.discard(batch.kept)
        finally:
            helpers.put(helper)
        left = [number for number, size in enumerate(octets) if size < 0]
        kept: Sequence[bytes] = batch.kept
        if left:
            kept = [path for path, size in zip(kept, octets, strict=True) if size >= 0]
        done = sum(octets) - sum(octets[number] for number in left)
        self._writer.note(kept, done, columns)
        self._progress.advance(done)
        others = {number: self._one(batch.file(number)) for number in left}
        widths = [each.octets for each in self.algorithms]
        return Answer(batch.kept, octets, columns, widths, others)

    def _alone(self, file: Wanted) -> Each:
        with self._working():
            return Each([self._one(file)])

    def _one(self, file: Wanted) -> Result:
        idle = self._is_a_core_idle if file.fence.octets > WORTH else None
        try:
            with self._fenced(self._root, file.path, file.fence) as content:
                source = cast("BinaryIO", content)
                written = self._writer.add(
                    file.kept, source, self._progress, content.still, self.algorithms, idle=idle
                )
        except (PermissionError, MalformedError) as error:
            return error
        return self._copied(file, written)

    def _some(self, files: Sequence[Wanted]) -> Each:
        """Copy a few files, all of them in turn."""
        begun = [(file, Told()) for file in files]
        waiting = deque(begun)
        with self._working():
            self._take_turns(waiting)
        for _, told in waiting:  # none, unless all was stopped
            told.cancel()
        return Each(result for _, told in begun for result in told.result())

    def _queued(self) -> None:
        """Copy larger files while there are any, several in turn."""
        try:
            with self._working():
                while self._has_more():
                    self._take_turns(self._queue)
        except BaseException as error:  # noqa: BLE001 (raised where the results are taken)
            with self._lock:
                self._turning -= 1
            with suppress(IndexError):  # until it is empty: nobody else may come for them
                while True:
                    self._queue.popleft()[1].set_exception(error)

    def _take_turns(self, waiting: deque[tuple[Wanted, Told]]) -> None:
        abreast.take_turns(partial(self._next, waiting), self._goes_on, self._width)

    def _has_more(self) -> bool:
        with self._lock:  # nobody counts on this thread for a file that came too late for it
            if self._queue and not self._stopped:
                return True
            self._turning -= 1
            return False

    def _next(self, waiting: deque[tuple[Wanted, Told]], room: memoryview) -> Turn | None:
        digests = self._digests()  # first: who takes a file tells what becomes of it
        try:
            file, told = waiting.popleft()
        except IndexError:
            return None
        return Turn(room, self._steps(file, room, digests, told), digests)

    def _steps(
        self, file: Wanted, room: memoryview, digests: Digests, told: Told
    ) -> Generator[Octets, None, None]:
        """Copy one file in turn with others; whatever becomes of it is told."""
        try:
            with self._fenced(self._root, file.path, file.fence) as content:
                read = partial(content.read_to, room)
                yield from self._writer.adding(
                    file.kept, read, self._progress, digests, content.still
                )
            written = Written(digests.octets, digests.digests())
            told.set_result(Each([self._copied(file, written)]))
        except (PermissionError, MalformedError) as error:
            told.set_result(Each([error]))
        except DisputedError:
            told.set_exception(disputed(file.path))
        except GeneratorExit:
            told.cancel()
            raise
        except BaseException as error:  # noqa: BLE001 (raised where the results are taken)
            told.set_exception(error)

    def _digests(self) -> Digests:
        """Those of a file that is copied in turn with others."""
        if not self._for_good:
            return Digests(self.algorithms)
        controlled = next(self._numbers) % _CONTROLLED == 0
        return Digests(self.algorithms, (Algorithm.SHA256,), controlled=controlled)

    def _copied(self, file: Wanted, written: Written) -> Copied:
        raw = b"".join([written.digests[each].value for each in self.algorithms])
        return Copied(file.kept, written.octets, raw)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """A thread at work, as others see it who have an idle core in mind."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1

    def _goes_on(self) -> bool:
        return not self._stopped

    def _is_a_core_idle(self) -> bool:
        return self._busy < self._workers


def disputed(path: bytes) -> NotNowError:
    """A digest is another when it is taken once more, of the same octets or of their copy."""
    return NotNowError(
        f"its copy has other digests than were taken while it was made: {display(path)}",
        hint="this machine computes or stores wrongly: look at its memory and its disks, or "
        "take `_sha2` out of preservation/fixity, then try again",
        code="BAG-COPY-DISPUTED",
    )


def _width(threads: int) -> int:
    """How many files each thread may copy in turn, so that all have what they open."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return abreast.WIDTH
    return min(abreast.WIDTH, max(1, (most - _OTHERS) // (threads * _OPEN)))
