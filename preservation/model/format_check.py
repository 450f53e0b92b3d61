"""Whether a file is what its format promises: the value that a format check gives.

Three outcomes. ``valid`` says that everything the check verifies held (``docs/reference/
format-checks.md`` names it, check by check), ``invalid`` that something did not, ``unchecked``
that nobody knows, and why. What was not checked is never called valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Any

from preservation.model.deferred import dataclass

Fact = str | int | bool

CHECK_COLUMNS = ("validity", "validity_reason", "checker", "facts")


class Validity(Enum):
    """What a check found."""

    VALID = "valid"
    INVALID = "invalid"
    UNCHECKED = "unchecked"


class Unchecked(Enum):
    """Why nobody knows. The words stand in inventories and events."""

    NO_CHECK = "no check for this format"
    LIBRARY_ABSENT = "library absent"
    CODEC_ABSENT = "codec absent"  # the library is there, a decompressor that the file needs isn't
    TOO_LARGE = "too large"  # beyond what a check reads; what was read is sound
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    FAILED = "check failed"  # by a fault of the check or of its library
    ENCRYPTED = "encrypted"
    ELSEWHERE = "in other files"  # it names other files for its content
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    OFF = "off"  # the policy does not ask for it


@dataclass(frozen=True, slots=True)
class FormatCheck:
    """What one check says of one file.

    Attributes:
        reason: a word; one of :class:`Unchecked`, or what is wrong (``truncated``, ``checksum``).
        message: one sentence with the place: ``row 17 has 3 fields, the first has 5``.
        checker: the check's name; empty where there is none for the format.
        library: whose judgement it is: ``h5py 3.16.0``; empty where the check is ours alone.
        facts: a few words about the content: ``rows``, ``encoding``, ``pages``.
    """

    validity: Validity
    reason: str = ""
    message: str = ""
    checker: str = ""
    library: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @classmethod
    def unchecked(cls, why: Unchecked, message: str = "", **rest: Any) -> FormatCheck:
        """Nobody knows."""
        return cls(Validity.UNCHECKED, why.value, message, **rest)

    def columns(self) -> tuple[str, str, str, str]:
        """The values of :data:`CHECK_COLUMNS`."""
        why = f"{self.reason}: {self.message}" if self.message else self.reason
        who = f"{self.checker} ({self.library})" if self.library else self.checker
        return self.validity.value, why, who, self.told_facts()

    def told_facts(self) -> str:
        """``rows=5; delimiter=comma``, in the order of their names."""
        return "; ".join(f"{name}={_spelled(self.facts[name])}" for name in sorted(self.facts))

    def to_json(self) -> dict[str, Any]:
        """The form that crosses the pipe from a worker."""
        return {
            "validity": self.validity.value,
            "reason": self.reason,
            "message": self.message,
            "checker": self.checker,
            "library": self.library,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FormatCheck:
        """Read what :meth:`to_json` gave."""
        return cls(**{**data, "validity": Validity(data["validity"])})


NO_CHECK = FormatCheck.unchecked(Unchecked.NO_CHECK)
OFF = FormatCheck.unchecked(Unchecked.OFF)


class CheckCounts:
    """How many files of a deposit came out how."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Validity, str]] = Counter()

    def add(self, check: FormatCheck) -> None:
        """Count one file in."""
        why = check.reason if check.validity is Validity.UNCHECKED else ""
        self._counts[check.validity, why] += 1

    def to_json(self) -> dict[str, Any]:
        """As events and ``metadata/deposit.json`` carry them."""
        whys = {why: n for (kind, why), n in self._counts.items() if kind is Validity.UNCHECKED}
        return {
            "valid": self._counts[Validity.VALID, ""],
            "invalid": self._counts[Validity.INVALID, ""],
            "unchecked": dict(sorted(whys.items())),
        }


def _spelled(value: Fact) -> str:
    """One fact as text; the separators of the list can't come from a file."""
    text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return text.replace(";", ",").replace("\n", " ")
