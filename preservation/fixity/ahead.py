"""Reads files before it is known what they must be.

Names are met long before the last manifest was read, and meanwhile all cores but one are idle. So
helper processes are given the first small files at once: as many as their pipes can hold
answers about, so that nobody has to listen until the digests are wanted. What is read is compared
later, as everything is; so this changes when a file is read and never what comes out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

from preservation.fixity import helpers
from preservation.fixity.batch import Batch, Done
from preservation.fixity.crew import LARGE_FOR_HELPERS
from preservation.fixity.helpers import Helper
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Algorithm


class _Asked(NamedTuple):
    helper: Helper
    batch: Batch


class Ahead:
    """Files of one folder that are being read. Use it as a context, from one thread.

    What is large or in any trouble is not read: it is as if it had never been put.

    Args:
        root: the folder, open.
        workers: how many helper processes.
        listed: a listing of its folder called each file a regular one.
    """

    def __init__(self, root: int, workers: int, *, listed: bool = False) -> None:
        self._root, self._workers, self._listed = root, workers, listed
        self._algorithms: tuple[Algorithm, ...] = ()
        self._helpers: deque[Helper] = deque()
        self._waiting: list[bytes] = []
        self._full = False
        self._asked: deque[_Asked] = deque()
        self._names: set[bytes] = set()  # that were asked about, and not heard of
        self._known: dict[bytes, tuple[int, tuple[bytes, ...]]] = {}  # octets and digests
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for asked in self._asked:  # gigabytes of files, maybe, that nobody wants any more
            asked.helper.give_up()
        self._ending.__exit__(kind, error, trace)

    def put(self, paths: Sequence[bytes], algorithms: tuple[Algorithm, ...]) -> None:
        """Begin to read some files, if there is time and room for it; never waits.

        Args:
            paths: relative to the root.
            algorithms: always the same.
        """
        if self._full or not algorithms:
            return
        self._algorithms = algorithms
        self._waiting += sorted(paths)  # mostly, so they will be asked for
        if not self._helpers and len(self._waiting) >= helpers.ENOUGH:
            self._start()
        while self._helpers and not self._full and len(self._waiting) >= helpers.BATCH:
            self._ask(Batch(self._waiting[: helpers.BATCH], algorithms))
            del self._waiting[: helpers.BATCH]

    def part(self, batch: Batch) -> tuple[Done | None, Batch | None]:
        """What is known of some files, and those that have to be read yet; waits for answers."""
        if self._asked and self._asked[0].batch[:2] == batch[:2]:
            octets, columns = self._hear()
            if min(octets) >= 0:
                return Done(batch, octets, columns, ()), None
            self._note(batch, octets, columns)
        while not self._names.isdisjoint(batch.paths):
            asked = self._asked[0].batch
            self._note(asked, *self._hear())
        return self._parted(batch)

    def helpers(self, cancelled: Callable[[], bool]) -> list[Helper]:
        """Hand the helper processes over; what they were asked is heard first.

        Raises:
            StoppedError: ``cancelled`` said so.
        """
        while self._asked:
            if cancelled():
                raise StoppedError("reading was cancelled")
            asked = self._asked[0].batch
            self._note(asked, *self._hear())
        given, self._full = list(self._helpers), True
        self._helpers.clear()
        return given

    def _start(self) -> None:
        for _ in range(self._workers):
            helper = Helper(self._root, LARGE_FOR_HELPERS, listed=self._listed)
            self._helpers.append(self._ending.enter_context(helper))

    def _ask(self, batch: Batch) -> None:
        helper = self._helpers[0]
        if helper.would_wait(batch.names, batch.paths):
            self._full = True
            return
        helper.ask(batch.names, batch.safe)
        self._helpers.rotate()
        self._asked.append(_Asked(helper, batch))
        self._names.update(batch.paths)

    def _hear(self) -> tuple[list[int], list[bytes]]:
        asked = self._asked.popleft()
        self._names.difference_update(asked.batch.paths)
        return asked.helper.hear()

    def _note(self, batch: Batch, octets: Sequence[int], columns: Sequence[bytes]) -> None:
        read = [(path, size) for path, size in zip(batch.paths, octets, strict=True) if size >= 0]
        widths = [each.octets for each in batch.algorithms]
        for at, (path, size) in enumerate(read):
            digests = [
                column[at * width : (at + 1) * width]
                for column, width in zip(columns, widths, strict=True)
            ]
            self._known[path] = size, tuple(digests)

    def _parted(self, batch: Batch) -> tuple[Done | None, Batch | None]:
        places = [
            self._algorithms.index(each) for each in batch.algorithms if each in self._algorithms
        ]
        if len(places) < len(batch.algorithms) or self._known.keys().isdisjoint(batch.paths):
            return None, batch
        found = [self._known.pop(path, None) for path in batch.paths]
        known = batch.chosen([each is not None for each in found])
        left = batch.chosen([each is None for each in found])
        read = [each for each in found if each is not None]
        columns = [b"".join([digests[place] for _, digests in read]) for place in places]
        octets = [size for size, _ in read]
        return Done(known, octets, columns, ()), left if left.paths else None
