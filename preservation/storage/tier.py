"""The protocol of a tier.

A tier knows places and bytes, nothing of policies or catalogues. Its root carries the marker
``samarkand-tier.json``; without the right one every method raises ``TierUnavailableError``
and writes nothing: an unmounted disk is not a mass loss.

Writing has two halves. :meth:`Tier.incoming` opens a private place that no reader can see;
what is there is read back through :meth:`Incoming.held`; then one call makes it visible,
sidecar last. A crash at any write leaves either nothing visible or a state that the next
call on the same key completes or clears away.

Source: ``docs/formats/tier.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from preservation.errors import TierUnavailableError
from preservation.files.held import Held, HeldParts
from preservation.files.tar_index import Index
from preservation.fixity.rate import RateLimit
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding
from preservation.model.replica import Packaging, Sidecar, VersionKey
from preservation.storage.leftovers import Leftover
from preservation.storage.listing import Lying
from preservation.storage.proof import Proof
from preservation.storage.recall import Recall

WITHOUT_END = 1 << 60  # octets: what to announce where nobody knows how many will come


class LargerError(TierUnavailableError):
    """More octets came than were announced, and than one object can hold: to be written again,
    with ``WITHOUT_END`` announced.
    """

    default_code = "TIER-TOO-LARGE"


@dataclass(frozen=True, slots=True)
class Observed:
    """What is observed, not declared, about where a tier really is.

    Attributes:
        failure_domain: equal for two tiers that fail together: ``device 8:1 on <host>``.
        technology: file system or service, as seen: ``ext4``.
        cache_bypassed: whether reads can be made past the page cache.
        free_octets: space left; None where the place cannot say.
    """

    failure_domain: str
    technology: str
    cache_bypassed: bool
    free_octets: int | None


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal came to.

    Attributes:
        left: names of what is still there, by listing; empty: all is gone.
        until: when the last lock on it ends; None where nothing is locked, or no end is known.
        reason: what kept it there; empty if nothing did.
    """

    left: tuple[str, ...]
    until: datetime | None = None
    reason: str = ""


