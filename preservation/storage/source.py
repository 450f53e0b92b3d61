"""Somebody else's tier: packages that are listed and asked about, never written.

It keeps no replica of ours, and nothing that it says counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Protocol

from preservation.model.deferred import dataclass
from preservation.storage.proof import Proof
from preservation.storage.tier import Observed


@dataclass(frozen=True, slots=True)
class Package:
    """One package, as its holder describes it.

    Attributes:
        kind, status: the holder's words: ``AIP``, ``UPLOADED``.
        octets: None where the holder does not say.
    """

    uuid: str
    kind: str
    status: str
    octets: int | None

    @property
    def is_kept(self) -> bool:
        """Whether it is an AIP that the holder says it keeps."""
        return self.kind == "AIP" and self.status == "UPLOADED"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a holder; never a check of ours.

    Attributes:
        outcome: ``pass``, ``fail``, ``not run``, or ``unclear``, with the reason.
        stated_at: the holder's own time of its check, UTC; empty if it gives none.
        failures: how many files, by the holder's words.
        files: the first of them.
        exit: the program's status; evidence, no more.
    """

    package: str
    outcome: str
    stated_at: str = ""
    message: str = ""
    failures: Mapping[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    program: str = ""
    exit: int | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The detail of a ``holder statement`` event."""
        return {
            "package": self.package,
            "outcome": self.outcome,
            "stated_at": self.stated_at,
            "message": self.message,
            "failures": dict(self.failures),
            "files": list(self.files),
            "program": self.program,
            "exit": self.exit,
            "reason": self.reason,
        }


class Source(Protocol):
    """Somebody else's packages."""

    @property
    def id(self) -> str:
        """The tier's id in policies."""
        ...

    def check(self) -> None:
        """Raise ``TierUnavailableError`` unless its packages are listed to us."""
        ...

    def observe(self) -> Observed:
        """Where it is, as far as we can see from here."""
        ...

    def packages(self) -> Iterator[Package]:
        """Every package that it lists.

        Raises:
            TierUnavailableError: the listing can't be had whole.
        """
        ...

    def state(self, package: str) -> Statement:
        """Have the holder check one of its packages, and take its statement.

        Raises:
            TierUnavailableError: it can't be asked from here.
        """
        ...

    def prove(self) -> Iterator[Proof]:
        """Try out what is needed of it."""
        ...
