"""A damaged folder replica mended where it lies: only the files that are not intact are fetched.

What is read of another replica is its tag manifest, compared with the seal, its payload
manifest, compared with that, and the files that are wanted, compared with that in turn; of a tar
with an index nothing else, wherever it is kept. So each octet that is put in place was just
verified under the seal, whatever else that replica may hold. Nothing is said about its other
files: no check of it is recorded.

The damaged replica's intact files are not touched. The check before the repair read them, and the
check after it reads all of the replica again: only that one says that it is intact.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from typing import TypeVar

from preservation.bags.members import Member, members
from preservation.bags.ranged import each, is_indexed
from preservation.bags.sealed import write_folder
from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import SourceDamagedError, TierUnavailableError
from preservation.files.held import HeldTar
from preservation.fixity.multihash import MultiHash
from preservation.fixity.reading import BLOCK, Folders, open_regular
from preservation.model.check import CheckResult
from preservation.model.digest import Algorithm, Digest
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import Packaging
from preservation.repair.exchanging import Exchange
from preservation.repair.replacing import not_kept
from preservation.repair.result import RepairResult
from preservation.repair.sources import Sources
from preservation.repair.task import Task
from preservation.storage.steps import tier_errors
from preservation.storage.tier import Incoming

_T = TypeVar("_T")
Files = Iterator[tuple[bytes, Iterator[Member]]]  # each to be taken, or to fail, by itself

# A tag manifest that was damaged hides what else is, and payload manifests hide the payload.
_ROUNDS = 3
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Mending:
    """Mends folder replicas file by file."""

    def __init__(self, sources: Sources, exchange: Exchange) -> None:
        self._sources, self._exchange = sources, exchange

    def mend(self, task: Task, damaged: Sequence[bytes] | None) -> RepairResult | None:
        """Exchange the damaged files alone.

        Args:
            task: the replica.
            damaged: paths in the bag by the check before; None where they are not known.

        Returns:
            None where it has to be replaced whole: nothing was changed then, or too little.
        """
        for _ in range(_ROUNDS):
            if damaged is None or task.row.packaging is not Packaging.FOLDER or _nested(damaged):
                break
            mended = self._mended(task, damaged)
            if mended is None:
                break
            result, checked = mended
            if checked.outcome in (Outcome.INTACT, Outcome.UNCHECKED):
                return result
            damaged = checked.damaged
        return None

    def _mended(
        self, task: Task, damaged: Sequence[bytes]
    ) -> tuple[RepairResult, CheckResult] | None:
        """One round, with the check after it."""
        incoming = task.tier.incoming(task.row.key, Packaging.FOLDER, replacing=True)
        try:
            taking = _Taking(task, incoming, damaged)
            failed = self._take(task, taking)
            if failed is None:
                return None
            incoming.settle()
            taking.read_back()
            done = self._exchange.run(
                task,
                "+".join(taking.gave) or task.row.tier,  # its own other files are all that it needs
                task.version.sidecar(Packaging.FOLDER),
                partial(incoming.mend, strangers=sorted(taking.lacking)),
                {"files": len(taking.taken), "strangers": len(taking.lacking)},
            )
        finally:
            incoming.discard()
        for source in failed:  # it is not what it should be, or nobody knows: that is recorded
            self._sources.is_damaged(task, source)
        return done

    def _take(self, task: Task, taking: _Taking) -> list[ReplicaRow] | None:
        """Take every damaged file from the first of the other replicas that has it intact.

        Returns:
            The replicas that failed on the way; None if some file is to be had from nobody.
        """
        failed: list[ReplicaRow] = []
        if not taking.lacking:
            return failed
        for source, files in self._ways(task, taking.lacking, failed):
            if taking.take(source.tier, files, self._sources):
                return failed
            failed.append(source)
        return None

    def _ways(
        self, task: Task, lacking: AbstractSet[bytes], failed: list[ReplicaRow]
    ) -> Iterator[tuple[ReplicaRow, Files]]:
        """The other replicas and what they give of the files that are lacking by then: first
        those where a file is looked up, then tars that have to be read through.

        Args:
            failed: gets those that are not there.
        """
        row = task.row
        through: list[tuple[ReplicaRow, HeldTar]] = []
        for source in self._sources.others(row):
            with suppress(TierUnavailableError):
                held = self._sources.held(source)
                if held is None:
                    failed.append(source)
                elif isinstance(held, HeldTar) and not is_indexed(held):
                    through.append((source, held))
                else:
                    yield source, each(held, row.seal, row.key.top, frozenset(lacking))
        for source, tar in through:
            read = members(tar, row.seal, source.tar, frozenset(lacking).__contains__)
            yield source, ((one.path, iter([one])) for one in read)


class _Taking:
    """The good files of one replica, written aside.

    Attributes:
        lacking: not had yet; once a source was gone through, what the bag does not have at all.
        taken: each file that was had, with its digest.
        gave: the tiers that they came from.
    """

    def __init__(self, task: Task, incoming: Incoming, damaged: Sequence[bytes]) -> None:
        self._task, self._folder = task, incoming.folder
        self.lacking = set(damaged)
        self.taken: dict[bytes, Digest] = {}
        self.gave: list[str] = []

    def take(self, tier: str, files: Files, sources: Sources) -> bool:
        """Write what a source has, verified.

        Args:
            tier: of the source.
            files: that it has of those that are lacking.

        Returns:
            Whether all went well: then what is lacking still is not of the bag.
        """
        before = len(self.taken)
        pace = sources.paced(self._task.progress, tier, self._task.row.tier)
        is_whole = True
        try:
            for _, read in _plain(files):
                is_whole &= self._written(read, pace)
        except SourceDamagedError:
            is_whole = False
        if len(self.taken) > before:
            self.gave.append(tier)
        return is_whole

    def _written(self, read: Iterator[Member], pace: Progress) -> bool:
        try:
            with tier_errors(self._task.row.tier):
                write_folder(self._noted(_plain_members(read)), self._folder, pace)
        except SourceDamagedError:
            return False
        return True

    def read_back(self) -> None:
        """Compare what was written with what was read, from the medium where that can be had.

        Raises:
            TierUnavailableError: the medium is in the way, or keeps something else.
        """
        with tier_errors(self._task.row.tier):
            root = os.open(self._folder, _FOLDER)
            folders = Folders(root)
            try:
                for path, digest in self.taken.items():
                    if self._read(folders, path) != digest:
                        raise not_kept(self._task, Outcome.ALTERED)
            finally:
                folders.close()
                os.close(root)

    def _read(self, folders: Folders, path: bytes) -> Digest:
        hashes = MultiHash([Algorithm.SHA256])
        fd = open_regular(folders, path, drop_cache=True)
        try:
            while block := os.read(fd, BLOCK):
                hashes.update(block)
                self._task.progress.advance(len(block))
        finally:
            os.close(fd)
        return hashes.digests()[Algorithm.SHA256]

    def _noted(self, read: Iterator[Member]) -> Iterator[Member]:
        """The same; each is noted once it was taken to its end, and so was verified."""
        for member in read:
            hashes = MultiHash([Algorithm.SHA256])
            yield Member(member.path, member.octets, _hashed(member.chunks, hashes))
            self.taken[member.path] = hashes.digests()[Algorithm.SHA256]
            self.lacking.discard(member.path)


def _hashed(chunks: Iterator[bytes], hashes: MultiHash) -> Iterator[bytes]:
    for chunk in chunks:
        hashes.update(chunk)
        yield chunk


def _plain(read: Iterator[_T]) -> Iterator[_T]:
    """The same; a tier that goes away meanwhile is a source that fails."""
    try:
        yield from read
    except TierUnavailableError as error:
        raise SourceDamagedError(error.message) from error


def _plain_members(read: Iterator[Member]) -> Iterator[Member]:
    for member in _plain(read):
        yield Member(member.path, member.octets, _plain(member.chunks))


def _nested(paths: Sequence[bytes]) -> bool:
    """Whether one of them lies in a folder that is another one: something else than a folder has
    the folder's name, and single files can't be exchanged below it.
    """
    known = set(paths)
    return any(
        path[:at] in known for path in paths for at, octet in enumerate(path) if octet == ord("/")
    )