class Incoming(Protocol):
    """A replica being written, private to one writer that holds the version's lease."""

    @property
    def folder(self) -> Path:
        """The empty folder in which to build the bag. Only where packaging is ``folder``."""
        ...

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write the tar stream. Only where packaging is ``tar``.

        Raises:
            NoSpaceError: the medium is full; nothing visible was written.
            LargerError: see there.
        """
        ...

    def settle(self) -> None:
        """Make everything durable (files, folders, metadata), still invisible."""
        ...

    def held(self) -> Held:
        """The bytes as they were settled, for reading back."""
        ...

    def commit(self, sidecar: Sidecar) -> None:
        """Settle and make visible, where nothing of this key was visible: bytes by one
        exclusive rename, folders synced, sidecar last.

        Raises:
            BusyError: a replica with a sidecar is there already (``TIER-OCCUPIED``).
        """
        ...

    def swap(self, sidecar: Sidecar, stamp: str) -> str:
        """Put these bytes in the place of what is there, by atomic exchange; the former
        bytes go to ``.quarantine/<stamp>/<place>`` on the same tier. Works too where the
        former bytes or their sidecar are gone. Of a tar in parts those that are the same as what
        was written stay where they are, and only the others are replaced.

        Returns:
            The place of the quarantined bytes relative to the root; empty if none were left.
        """
        ...

    def mend(self, sidecar: Sidecar, stamp: str, strangers: Sequence[bytes]) -> str:
        """Put the files that were built in the places of their namesakes in the replica that is
        there, each by atomic exchange; those and ``strangers``, paths that the bag does not have,
        go to ``.quarantine/<stamp>/<place>``. No other file is touched. Only where packaging is
        ``folder``. Killed, it leaves a replica with some of them healed.

        Returns:
            The place of the quarantined files relative to the root; empty if there were none.
        """
        ...

    def set_aside(self, stamp: str) -> str:
        """Put what was built, which is no replica, into ``.quarantine/<stamp>/<place>``, where
        no reader takes it for one. Only where packaging is ``folder``.

        Returns:
            Its place relative to the root.
        """
        ...

    def discard(self) -> None:
        """Remove what was written. Never touches anything visible."""
        ...


class Tier(Protocol):
    """A place that keeps replicas."""

    @property
    def id(self) -> str:
        """The tier's id in policies."""
        ...

    @property
    def rate(self) -> RateLimit | None:
        """How fast it may be written and read, by this process altogether; None: no limit.

        Whoever works on the tier obeys it (``storage.pace.paced``); the tier itself does not.
        """
        ...

    def check(self) -> None:
        """Raise ``TierUnavailableError`` unless the marker is there and says this tier."""
        ...

    @property
    def packagings(self) -> tuple[Packaging, ...]:
        """The packagings that it can keep."""
        ...

    def prove(self) -> Iterator[Proof]:
        """Try out what the place really does, with small things that are removed again."""
        ...

    def rehearsal(self, name: str = "") -> AbstractContextManager[Tier]:
        """A tier of its own inside this one, of the same kind; removed at the end of the block.
        No listing of this tier takes anything in it for a replica.

        Args:
            name: its own; what an earlier, killed one of this name left is removed first.
                Whoever gives a name sees to it that there is one such rehearsal at a time.
        """
        ...

    def spoil(self, key: VersionKey, data: bytes) -> None:
        """Put other octets in the place of a tar, past every safeguard: only in a rehearsal.

        Raises:
            SamarkandError: this tier is none (``TIER-NO-REHEARSAL``).
        """
        ...

    def observe(self) -> Observed:
        """Look at where the tier really is."""
        ...

    def incoming(
        self, key: VersionKey, packaging: Packaging, octets: int = 0, *, replacing: bool = False
    ) -> Incoming:
        """Open a private place to write, empty: what an earlier, killed writer left of the
        same key there is removed. ``octets`` is how much will be written, where that is known.
        What is ``replacing`` a replica can be read back at once, wherever others are cold.

        Raises:
            NoSpaceError: so much is not free.
        """
        ...

    def sidecar(self, key: VersionKey) -> Sidecar | None:
        """The replica's sidecar; None if there is none.

        Raises:
            MalformedError: there is one, and it cannot be read as one.
        """
        ...

    def exists(self, key: VersionKey, packaging: Packaging) -> bool:
        """Whether the replica's bytes are there, by a successful listing of their folder."""
        ...

    def held(self, key: VersionKey, packaging: Packaging) -> Held:
        """The replica's bytes. Does not read them.

        Raises:
            ColdError: they have to be recalled before; nothing was asked for.
        """
        ...

    def keep_index(self, key: VersionKey, index: Index) -> None:
        """Put the index of a version's tar beside the replica, in the place of any that is
        there. It is derived, and nobody trusts it.

        Raises:
            NoSpaceError: the medium is full.
        """
        ...

    def recall(self, key: VersionKey) -> Recall | None:
        """Ask for a replica that can't be read at once, and don't wait for it. None where it
        can be.
        """
        ...

    def guarded(self, key: VersionKey) -> bool | None:
        """Whether a replica is protected from removal as the tier declares it: by the immutable
        flag, by a lock. None where nothing is declared.
        """
        ...

    def guard(self, key: VersionKey) -> None:
        """Protect a replica as the tier declares it; again is no error.

        Raises:
            TierUnavailableError: the place can't do it.
        """
        ...

    def hold(self, key: VersionKey, *, on: bool) -> bool:
        """Set or lift the place's own hold on a replica (S3: legal hold). False where the place
        has none: the hold then stands in the journal alone.
        """
        ...

    def quarantined(self, key: VersionKey, packaging: Packaging, stamp: str) -> str:
        """The place where :meth:`Incoming.swap` put the former bytes under this stamp, relative
        to the root; empty if there are none.
        """
        ...

    def held_in_quarantine(
        self, key: VersionKey, packaging: Packaging, stamp: str
    ) -> Held | HeldParts:
        """The bytes there, for comparing."""
        ...

    def clear_unfinished(self, key: VersionKey) -> None:
        """Remove bytes of this key that became visible without a sidecar (a writer died
        between its rename and its sidecar) by moving them to ``.quarantine``.
        """
        ...

    def sidecars(self) -> Iterator[Sidecar | Finding]:
        """Every sidecar on the tier, in no order; a finding for each that cannot be read."""
        ...

    def communities(self) -> Iterator[str]:
        """The communities of which anything lies there, sorted."""
        ...

    def lying(self, community: str, aip: str = "") -> Iterator[Lying]:
        """What lies there of one community, or of one of its AIPs: each AIP's folder, in the
        order of their names, and each folder with something in it that belongs to no AIP.

        Raises:
            TierUnavailableError: it can't be listed.
        """
        ...

    def unfinished(self) -> Iterator[str]:
        """What writers have begun, and what else lies there that is nobody's, in words."""
        ...

    def tombstone(self, key: VersionKey, data: bytes) -> None:
        """Say at the version's key that it was disposed of: ``v<n>.tombstone.json``, created
        exclusively, durable. The same bytes again are no error.

        Raises:
            SamarkandError: another one is there (``TIER-KEPT-DIFFERS``).
        """
        ...

    def tombstoned(self, key: VersionKey) -> bytes | None:
        """The tombstone's bytes; None if there is none."""
        ...

    def remains(self, key: VersionKey) -> tuple[str, ...]:
        """Names of everything of a version that lies there but its tombstone, by a successful
        listing: replica and sidecar, former versions of objects, what was begun, quarantine.
        """
        ...

    def remove(self, key: VersionKey) -> Removed:
        """Take all that away, the sidecar first; confirmed by listing. Only the retention
        workflow may call it, after what it did to be allowed is durable. Killed, or stopped by
        a lock, it is finished by the same call.

        Raises:
            TierUnavailableError: the tier is in the way; some of it may be gone.
        """
        ...

    def leftovers(self) -> Iterator[Leftover]:
        """What writers and rehearsals have begun, whether somebody is still at it or not."""
        ...

    def remove_leftover(self, name: str) -> None:
        """Remove one of them; whoever asks has seen to it that nobody is at it."""
        ...

    def keep(self, name: str, data: bytes) -> None:
        """Keep a small document under ``.samarkand/<name>``, created exclusively, durable.
        Keeping the same bytes again is no error; other bytes under a kept name are.

        Raises:
            SamarkandError: the name holds other bytes (``TIER-KEPT-DIFFERS``).
        """
        ...

    def kept(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """The small documents whose names begin with ``prefix``, sorted by name."""
        ...

    def kept_names(self, prefix: str) -> Iterator[str]:
        """The names that begin with ``prefix``, sorted, without reading the documents."""
        ...
