"""The protocols of the journal and of the store of effective policies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from preservation.ledger.amendments import Amendment
from preservation.model.digest import Digest
from preservation.model.event import Event
from preservation.policy.policy import Policy


class Journal(Protocol):
    """Append-only files of canonical events: ``journal/<yyyy>/<seq>.jsonl``.

    A file is created exclusively, synced, and never rewritten.
    """

    def append(self, lines: Sequence[bytes], at: datetime) -> str:
        """Write one file of canonical events; returns its name, ``<yyyy>/<seq>.jsonl``."""
        ...

    def names(self) -> list[str]:
        """The names of all files, in order of their sequence numbers."""
        ...

    def read(self, name: str) -> bytes:
        """One file's bytes, by a name that :meth:`names` gave."""
        ...

    def events(self, since: datetime | None = None) -> Iterator[Event]:
        """Every event in the order written; those not older than ``since`` only."""
        ...

    def put_result(self, data: Any) -> Digest:
        """Keep a result document (canonical JSON) under its SHA-256; returns the digest."""
        ...

    def result(self, digest: Digest) -> Any:
        """The result document of this digest, its bytes compared with it."""
        ...


@dataclass(frozen=True, slots=True)
class InForce:
    """One line of ``in-force.json``: what governs a community, since when and by whom.

    Attributes:
        paused: nothing is done for the community by itself: its file was taken away. What it was
            promised stays promised.
    """

    community: str
    digest: Digest
    previous: Digest | None
    at: datetime
    by: str
    reason: str
    paused: bool = False


class PolicyStore(Protocol):
    """``<home>/policies/``: ``objects/<digest>.json`` and ``in-force.json``. The truth."""

    def in_force(self) -> Mapping[str, InForce]:
        """What governs each community now; empty before the first ``policy apply``."""
        ...

    def policy(self, digest: Digest) -> Policy:
        """The effective policy of this digest; its bytes are compared with it."""
        ...

    def governing(self, community: str) -> Policy:
        """The policy in force.

        Raises:
            UsageError: none is (``POL-NOT-IN-FORCE``).
        """
        ...

    def apply(
        self,
        effective: Mapping[str, Mapping[str, Any]],
        by: str,
        reason: str,
        at: datetime,
        expected: Mapping[str, Digest],
        *,
        consent: str = "",
        plan: Mapping[str, Any] | None = None,
        pausing: Collection[str] = (),
    ) -> list[InForce]:
        """Put effective documents in force, all or none, if what is in force, and not paused, is
        still ``expected`` (else ``BusyError`` ``POL-STALE``). Returns the lines that changed.

        Args:
            pausing: communities in force for which nothing is done from now on.
            consent: who agreed to promises becoming weaker.
            plan: what this is expected to do; kept as evidence.
        """
        ...

    def history(self, until: Digest | None = None) -> Iterator[Amendment]:
        """Every apply in force, newest first; with ``until``, those after that amendment."""
        ...
