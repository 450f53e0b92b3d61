"""The protocol of the journal, and a line of the store of effective policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.event import Event


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
