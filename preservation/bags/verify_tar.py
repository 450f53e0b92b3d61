"""Verifies a sealed bag that is one ``samarkand-tar-1`` stream, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, cast

from preservation.bags.expectations import PayloadInOrder
from preservation.bags.members_abreast import LARGEST, MOST, digests_of, lanes
from preservation.bags.trust import TAG_MANIFEST, Trust
from preservation.bags.verification import OUTCOMES, Tally, Verification
from preservation.bags.verify_folder import LARGEST_TAG_MANIFEST
from preservation.errors import MalformedError
from preservation.files.held import HeldTar
from preservation.files.memory import keep_what_is_freed
from preservation.files.tar import read_tar
from preservation.fixity.engine import EngineSettings, never
from preservation.fixity.lanes import Lanes
from preservation.fixity.multihash import MultiHash, digest_bytes
from preservation.fixity.reading import StoppedError, reading_of, reason_of
from preservation.model.digest import Algorithm, Comparison, Digest
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import TarFacts

_BESIDE = 128 * 1024  # octets; less is not worth handing over to another thread


class Measuring:
    """A stream whose octets are counted, hashed, paid for and told on their way.

    Args:
        hands: threads that bring its octets: they are workers, too.
    """

    def __init__(
        self,
        stream: BinaryIO,
        algorithms: Iterable[Algorithm],
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool],
        hands: int = 0,
    ) -> None:
        self._stream, self._settings = stream, settings
        self._progress, self._cancelled = progress, cancelled
        self._large = False
        beside = settings.workers > 1 + hands
        self.hashes = Lanes(algorithms, self._is_worth_it) if beside else MultiHash(algorithms)

    def read(self, octets: int) -> bytes:
        """Some octets; fewer only at the end.

        Raises:
            StoppedError: cancelled.
        """
        if self._cancelled():
            raise StoppedError("reading was cancelled")
        if self._settings.rate is not None:
            self._settings.rate.take(octets, self._cancelled)
        data = self._stream.read(octets)
        self._large = len(data) >= _BESIDE
        self.hashes.update(data)
        self._progress.advance(len(data))
        return data

    def _is_worth_it(self) -> bool:
        """The stream as a whole is hashed beside its files, but not piece by small piece."""
        return self._large


class TarVerifier:
    """One verification of one stream."""

    def __init__(
        self,
        held: HeldTar,
        tar: TarFacts | None,
        trust: Trust,
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        self._held, self._tar, self._trust = held, tar, trust
        self._settings, self._progress, self._cancelled = settings, progress, cancelled
        self._tally = Tally()
        self._tags_seen: set[bytes] = set()
        self._at = b""
        self._payload_left: PayloadInOrder | None = None
        self._declaration: tuple[int, dict[Algorithm, Digest]] | None = None
        self._waiting: list[tuple[bytes, bytes]] = []  # small files that lanes will hash together

    def run(self) -> Verification:
        """Verify the stream; what is wrong with it is in the result, never raised."""
        keep_what_is_freed()
        try:
            with self._held.open() as stream:
                self._verify(stream)
        except OSError as error:
            self._settle()
            self._tally.bad(self._at, OUTCOMES[reading_of(error)], reason_of(error))
            self._count_unreached()
        return self._tally.result(self._trust, cache_bypassed=self._held.cache_bypassed)

    def _verify(self, stream: BinaryIO) -> None:
        whole = () if self._tar is None else (self._tar.digest.algorithm,)
        measuring = Measuring(
            stream, whole, self._settings, self._progress, self._cancelled, self._held.hands
        )
        with measuring.hashes as hashes:
            try:
                for self._at, octets, chunks in read_tar(cast("BinaryIO", measuring)):
                    if not self._member(self._at, octets, chunks):
                        return
                self._settle()
                self._look_for_missing()
            except MalformedError as error:
                self._settle()
                self._tally.bad(b"", Outcome.ALTERED, error.message)
                self._count_unreached()
            finally:
                self._tally.octets_read = hashes.octets
            self._compare_whole(hashes)

    def _member(self, path: bytes, octets: int, chunks: Iterator[bytes]) -> bool:
        """Deal with one file; False if nothing after it can be trusted."""
        if path.startswith(b"data/") and self._is_small(octets):
            self._wait(path, chunks)
            return True
        self._settle()
        if path == TAG_MANIFEST:
            return self._open_seal(octets, chunks)
        if path == b"bagit.txt":
            # It comes before the tag manifest, which alone can judge it.
            self._declaration = (octets, _digests(chunks, (Algorithm.SHA256,)))
            return True
        if not self._trust.tags:
            self._tally.bad(TAG_MANIFEST, Outcome.MISSING, "not where it must stand")
            return False
        if path.startswith(b"data/"):
            self._payload(path, octets, chunks)
        else:
            self._tag(path, octets, chunks)
        return True

    def _open_seal(self, octets: int, chunks: Iterator[bytes]) -> bool:
        seal = self._trust.seal
        reason = "larger than any real one"
        if octets <= LARGEST_TAG_MANIFEST:
            reason = self._trust.open(b"".join(chunks))
        if reason:
            self._tally.bad(TAG_MANIFEST, Outcome.ALTERED, reason, octets=octets)
            return False
        self._tally.compare(TAG_MANIFEST, octets, [seal], {seal.algorithm: seal})
        if self._declaration is not None:
            size, digests = self._declaration
            self._tags_seen.add(b"bagit.txt")
            self._tally.compare(b"bagit.txt", size, self._trust.expected(b"bagit.txt"), digests)
        return True

    def _tag(self, path: bytes, octets: int, chunks: Iterator[bytes]) -> None:
        self._tags_seen.add(path)
        if self._trust.is_useful(path):
            digests = {Algorithm.SHA256: self._trust.accept(path, chunks)}
        else:
            digests = _digests(chunks, (Algorithm.SHA256,))
        self._tally.compare(path, octets, self._trust.expected(path), digests)

    def _payload(self, path: bytes, octets: int, chunks: Iterator[bytes]) -> None:
        trust = self._trust
        if not trust.compared:
            self._tally.unchecked(1)
            return
        digests = _digests(chunks, trust.compared)  # first: only what was read was reached
        self._tally.compare(path, octets, self._expected(path), digests)

    def _expected(self, path: bytes) -> tuple[Digest, ...]:
        if self._payload_left is None:  # manifests come before: now all are known
            self._payload_left = self._trust.payload.in_order()
        return self._payload_left.find(path, self._missing)

    def _is_small(self, octets: int) -> bool:
        known = bool(self._trust.tags) and self._trust.compared == (Algorithm.SHA256,)
        return known and octets <= LARGEST and lanes() > 0

    def _wait(self, path: bytes, chunks: Iterable[bytes]) -> None:
        """Put a small file with others, until there are enough of them."""
        self._waiting.append((path, b"".join(chunks)))
        if len(self._waiting) == lanes() or sum(len(data) for _, data in self._waiting) >= MOST:
            self._settle()

    def _settle(self) -> None:
        """Compare the files that wait. What lanes call altered, OpenSSL is asked about."""
        waiting, self._waiting = self._waiting, []
        observed = digests_of([data for _, data in waiting])
        for (path, data), value in zip(waiting, observed, strict=True):
            expected, digest = self._expected(path), Digest(Algorithm.SHA256, value)
            if any(digest.compare(each) is not Comparison.SAME for each in expected):
                digest = digest_bytes(data)
            self._tally.compare(path, len(data), expected, {Algorithm.SHA256: digest})

    def _look_for_missing(self) -> None:
        if not self._trust.tags:
            self._tally.bad(TAG_MANIFEST, Outcome.MISSING, "not in the tar")
            return
        for path in sorted(self._trust.tags.keys() - self._tags_seen):
            self._missing(path, self._trust.expected(path)[0])
        (self._payload_left or self._trust.payload.in_order()).rest(self._missing)

    def _missing(self, path: bytes, expected: Digest) -> None:
        self._tally.bad(path, Outcome.MISSING, "not in the tar", expected=expected)

    def _count_unreached(self) -> None:
        reached = 0 if self._payload_left is None else self._payload_left.reached
        payload = len(self._trust.payload) - reached
        self._tally.unchecked(len(self._trust.tags.keys() - self._tags_seen) + payload)

    def _compare_whole(self, hashes: MultiHash) -> None:
        """Octets between members (headers, padding, the end) are under this digest alone."""
        if self._tar is None or not self._tally.is_intact:
            return
        observed = hashes.digests()[self._tar.digest.algorithm]
        same = observed.compare(self._tar.digest) is Comparison.SAME
        if not same or hashes.octets != self._tar.octets:
            self._tally.bad(
                b"",
                Outcome.ALTERED,
                "octets outside of every file are not those that were written",
                expected=self._tar.digest,
                observed=observed,
                octets=hashes.octets,
            )


def _digests(chunks: Iterable[bytes], algorithms: tuple[Algorithm, ...]) -> dict[Algorithm, Digest]:
    hashes = MultiHash(algorithms)
    for chunk in chunks:
        hashes.update(chunk)
    return hashes.digests()
