"""Verifies one part of a sealed bag in a tar, by its place in it.

Every octet of a ``samarkand-tar-1`` follows from names, sizes and contents. So a part can be held
against what must stand there, headers and padding included: all parts together say as much as the
digest of the whole, which no part could compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple, cast

from preservation.bags.parted import INVENTORY, Cut, Part, PartSeen, Sizes, UndividedError
from preservation.bags.trust import Trust
from preservation.bags.verification import OUTCOMES, Tally
from preservation.bags.verify_tar import Measuring, TarVerifier
from preservation.errors import MalformedError
from preservation.files import tar as tar_format
from preservation.files.held import HeldTar
from preservation.files.tar import read_tar
from preservation.fixity.engine import EngineSettings, never
from preservation.fixity.multihash import MultiHash
from preservation.fixity.reading import reading_of, reason_of
from preservation.model.digest import Algorithm, Digest
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import TarFacts

_CHUNK = 1 << 20


class _Place(NamedTuple):
    """Where a part stands in the tar."""

    start: int
    end: int


class TarPart(TarVerifier):
    """One part of one tar.

    Args:
        top: the tar's top folder.
    """

    def __init__(
        self,
        held: HeldTar,
        tar: TarFacts,
        trust: Trust,
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool] = never,
        *,
        top: str,
    ) -> None:
        super().__init__(held, tar, trust, settings, progress, cancelled)
        self._top, self._sizes, self._facts = top, Sizes(), tar

    def part(self, part: Part) -> PartSeen:
        """Verify the part.

        Raises:
            UndividedError: the tar can't be cut; what is wrong with it a whole reading tells.
        """
        if self._held.at is None:
            raise UndividedError("parts of it can't be read where it is")
        payload = self._front()
        cut = Cut(self._trust.payload, self._sizes, part.of)
        place = self._place(cut, part, payload)
        read = self._tally.octets_read
        if part.number > 1:  # what was read to know where to cut is the first part's
            self._tally = Tally()
        elif self._held.octets != self._facts.octets:
            reason = f"{self._facts.octets} octets were written, {self._held.octets} are there"
            self._tally.bad(b"", Outcome.ALTERED, reason, octets=self._held.octets)
        self._tally.octets_read = read
        self._read(cut, part, place)
        bypassed = self._held.cache_bypassed
        verified = self._tally.result(self._trust, cache_bypassed=bypassed)
        return PartSeen(verified, self._held.mark)

    def _front(self) -> int:
        """Read the tag files, which come first; returns where the payload begins."""
        at = len(tar_format.folder_headers(self._top))
        try:
            with self._held.open() as stream:
                measuring = self._measuring(stream)
                for path, octets, chunks in read_tar(cast("BinaryIO", measuring), self._top):
                    if path.startswith(b"data/"):
                        break
                    if not self._member(path, octets, chunks):
                        raise UndividedError("its tag manifest is not the one that was sealed")
                    at += self._length(path, octets)
                self._tally.octets_read = measuring.hashes.octets
        except (OSError, MalformedError) as error:
            raise UndividedError(f"what says where to cut it: {error}") from error
        if not self._tally.is_intact or self._trust.tags.keys() - self._tags_seen:
            raise UndividedError("its tag files are not those that were sealed")
        self._sizes.believed(self._trust)
        return at

    def _measuring(self, stream: BinaryIO) -> Measuring:
        return Measuring(stream, (), self._settings, self._progress, self._cancelled)

    def _tag(self, path: bytes, octets: int, chunks: Iterator[bytes]) -> None:
        if path != INVENTORY:
            super()._tag(path, octets, chunks)
            return
        self._tags_seen.add(path)
        observed = {Algorithm.SHA256: self._sizes.read(chunks)}
        self._tally.compare(path, octets, self._trust.expected(path), observed)

    def _place(self, cut: Cut, part: Part, payload: int) -> _Place:
        """Where the part begins and ends; the last one has the end of the tar, too."""
        at = start = end = payload
        for number, batch, sizes in cut.stretches():
            length = sum(map(self._length, batch.paths, sizes))
            if number < part.number:
                start += length
            if number <= part.number:
                end += length
            at += length
        whole = at + len(tar_format.END)
        if whole != self._facts.octets:  # names and sizes do not make this tar
            raise UndividedError("names and sizes do not say how long it is")
        return _Place(start, whole if part.number == part.of else end)

    def _length(self, path: bytes, octets: int) -> int:
        header = tar_format.header_octets(f"{self._top}/".encode() + path, octets)
        return header + octets + -octets % tar_format.BLOCK

    def _read(self, cut: Cut, part: Part, place: _Place) -> None:
        octets = min(place.end, self._held.octets) - place.start
        files = self._files(cut, part)
        if place.end == place.start:
            return
        if self._held.at is None or octets <= 0:
            self._lost(files, "the tar ends before it")
            return
        measuring: Measuring | None = None
        try:
            with self._held.at(place.start, octets) as stream:
                measuring = self._measuring(stream)
                self._compare(measuring, files, ends=part.number == part.of)
        except OSError as error:
            self._tally.bad(self._at, OUTCOMES[reading_of(error)], reason_of(error))
            self._tally.unchecked(sum(1 for _ in files))
        finally:
            self._tally.octets_read += measuring.hashes.octets if measuring else 0

    def _files(self, cut: Cut, part: Part) -> Iterator[tuple[bytes, int, tuple[Digest, ...]]]:
        for number, batch, sizes in cut.stretches():
            if number != part.number:
                continue
            for at, (path, octets) in enumerate(zip(batch.paths, sizes, strict=True)):
                columns = zip(batch.algorithms, batch.digests, strict=True)
                yield (
                    path,
                    octets,
                    tuple(
                        Digest(each, column[at * each.octets : (at + 1) * each.octets])
                        for each, column in columns
                    ),
                )

    def _compare(
        self,
        stream: Measuring,
        files: Iterator[tuple[bytes, int, tuple[Digest, ...]]],
        *,
        ends: bool,
    ) -> None:
        """Hold what comes against what must stand there; each place is known, so that what is
        wrong in one says nothing of the next.
        """
        for self._at, octets, expected in files:
            header = tar_format.member_header(f"{self._top}/".encode() + self._at, octets)
            there = _exactly(stream, len(header))
            hashes = MultiHash(one.algorithm for one in expected)
            left = octets
            while left and (chunk := stream.read(min(left, _CHUNK))):
                hashes.update(chunk)
                left -= len(chunk)
            padding = _exactly(stream, -octets % tar_format.BLOCK)
            if left:
                self._lost(files, "the tar ends within it or before it", self._at)
                return
            if there == header and not any(padding):
                self._tally.compare(self._at, octets, expected, hashes.digests())
            else:
                reason = "octets around it are not those that were written"
                self._tally.bad(self._at, Outcome.ALTERED, reason, octets=octets)
        if ends and _exactly(stream, len(tar_format.END)) != tar_format.END:
            self._tally.bad(b"", Outcome.ALTERED, "it does not end as it was written")

    def _lost(
        self,
        files: Iterable[tuple[bytes, int, tuple[Digest, ...]]],
        reason: str,
        first: bytes = b"",
    ) -> None:
        """The tar is shorter than it was: whatever stood in the rest is gone."""
        if first:
            self._tally.bad(first, Outcome.ALTERED, reason)
        for path, _, expected in files:
            self._tally.bad(path, Outcome.ALTERED, reason, expected=expected[0])


def _exactly(stream: Measuring, octets: int) -> bytes:
    data = b""
    while len(data) < octets and (more := stream.read(octets - len(data))):
        data += more
    return data
