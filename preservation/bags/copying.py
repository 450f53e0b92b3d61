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
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, cast

from preservation.bags import abreast
from preservation.bags.abreast import Digests, DisputedError, Turn
from preservation.bags.fenced import Fenced
from preservation.bags.write import BagWriter, Written
from preservation.errors import MalformedError, NotNowError
from preservation.fixity.crew import LARGE_FOR_HELPERS, Batch, pieces
from preservation.fixity.fence import Fence
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


class Wanted(NamedTuple):
    """One file to copy.

    Attributes:
        path: below the source.
        kept: below ``data/``.
        fence: the file as a walk saw it; it must be so while it is read.
    """

    path: bytes
    kept: bytes
    fence: Fence


class Copied(NamedTuple):
    """One file, copied.

    Attributes:
        digests: raw, of every one of the copier's algorithms, joined.
    """

    kept: bytes
    octets: int
    digests: bytes


Refusal = PermissionError | MalformedError
Result = Copied | Refusal
_Told = Future[list[Result]]
_Part = tuple[Sequence[int], _Told]  # the numbers of some files, and what becomes of them


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
        self.algorithms = tuple(dict.fromkeys((*writer.algorithms, *also)))
        self._waiting: list[Wanted] = []
        self._begun: deque[Copying] = deque()
        self._helpers: SimpleQueue[Helper] | None = None
        self._started: list[Helper] = []
        self._busy, self._lock = 0, threading.Lock()
        self._queue: deque[tuple[Wanted, _Told]] = deque()  # of larger files
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

    def put(self, file: Wanted) -> None:
        """Copy one file, now or soon; waits while too many are waiting.

        Raises:
            SourceChangedError: a file, this or an earlier one, is not as the walk saw it.
            NotNowError, NoSpaceError: it cannot be read, or the bag's medium is in the way.
            MalformedError: it has a name that a bag does not hold.
        """
        self._waiting.append(file)
        if len(self._waiting) == BATCH:
            self._hand_over(4 * self._workers)

    def finish(self) -> None:
        """Wait until every file that was put is copied.

        Raises:
            As :meth:`put`.
        """
        self._hand_over(0)

    def begin(self, files: Sequence[Wanted]) -> Copying:
        """Begin to copy some files, some hundred at most."""
        small = [
            number for number, each in enumerate(files) if each.fence.octets <= LARGE_FOR_HELPERS
        ]
        large = [
            number for number, each in enumerate(files) if each.fence.octets > LARGE_FOR_HELPERS
        ]
        parts = self._begin_large(files, large)
        batch = [files[number] for number in small]
        self._small += len(batch)
        if len(batch) >= MANY or self._small >= ENOUGH:
            self._start_helpers()
        if batch and self._helpers is not None and self._prepare(batch):
            parts.append((small, self._threads.submit(self._by_helper, batch)))
        else:
            for at in range(0, len(batch), _SOME):
                some = self._threads.submit(self._some, batch[at : at + _SOME])
                parts.append((small[at : at + _SOME], some))
        return Copying(len(files), parts)

    def _begin_large(self, files: Sequence[Wanted], numbers: list[int]) -> list[_Part]:
        """The largest first, so that none is left over at the end."""
        numbers.sort(key=lambda number: -files[number].fence.octets)
        apart = abreast.apart([files[number].fence.octets for number in numbers])
        parts: list[_Part] = []
        for number, alone in zip(numbers, apart, strict=True):
            if alone:
                parts.append(([number], self._threads.submit(self._alone, files[number])))
            else:
                parts.append(([number], told := _Told()))
                self._queue.append((files[number], told))
        with self._lock:
            full = -(-len(self._queue) // abreast.WIDTH)
            begin = min(self._workers, full) - self._turning
            self._turning += max(0, begin)
        for _ in range(begin):
            self._threads.submit(self._queued)
        return parts

    def _hand_over(self, running: int) -> None:
        if self._waiting:
            self._begun.append(self.begin(self._waiting))
            self._waiting = []
        while len(self._begun) > running:
            for result in self._begun.popleft().results():
                if not isinstance(result, Copied):
                    raise result

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

    def _prepare(self, batch: Sequence[Wanted]) -> bool:
        """Make the folders that a helper needs; False where a name needs a closer look."""
        paths = [file.kept for file in batch]
        try:
            b"/".join(paths).decode()
            if Batch(paths, ()).safe is not paths:
                return False
            self._writer.prepare(paths)
        except (UnicodeDecodeError, MalformedError):
            return False
        return True

    def _by_helper(self, batch: Sequence[Wanted]) -> list[Result]:
        helpers = cast("SimpleQueue[Helper]", self._helpers)
        helper = helpers.get()
        try:
            names = [each.hashlib_name for each in self.algorithms]
            paths = [file.path for file in batch]
            kept = [file.kept for file in batch]
            helper.ask(names, paths, [file.fence for file in batch], kept)
            octets, columns = helper.hear()
            if helper.process is None:  # what it made before it was killed is nobody's
                self._writer.discard(kept)
        finally:
            helpers.put(helper)
        widths = (each.octets for each in self.algorithms)
        digests = map(b"".join, zip(*map(pieces, columns, widths), strict=True))
        done = [(path, size) for path, size in zip(kept, octets, strict=True) if size >= 0]
        read = [Copied(path, size, next(digests)) for path, size in done]
        self._writer.note(read)
        self._progress.advance(sum(size for _, size in done))
        copied = iter(read)
        pairs = zip(batch, octets, strict=True)
        return [next(copied) if size >= 0 else self._one(file) for file, size in pairs]

    def _alone(self, file: Wanted) -> list[Result]:
        with self._working():
            return [self._one(file)]

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

    def _some(self, files: Sequence[Wanted]) -> list[Result]:
        """Copy a few files, all of them in turn."""
        begun = [(file, _Told()) for file in files]
        waiting = deque(begun)
        with self._working():
            self._take_turns(waiting)
        for _, told in waiting:  # none, unless all was stopped
            told.cancel()
        return [result for _, told in begun for result in told.result()]

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

    def _take_turns(self, waiting: deque[tuple[Wanted, _Told]]) -> None:
        abreast.take_turns(partial(self._next, waiting), self._goes_on, self._width)

    def _has_more(self) -> bool:
        with self._lock:  # nobody counts on this thread for a file that came too late for it
            if self._queue and not self._stopped:
                return True
            self._turning -= 1
            return False

    def _next(self, waiting: deque[tuple[Wanted, _Told]], room: memoryview) -> Turn | None:
        digests = self._digests()  # first: who takes a file tells what becomes of it
        try:
            file, told = waiting.popleft()
        except IndexError:
            return None
        return Turn(room, self._steps(file, room, digests, told), digests)

    def _steps(
        self, file: Wanted, room: memoryview, digests: Digests, told: _Told
    ) -> Generator[Octets, None, None]:
        """Copy one file in turn with others; whatever becomes of it is told."""
        try:
            with self._fenced(self._root, file.path, file.fence) as content:
                read = partial(content.read_to, room)
                yield from self._writer.adding(
                    file.kept, read, self._progress, digests, content.still
                )
            written = Written(digests.octets, digests.digests())
            told.set_result([self._copied(file, written)])
        except (PermissionError, MalformedError) as error:
            told.set_result([error])
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


class Copying:
    """Some files that are being copied: parts, each with the numbers of its files."""

    def __init__(self, files: int, parts: Sequence[_Part]) -> None:
        self._files, self._parts = files, parts

    def results(self) -> list[Result]:
        """What became of each, in the order given; waits for it.

        Raises:
            As :meth:`Copier.put`, but for what only one file has against it: that is a result.
        """
        found: dict[int, Result] = {}
        for numbers, future in self._parts:
            found.update(zip(numbers, future.result(), strict=True))
        return [found[number] for number in range(self._files)]

    def when_done(self, then: Callable[[], None]) -> None:
        """Have something done once all are copied or failed, by the thread that was at the last."""
        left, lock = max(1, len(self._parts)), threading.Lock()

        def ended(_: object = None) -> None:
            nonlocal left
            with lock:
                left -= 1
                last = not left
            if last:
                then()

        for _, future in self._parts:
            future.add_done_callback(ended)
        if not self._parts:
            ended()
