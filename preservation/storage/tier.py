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

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from preservation.files.held import Held
from preservation.model.finding import Finding
from preservation.model.replica import Packaging, Sidecar, VersionKey
from preservation.storage.listing import Lying
from preservation.storage.proof import Proof


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
        former bytes or their sidecar are gone.

        Returns:
            The place of the quarantined bytes relative to the root; empty if none were left.
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

    def rehearsal(self) -> AbstractContextManager[Tier]:
        """A tier of its own inside this one, of the same kind; removed at the end of the block.
        No listing of this tier takes anything in it for a replica.
        """
        ...

    def observe(self) -> Observed:
        """Look at where the tier really is."""
        ...

    def incoming(self, key: VersionKey, packaging: Packaging, octets: int = 0) -> Incoming:
        """Open a private place to write, empty: what an earlier, killed writer left of the
        same key there is removed. ``octets`` is how much will be written, where that is known.

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
        """The replica's bytes. Does not read them."""
        ...

    def quarantined(self, key: VersionKey, packaging: Packaging, stamp: str) -> str:
        """The place where :meth:`Incoming.swap` put the former bytes under this stamp, relative
        to the root; empty if there are none.
        """
        ...

    def held_in_quarantine(self, key: VersionKey, packaging: Packaging, stamp: str) -> Held:
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
