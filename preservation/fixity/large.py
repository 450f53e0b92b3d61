"""Large files that wait to be read, and how they are shared out among those who read.

With lanes several files are hashed at once, in one thread. So what is fastest depends on how many
there are, of what lengths; break-evens are in ``sha2.PAYS``.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from preservation.fixity import sha2
from preservation.model.digest import Algorithm

T = TypeVar("T")


class Share(NamedTuple):
    """How work on large files is shared.

    Attributes:
        hands: how many read at the same time.
        files: how many each of them reads abreast; 1 for one after the other.
    """

    hands: int
    files: int


def share(company: int, hands: int, algorithms: Sequence[Algorithm], reading: int = 0) -> Share:
    """How so many files of about one length are read fastest.

    Where they fill the lanes of every hand, each hand takes as many, and all their digests.
    Where they are fewer, the digests are what is shared out: a hand reads all that there are,
    and those that are left without work take a digest each. With so few that OpenSSL is
    faster than lanes that are mostly empty, each hand reads one after the other.

    Args:
        company: how many files; of unequal ones, as many as would have the length of the longest.
        reading: hands that have files already, beside these.
    """
    names = [each.hashlib_name for each in algorithms if each.hashlib_name in sha2.LANES]
    if not names:
        return Share(hands, 1)
    full = max(sha2.LANES[name] for name in names)
    if company >= full * max(1, hands - reading):
        return Share(hands, full)
    readers = max(1, hands // len(names)) if len(names) == len(algorithms) else hands
    left = max(1, readers - reading)
    slowest = "sha512" if "sha512" in names else names[0]
    if company >= sha2.PAYS[slowest] * left:
        return Share(readers, min(full, -(-company // left)))
    return Share(hands, 1)


class Large(Generic[T]):
    """Large files that wait, the largest first. Whoever asks holds a lock.

    Args:
        hands: how many may read at the same time.
        abreast: lanes may hash several files at once.
    """

    def __init__(self, hands: int, *, abreast: bool) -> None:
        self._hands, self._abreast = hands, abreast
        self._heap: list[tuple[int, int, tuple[Algorithm, ...], T]] = []
        self._octets = self._number = self._reading = 0

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, octets: int, algorithms: tuple[Algorithm, ...], file: T) -> None:
        """One more; not empty."""
        self._number += 1
        heapq.heappush(self._heap, (-octets, self._number, algorithms, file))
        self._octets += octets

    def share(self) -> list[T]:
        """What a hand reads now: one file; or several, and :meth:`take` as they end, then
        :meth:`done`; or none, where others read them all.
        """
        if not self._heap:
            return []
        hands, files = self._share()
        if files > 1:
            if self._reading >= hands:
                return []
            self._reading += 1
        return self.take(files)

    def width(self, reading: int) -> int:
        """How many a hand should read that reads so many; more, once the longest are begun."""
        return self._share(reading).files

    def _share(self, reading: int = 0) -> Share:
        if not self._heap or not self._abreast:
            return Share(self._hands, 1)
        octets, _, algorithms, _ = self._heap[0]
        company = min(len(self._heap), self._octets // -octets)
        hands = 0 if reading else self._reading
        return share(company + reading, self._hands, algorithms, hands)

    def take(self, most: int) -> list[T]:
        """The largest."""
        taken: list[T] = []
        while self._heap and len(taken) < most:
            octets, _, _, file = heapq.heappop(self._heap)
            self._octets += octets
            taken.append(file)
        return taken

    def done(self) -> None:
        """A hand that read several is at its end."""
        self._reading -= 1
