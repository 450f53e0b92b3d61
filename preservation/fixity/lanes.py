"""Several digests of one huge stream, each in a thread of its own while a core is idle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from preservation.files.memory import for_medium
from preservation.fixity.multihash import MultiHash, Octets
from preservation.model.digest import Algorithm, Digest

_HELD = 3  # pieces that a thread may have before it when it is given another: with one, it waits
# for its giver now and then, who reads and takes a digest of its own


T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Hashing(Protocol[T_contra]):
    """What takes in octets, piece by piece."""

    def update(self, data: T_contra, /) -> None: ...


def always() -> bool:
    """A core is idle at any time."""
    return True


def buffers(octets: int) -> list[memoryview]:
    """As many as :class:`Lanes` needs, if they are filled in turn and each given at once.

    While one is filled, a thread may have ``_HELD`` that wait and another at work. Each begins at
    a page, as reads past the page cache need it.
    """
    return for_medium(octets, _HELD + 2)


class Lanes(MultiHash):
    """Hashes a stream; while a core is idle, the caller's thread takes the first digest only.

    The digest of a stream that has but one is taken beside the caller, who reads on meanwhile. A
    thread is given its next piece before it is done with the last, so that it never waits.
    Use it as a context: its threads end with it.

    Args:
        idle: asked for each piece of the stream.
    """

    __slots__ = ("_behind", "_idle", "_mine", "_theirs")

    def __init__(self, algorithms: Iterable[Algorithm], idle: Callable[[], bool] = always) -> None:
        super().__init__(algorithms)
        states = [state for _, state in self._hashes]
        self._mine, self._theirs = (states[:1], states[1:]) if states[1:] else ([], states)
        self._idle = idle
        self._behind: list[Beside[Octets]] = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for lane in self._behind:
            lane.end()

    def update(self, data: Octets) -> None:
        """Hash some more octets; a buffer of theirs is used again as :func:`buffers` says."""
        if not self._idle():
            self._catch_up()
            super().update(data)
            return
        if not self._behind:
            self._behind = [Beside(state) for state in self._theirs]
        for lane in self._behind:
            lane.finish(_HELD)
            lane.begin(data)
        for state in self._mine:
            state.update(data)
        self.octets += memoryview(data).nbytes

    def digests(self) -> dict[Algorithm, Digest]:
        self._catch_up()
        return super().digests()

    def _catch_up(self) -> None:
        for lane in self._behind:
            lane.finish(0)


class Beside(threading.Thread, Generic[T]):
    """A thread that updates one digest, or one of several files."""

    def __init__(self, state: Hashing[T]) -> None:
        super().__init__(name="digest", daemon=True)
        self._state = state
        self._begun: SimpleQueue[T | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._at_work = 0
        self.start()

    def begin(self, data: T) -> None:
        """Hash some octets, from now on."""
        self._at_work += 1
        self._begun.put(data)

    def finish(self, but: int) -> None:
        """Wait until all is done but for so many pieces; raises what the thread ran into."""
        while self._at_work > but:
            trouble = self._done.get()
            self._at_work -= 1
            if trouble is not None:
                raise trouble

    def end(self) -> None:
        """End the thread."""
        self._begun.put(None)
        self.join()

    def run(self) -> None:
        while (data := self._begun.get()) is not None:
            try:
                self._state.update(data)
                self._done.put(None)
            except BaseException as error:  # noqa: BLE001 (raised where the digest is wanted)
                self._done.put(error)
