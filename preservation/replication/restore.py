"""Restore: an AIP version, or some files of it, written out of whatever replicas verify.

Every file is verified under the seal while it is written. A replica that fails, or lies, in the
middle of a file is left there, and the next one goes on with that file: all of them hand out
the files in one order, so what is written already is known by the last one's place in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from preservation.bags.members import Member, members
from preservation.bags.ranged import can_fetch, fetch
from preservation.bags.sealed import write_folder
from preservation.catalogue.protocol import Catalogue, ReplicaRow, VersionRow
from preservation.errors import (
    MalformedError,
    NotNowError,
    SamarkandError,
    SourceDamagedError,
    TierUnavailableError,
    UsageError,
)
from preservation.files.held import HeldTar
from preservation.files.tar import order
from preservation.model.deferred import dataclass
from preservation.model.names import display
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import Packaging
from preservation.storage.pace import paced
from preservation.storage.tier import Tier


@dataclass(slots=True)
class _Written:
    """How far the files have come, whichever replica they came from."""

    last: bytes | None = None
    files: int = 0
    asked: set[bytes] = field(default_factory=set)  # of the files that were asked for by name

    def is_due(self, path: bytes) -> bool:
        """Whether a file is still to be written."""
        return self.last is None or order(path) > order(self.last)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was written, and the tiers that it came from, in the order in which they gave."""

    tiers: tuple[str, ...]
    files: int


class RestoreService:
    """Writes AIP versions out."""

    def __init__(self, catalogue: Catalogue, tiers: Mapping[str, Tier]) -> None:
        self._catalogue = catalogue
        self._tiers = tiers

    def restore(
        self,
        version: VersionRow,
        folder: Path,
        progress: Progress,
        only: Collection[bytes] = (),
    ) -> Restored:
        """Write a version into an empty folder; the caller makes it visible.

        Args:
            only: these files of the bag; all of them, if empty.

        Raises:
            SourceDamagedError: no replica gives the rest (``AIP-NO-SOURCE``).
            TierUnavailableError: none can be read now, and nothing says that any is damaged
                (``AIP-AWAY``).
            UsageError: a file of ``only`` is not in the bag (``AIP-NO-FILE``).
            NoSpaceError, NotNowError: the folder's medium is in the way.
        """
        written, gave, tried = _Written(), list[str](), dict[str, SamarkandError]()
        for replica, fetched in self._ways(version, only):
            before = written.files
            try:
                source = self._source(version, replica, written, only, fetched=fetched)
                pace = paced(progress, self._tiers[replica.tier])
                write_folder(_counted(source, written, only), folder, pace)
            except (SourceDamagedError, TierUnavailableError, MalformedError) as error:
                tried[replica.tier] = error
                progress.say(f"{version.key}: {replica.tier} fails; the next one goes on")
                if written.files > before and replica.tier not in gave:
                    gave.append(replica.tier)
                continue
            _expect_all(only, written)
            gave = [tier for tier in gave if tier != replica.tier]
            return Restored((*gave, replica.tier), written.files)
        raise _nothing_gives(version, tried)

    def _ways(
        self, version: VersionRow, only: Collection[bytes]
    ) -> Iterator[tuple[ReplicaRow, bool]]:
        """Replicas in the order in which they are tried, and whether single files are fetched by
        their place in the tar: before it is read through, which needs no index to be right.
        """
        for replica in self._nearest(version):
            if only and replica.packaging is Packaging.TAR:
                yield replica, True
            yield replica, False

    def _source(
        self,
        version: VersionRow,
        replica: ReplicaRow,
        written: _Written,
        only: Collection[bytes],
        *,
        fetched: bool,
    ) -> Iterator[Member]:
        tier = self._tiers.get(replica.tier)
        if tier is None:
            raise TierUnavailableError(f"there is no tier {replica.tier!r} in this home")
        tier.check()
        held = tier.held(version.key, replica.packaging)
        if fetched:
            if not isinstance(held, HeldTar) or not can_fetch(held):
                raise SourceDamagedError("single files of it cannot be fetched")
            due = [path for path in only if written.is_due(path)]
            return fetch(held, version.seal, version.key.top, due)
        return members(held, version.seal, replica.tar, _wanted(written, only))

    def _nearest(self, version: VersionRow) -> list[ReplicaRow]:
        """Replicas found intact first, of those folders first: they cost least to read."""
        rows = self._catalogue.replicas(version.key.community, aip=version.key.aip)
        return sorted((row for row in rows if row.key == version.key), key=_distance)


def _nothing_gives(version: VersionRow, tried: Mapping[str, SamarkandError]) -> NotNowError:
    """What stood in the way on each tier, and what to do: tiers that are away are no damage."""
    why = "; ".join(f"{tier}: {error.message}" for tier, error in tried.items())
    errors = list(tried.values())
    if errors and all(isinstance(error, TierUnavailableError) for error in errors):
        return TierUnavailableError(
            f"{version.key}: no replica can be read now ({why})",
            hint=errors[-1].hint or "see to these tiers, then again; no replica is found damaged",
            code="AIP-AWAY",
        )
    return SourceDamagedError(
        f"{version.key}: no replica verifies ({why or 'none is known'})",
        hint="run `preserve audit --aip`, then `preserve repair`",
        code="AIP-NO-SOURCE",
    )


def _distance(replica: ReplicaRow) -> tuple[bool, bool]:
    return replica.outcome is not Outcome.INTACT, replica.packaging is not Packaging.FOLDER


def _wanted(written: _Written, only: Collection[bytes]) -> Callable[[bytes], bool]:
    return lambda path: (not only or path in only) and written.is_due(path)


def _counted(
    source: Iterator[Member], written: _Written, only: Collection[bytes]
) -> Iterator[Member]:
    """Note each file once it was taken to its end, and so was verified."""
    for member in source:
        yield member
        written.last = member.path
        written.files += 1
        if only:
            written.asked.add(member.path)


def _expect_all(only: Collection[bytes], written: _Written) -> None:
    absent = sorted(set(only) - written.asked)
    if absent:
        raise UsageError(
            f"not in this version: {', '.join(display(path) for path in absent)}",
            hint="name files as the manifests do: data/…",
            code="AIP-NO-FILE",
        )
