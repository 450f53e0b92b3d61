"""Several digests of one huge stream, each by a thread of its own: for when a core is idle."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from preservation.fixity.multihash import MultiHash, Octets
from preservation.model.digest import Algorithm, Digest

WORTH = 16 * 1024 * 1024  # octets of a file below which threads are not worth their start
BLOCK = 1024 * 1024  # octets to hash at a time: less, and handing over costs more than it gains


class Lanes(MultiHash):
    """Hashes a stream with the first algorithm in the caller's thread, the others beside it.

    Use it as a context: its threads end with it.
    """

    __slots__ = ("_behind", "_threads")

    def __init__(self, algorithms: Iterable[Algorithm]) -> None:
        super().__init__(algorithms)
        self._threads = ThreadPoolExecutor(max(1, len(self._hashes) - 1), "digest")
        self._behind: list[Future[None]] = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=True)

    def update(self, data: Octets) -> None:
        """Hash some more octets; they have to stay as they are until the *next* call returns."""
        self._catch_up()
        self._behind = [self._threads.submit(state.update, data) for _, state in self._hashes[1:]]
        for _, state in self._hashes[:1]:
            state.update(data)
        self.octets += memoryview(data).nbytes

    def digests(self) -> dict[Algorithm, Digest]:
        self._catch_up()
        return super().digests()

    def _catch_up(self) -> None:
        for future in self._behind:
            future.result()
