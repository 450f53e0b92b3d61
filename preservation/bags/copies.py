"""Files that are to be copied, and what became of them, many at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from preservation.errors import MalformedError
from preservation.files.looks import LOOK
from preservation.files.walk import Entry
from preservation.fixity.batch import pieces
from preservation.fixity.fence import Fence, looks_of


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


class Lot(NamedTuple):
    """Some files to copy, some hundred at most.

    Attributes:
        paths, kept: as of :class:`Wanted`.
        looks: the fences of all of them, packed as :mod:`preservation.files.looks` does it.
    """

    paths: Sequence[bytes]
    kept: Sequence[bytes]
    looks: bytes

    @classmethod
    def of(cls, entries: Sequence[Entry], kept: Sequence[bytes]) -> Lot:
        """Files as a walk told them one by one."""
        return cls([entry.path for entry in entries], kept, looks_of(entries))

    def file(self, number: int) -> Wanted:
        """One of them."""
        look = LOOK.unpack_from(self.looks, number * LOOK.size)
        return Wanted(self.paths[number], self.kept[number], Fence(*look))

    def chosen(self, numbers: Sequence[int]) -> Lot:
        """Those of some numbers."""
        looks = [self.looks[each * LOOK.size : (each + 1) * LOOK.size] for each in numbers]
        return Lot(
            [self.paths[each] for each in numbers],
            [self.kept[each] for each in numbers],
            b"".join(looks),
        )


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


class Answer(NamedTuple):
    """A helper's answer.

    Attributes:
        octets: for each file; below zero where the helper left it.
        columns, widths: for each algorithm the digests of those it copied, joined; octets of one.
        others: what became of those that it left, by number.
    """

    kept: Sequence[bytes]
    octets: Sequence[int]
    columns: Sequence[bytes]
    widths: Sequence[int]
    others: dict[int, Result]

    def results(self) -> Iterator[Result]:
        """What became of each."""
        digests = map(b"".join, zip(*map(pieces, self.columns, self.widths), strict=True))
        for number, (path, size) in enumerate(zip(self.kept, self.octets, strict=True)):
            yield self.others[number] if size < 0 else Copied(path, size, next(digests))

    def refused(self) -> Iterator[Refusal]:
        """What stood in the way of some."""
        return (each for each in self.others.values() if not isinstance(each, Copied))


class Each(list[Result]):
    """What became of some files that were copied here."""

    def results(self) -> Iterator[Result]:
        """What became of each."""
        return iter(self)

    def refused(self) -> Iterator[Refusal]:
        """What stood in the way of some."""
        return (each for each in self if not isinstance(each, Copied))


Told = Future[Each]
# The numbers of some files, and what becomes of them.
Part = tuple[Sequence[int], Future[Each] | Future[Answer]]


class Copying:
    """Some files that are being copied: parts, each with the numbers of its files."""

    def __init__(self, files: int, parts: Sequence[Part]) -> None:
        self._files, self._parts = files, parts

    def results(self) -> list[Result]:
        """What became of each, in the order given; waits for it.

        Raises:
            As :meth:`Copier.put`, but for what only one file has against it: that is a result.
        """
        found: dict[int, Result] = {}
        for numbers, future in self._parts:
            found.update(zip(numbers, future.result().results(), strict=True))
        return [found[number] for number in range(self._files)]

    @property
    def is_done(self) -> bool:
        """Whether all are copied or failed."""
        return all(future.done() for _, future in self._parts)

    def expect_all(self) -> None:
        """Wait until each is copied.

        Raises:
            As :meth:`Copier.put`.
        """
        for _, future in self._parts:
            for refusal in future.result().refused():
                raise refusal

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
