"""Findings: recorded evidence that something is wrong, told so that a person can act.

A finding is a value, not an exception: an audit that discovers damage has succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from preservation.model.deferred import dataclass

DAMAGE = frozenset({"FIX-ALTERED", "FIX-MISSING", "FIX-UNREADABLE"})  # of one replica
NO_INTACT_REPLICA = "FIX-NO-INTACT-REPLICA"  # of an AIP version


class Severity(Enum):
    """How much it matters. Warnings never reject a deposit and never redden an archive."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"  # no intact replica is left


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: stable, ``AREA-WORD`` (``BAG-OXUM``, ``DEP-LINK-ESCAPES``, ``FIX-ALTERED``).
        subject: what it is about, printable: a path, a replica, a field.
        message: what was found and what was expected, one sentence.
        hint: what to do next, one sentence; may be empty.
    """

    code: str
    subject: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def to_json(self) -> dict[str, Any]:
        """The ``finding`` document of the command line's contract."""
        return {
            "code": self.code,
            "subject": self.subject,
            "message": self.message,
            "hint": self.hint,
            "severity": self.severity.value,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Read what :meth:`to_json` gave."""
        return cls(
            data["code"],
            data["subject"],
            data["message"],
            data["hint"],
            Severity(data["severity"]),
        )


def is_fatal(findings: Iterable[Finding]) -> bool:
    """True if any of them is more than a warning."""
    return any(finding.severity is not Severity.WARNING for finding in findings)
