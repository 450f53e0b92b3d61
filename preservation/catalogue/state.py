"""What the fold of events changes: rows by their keys, and which of them an event is about."""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import Any

from preservation.catalogue.protocol import FindingRow, IdentifierRow, ReplicaRow, VersionRow
from preservation.errors import MalformedError
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import Event
from preservation.model.replica import VersionKey

ReplicaKey = tuple[VersionKey, str]
IdentifierKey = tuple[str, str, str]  # community, scheme, value
CustodyKey = tuple[str, Any]  # of which kind (``custody_rows``), and which one


# A batch of events asks for the same ones again and again, and each is checked when it is made.
_key = lru_cache(4_096)(VersionKey)


@dataclass(slots=True)
class State:
    """Rows by their keys, and which of them only a sidecar speaks for.

    Attributes:
        custody: rows about keeping and giving out (``custody``); None where one is taken away.
    """

    versions: dict[VersionKey, VersionRow] = field(default_factory=dict)
    replicas: dict[ReplicaKey, ReplicaRow] = field(default_factory=dict)
    findings: dict[str, FindingRow] = field(default_factory=dict)
    identifiers: dict[IdentifierKey, IdentifierRow] = field(default_factory=dict)
    adopted: set[VersionKey] = field(default_factory=set)
    custody: dict[CustodyKey, Any] = field(default_factory=dict)

    def copied(self) -> State:
        """The same rows; what happens to one state does not happen to the other."""
        return State(
            dict(self.versions),
            dict(self.replicas),
            dict(self.findings),
            dict(self.identifiers),
            set(self.adopted),
            dict(self.custody),
        )


@dataclass(frozen=True, slots=True)
class Subjects:
    """What an event is about: the rows to load before it is applied."""

    version: VersionKey | None = None
    replica: ReplicaKey | None = None
    finding: str | None = None
    identifiers: tuple[IdentifierKey, ...] = ()
    replicas: tuple[ReplicaKey, ...] = ()  # where it is about several
    custody: tuple[CustodyKey, ...] = ()


def key_of(event: Event) -> VersionKey:
    """The AIP version that an event is about.

    Raises:
        MalformedError: it names none.
    """
    return _key(event.community, event.aip, event.version)


def sha256_of(text: Any) -> Digest:
    """A SHA-256 as details spell it.

    Raises:
        MalformedError: it is none.
    """
    digest = Digest.parse_tagged(text)
    if digest.algorithm is not Algorithm.SHA256:
        raise MalformedError(f"a SHA-256 is wanted here: {text!r}")
    return digest


def count_of(value: Any) -> int:
    """A count as details spell it.

    Raises:
        MalformedError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedError(f"not a count: {value!r}")
    return value
