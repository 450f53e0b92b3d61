"""Verifies a sealed bag that lies in a folder."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from preservation.bags.trust import TAG_MANIFEST, Trust
from preservation.bags.verification import OUTCOMES, Tally, Verification
from preservation.files.held import HeldFolder
from preservation.files.scan import Names, scan
from preservation.files.sorting import Sorter, aligned
from preservation.files.walk import Kind
from preservation.fixity.compare import Expected, compare
from preservation.fixity.direct import past_cache, stays_cached
from preservation.fixity.engine import EngineSettings, never
from preservation.fixity.helpers import BATCH
from preservation.fixity.reading import (
    BLOCK,
    Folders,
    Reading,
    open_regular,
    reading_of,
    reason_of,
)
from preservation.model.digest import Algorithm
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LARGEST_TAG_MANIFEST = 256 * 1024 * 1024  # octets; it lists tag files only


class FolderVerifier:
    """One verification of one folder."""

    def __init__(
        self,
        held: HeldFolder,
        trust: Trust,
        settings: EngineSettings,
        progress: Progress,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        self._held, self._trust = held, trust
        self._settings, self._progress, self._cancelled = settings, progress, cancelled
        self._tally = Tally()

    def run(self) -> Verification:
        """Verify the folder; what is wrong with it is in the result, never raised."""
        try:
            root = os.open(self._held.path, _FOLDER)
            try:
                self._verify(Folders(root))
            finally:
                os.close(root)
        except OSError as error:  # it is not there, or not any more
            self._tally.bad(b"", OUTCOMES[reading_of(error)], reason_of(error))
        bypassed = self._held.cache_bypassed and self._settings.drop_cache
        return self._tally.result(self._trust, cache_bypassed=bypassed)

    def _verify(self, folders: Folders) -> None:
        try:
            if not self._open_seal(folders):
                return
            manifests = self._read_manifests(folders)
        finally:
            folders.close()
        trust = self._trust
        payload = trust.payload.batches() if trust.compared else ()
        self._compare(itertools.chain(tag_files(trust, manifests), payload))
        if not trust.compared:
            reason = "no payload manifest is intact, so nothing says what the payload must be"
            self._tally.bad(b"data", Outcome.UNCHECKED, reason)
        look_for_strangers(self._held.path, trust, self._tally)

    def _open_seal(self, folders: Folders) -> bool:
        """Read and believe the tag manifest, or record why not."""
        try:
            data = b"".join(self._blocks(folders, TAG_MANIFEST, LARGEST_TAG_MANIFEST))
        except OSError as error:
            self._tally.bad(TAG_MANIFEST, OUTCOMES[reading_of(error)], reason_of(error))
            return False
        reason = self._trust.open(data)
        if reason:
            self._tally.bad(TAG_MANIFEST, Outcome.ALTERED, reason, octets=len(data))
            return False
        seal = self._trust.seal
        return self._tally.compare(TAG_MANIFEST, len(data), [seal], {seal.algorithm: seal})

    def _read_manifests(self, folders: Folders) -> set[bytes]:
        """Read payload manifests until enough is known; returns those that were dealt with."""
        done: set[bytes] = set()
        for name in self._trust.manifests():
            if self._trust.enough():
                break
            done.add(name)
            before = self._tally.octets_read
            try:
                observed = self._trust.accept(name, self._blocks(folders, name))
            except OSError as error:
                self._tally.bad(name, OUTCOMES[reading_of(error)], reason_of(error))
                continue
            octets = self._tally.octets_read - before
            expected = self._trust.expected(name)
            self._tally.compare(name, octets, expected, {observed.algorithm: observed})
        return done

    def _blocks(self, folders: Folders, path: bytes, most: int | None = None) -> Iterator[bytes]:
        fd = open_regular(folders, path, drop_cache=self._settings.drop_cache)
        read = 0
        try:
            for block in self._read(fd):
                read += len(block)
                self._tally.octets_read += len(block)
                self._progress.advance(len(block))
                yield block
                if most is not None and read > most:
                    return  # larger than any real one: its digest cannot be the seal's
        finally:
            os.close(fd)

    def _read(self, fd: int) -> Iterator[bytes]:
        stays = self._settings.drop_cache and stays_cached(fd, os.fstat(fd).st_size)
        blocks = past_cache(fd, BLOCK) if stays else iter(partial(os.read, fd, BLOCK), b"")
        while True:
            if self._settings.rate is not None:
                self._settings.rate.take(BLOCK, self._cancelled)
            if not (block := next(blocks, b"")):
                return
            yield block

    def _compare(self, batches: Iterator[Expected]) -> None:
        results = compare(self._held.path, batches, self._settings, self._progress, self._cancelled)
        for result in results:
            self._tally.octets_read += result.octets
            self._tally.intact(result.intact)
            for seen, expected in result.unequal:
                if seen.reading is Reading.READ:
                    self._tally.compare(seen.path, seen.octets, expected, seen.digests)
                else:
                    outcome = OUTCOMES[seen.reading]
                    self._tally.bad(seen.path, outcome, seen.reason, expected=expected[0])


def look_for_strangers(base: Path, trust: Trust, tally: Tally) -> None:
    """Whatever is there and is not listed. Without payload manifests only tag files."""
    there = Sorter()
    try:
        for found in scan(base, sizes=False):
            if isinstance(found, Names):
                there.extend(found.paths)
            elif found.kind is Kind.UNREADABLE:
                tally.bad(found.path, Outcome.UNCHECKED, found.error)
            elif found.kind is not Kind.FOLDER:
                _stranger(base, found.path, found.kind, tally)
    except OSError as error:  # the folder itself can't be listed
        tally.bad(b"", OUTCOMES[reading_of(error)], reason_of(error))
    for here, listed in aligned([there.slices(), trust.payload.names()]):
        for path in sorted(set(here.paths).difference(listed.paths)):
            unknown = not trust.compared and path.startswith(b"data/")
            if path not in trust.tags and path != TAG_MANIFEST and not unknown:
                _stranger(base, path, Kind.FILE, tally)


def _stranger(base: Path, path: bytes, kind: Kind, tally: Tally) -> None:
    reason = f"a {kind.value} that is not listed in any sealed manifest"
    tally.bad(path, Outcome.ALTERED, reason, octets=_size(base, path))


def tag_files(trust: Trust, without: set[bytes]) -> Iterator[Expected]:
    """The tag files under the seal, but for some, and what they must be."""
    left = iter(sorted(trust.tags.keys() - without))
    while paths := list(itertools.islice(left, BATCH)):
        column = b"".join([trust.tags[path] for path in paths])
        yield Expected(paths, (Algorithm.SHA256,), (column,))


def _size(base: Path, path: bytes) -> int:
    try:
        return os.lstat(os.path.join(os.fsencode(base), path)).st_size
    except OSError:
        return 0
