"""Copies several files at once in one thread, a piece of each in turn, so that their digests are
taken together: in the processor's lanes, where it has them, they cost less than half.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import suppress

from preservation.files import durable
from preservation.fixity import sha2
from preservation.fixity.multihash import MultiHash, Octets
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest

PIECE = 128 * 1024  # octets: with less, threads wait for each other more often than they work
WIDTH = 16  # files in turn: as many as SHA-256 has lanes, twice those of SHA-512
WORTH = 8  # files that are worth it: with fewer, threads gain as much where cores are idle
_ALONE = 64 << 20  # octets of a file that nobody need accompany: the lanes empty soon enough


class DisputedError(Exception):
    """Lanes and OpenSSL take different digests of the same octets."""


class Digests:
    """The digests of one file, taken beside those of others by :func:`update`.

    Args:
        apart: those that lanes are not to take.
        controlled: OpenSSL takes those of the lanes, too.

    Attributes:
        octets: how many were hashed so far.
    """

    __slots__ = ("_algorithms", "_others", "lanes", "octets")

    def __init__(
        self,
        algorithms: Sequence[Algorithm],
        apart: Collection[Algorithm] = (),
        *,
        controlled: bool = False,
    ) -> None:
        self._algorithms = algorithms
        self.lanes = {
            each: sha2.stream(each.hashlib_name)
            for each in algorithms
            if each.hashlib_name in sha2.LANES and each not in apart
        }
        others = [each for each in algorithms if controlled or each not in self.lanes]
        self._others = MultiHash(others)
        self.octets = 0

    def digests(self) -> dict[Algorithm, Digest]:
        """The digests of all octets so far; more may follow.

        Raises:
            DisputedError: lanes and OpenSSL do not say the same.
        """
        taken = {each: Digest(each, stream.digest()) for each, stream in self.lanes.items()}
        others = self._others.digests()
        if any(others.get(each, digest) != digest for each, digest in taken.items()):
            raise DisputedError
        return {each: taken.get(each) or others[each] for each in self._algorithms}

    def alone(self, piece: Octets) -> None:
        """Take in what lanes have nothing to do with."""
        self._others.update(piece)
        self.octets += len(piece)


def update(files: Sequence[Digests], pieces: Sequence[Octets]) -> None:
    """Each file, all with the same algorithms, takes in its piece."""
    for each in files[0].lanes if files else ():
        sha2.update([file.lanes[each] for file in files], pieces)
    for file, piece in zip(files, pieces, strict=True):
        file.alone(piece)


@dataclass(slots=True)
class Turn:
    """One file that is being copied.

    Attributes:
        room: where its pieces are read to.
        steps: copies it; gives each piece, which is hashed before the next one is asked for. It
            keeps what is in the way of its file to itself; what it raises ends all of them, and
            what ends them is thrown into each.
    """

    room: memoryview
    steps: Generator[Octets, None, None]
    digests: Digests


def take_turns(
    begin: Callable[[memoryview], Turn | None], go_on: Callable[[], bool], width: int = WIDTH
) -> None:
    """Copy files until there are no more.

    Args:
        begin: gives the next one, which reads to that place; None if there is none now.
        go_on: asked between pieces; if not, the files at work are left as they are.
        width: how many files at most are at work.

    Raises:
        NotNowError: there is no memory to read to (``FS-OUT-OF-MEANS``).
    """
    with durable.means():
        whole = memoryview(mmap.mmap(-1, width * PIECE))
    free = [whole[at : at + PIECE] for at in range(0, len(whole), PIECE)]
    at_work: list[Turn] = []
    try:
        while go_on():
            while free and (turn := begin(free[-1])) is not None:
                at_work.append(turn)
                free.pop()
            if not at_work:
                return
            met = [(turn, next(turn.steps, b"")) for turn in at_work]
            free += [turn.room for turn, piece in met if not piece]
            at_work = [turn for turn, piece in met if piece]
            update([turn.digests for turn in at_work], [piece for _, piece in met if piece])
    except BaseException as error:
        for turn in at_work:
            with suppress(BaseException):  # one that had come to its end raises what it is told
                turn.steps.throw(error)
        raise
    finally:
        for turn in at_work:
            turn.steps.close()


def apart(sizes: Sequence[int]) -> list[bool]:
    """Which of some large files are better copied each by itself: all if they are few, and giants,
    unless there are as many like it as fill the lanes.
    """
    falling = sorted(sizes, reverse=True)
    pairs = zip(falling, falling[WORTH - 1 :], strict=False)
    most = max((size for size, last in pairs if size <= 2 * last), default=0)
    few = not sha2.LANES or len(sizes) < WORTH
    return [few or size > max(most, _ALONE) for size in sizes]
