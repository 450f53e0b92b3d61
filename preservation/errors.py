"""The tree of failures: work that could not be done, and whether trying again can help.

Damage in an archive is not here: damage is a *finding* (``preservation.model.finding``).

    SamarkandError                  1  a defect of ours
    ├── UsageError                  2  the caller can mend it: arguments, home, policy files
    │   ├── HomeNotFoundError
    │   ├── MalformedError             a text that does not parse (also a ValueError)
    │   └── PolicyError                one or many problems in policy files
    └── NotNowError                 5  the world is in the way; a retry may help
        ├── TierUnavailableError       no marker, not mounted, wrong tier, cannot be reached
        │   └── ColdError              it is there, and has to be recalled before it can be read
        ├── NoSpaceError
        ├── BusyError                  somebody else holds the lease
        ├── CatalogueUnavailableError  locked, corrupt, not migrated, cannot be reached
        │   └── CatalogueBehindError   older than the journal: a person has to make it again first
        └── SourceDamagedError         what we were about to copy does not verify

Only ``preservation.orchestration`` translates ``retry`` for Airflow; only
``preservation.cli`` translates ``exit_code`` for the shell.
"""

from __future__ import annotations

from typing import Any, ClassVar


class SamarkandError(Exception):
    """Work that could not be done. Survives pickling between processes.

    Args:
        message: what happened, to which thing; one sentence.
        hint: what to do next; one sentence, may be empty.
        code: a stable code, ``AREA-WORD``; the class has a default.
    """

    default_code: ClassVar[str] = "SAM-DEFECT"
    exit_code: ClassVar[int] = 1
    retry: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.hint, self.code))

    def to_json(self) -> dict[str, Any]:
        """The ``error`` document of the command line's contract."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "retry": self.retry}


def _rebuild(kind: type[SamarkandError], message: str, hint: str, code: str) -> SamarkandError:
    return kind(message, hint=hint, code=code)


class UsageError(SamarkandError):
    """The caller asked for something that cannot be: mend the request, then try again."""

    default_code = "SAM-USAGE"
    exit_code = 2


class HomeNotFoundError(UsageError):
    """There is no home at the path. A home that is not there is never an empty archive."""

    default_code = "HOME-NOT-FOUND"


class MalformedError(UsageError, ValueError):
    """A text that does not parse as the value it should be."""

    default_code = "SAM-MALFORMED"


class PolicyError(UsageError):
    """Policy files that are wrong; the message carries every problem, a line each."""

    default_code = "POL-WRONG"


class NotNowError(SamarkandError):
    """The world is in the way. The same request may succeed later."""

    default_code = "SAM-NOT-NOW"
    exit_code = 5
    retry = True


_NO_THREAD = "can't start new thread"  # what Python says where memory or a limit forbids one


def out_of_memory(error: BaseException) -> NotNowError | None:
    """What a process says that has no memory, or no room for a thread; None: it is not that."""
    if not isinstance(error, MemoryError) and str(error) != _NO_THREAD:
        return None
    return NotNowError(
        "there is not enough memory, or room for threads, to go on",
        hint="look at free memory, `ulimit -v` and `ulimit -u`, then run it again: what was "
        "finished is kept",
        code="SAM-OUT-OF-MEMORY",
    )


class TierUnavailableError(NotNowError):
    """A tier cannot be trusted to be itself: no marker, a wrong one, or no answer."""

    default_code = "TIER-UNAVAILABLE"


class ColdError(TierUnavailableError):
    """Octets that are kept where they can be read only after they were recalled."""

    default_code = "TIER-COLD"


class NoSpaceError(NotNowError):
    """The medium is full, or would be."""

    default_code = "SAM-NO-SPACE"


class BusyError(NotNowError):
    """Another run holds the lease on the same thing."""

    default_code = "SAM-BUSY"


class CatalogueUnavailableError(NotNowError):
    """The catalogue does not answer, is corrupt, or has another schema."""

    default_code = "CAT-UNAVAILABLE"


class CatalogueBehindError(CatalogueUnavailableError):
    """The catalogue is of another day: nothing acts on it until a person made it again."""

    default_code = "CAT-BEHIND-JOURNAL"
    retry = False


class SourceDamagedError(NotNowError):
    """Bytes that were to be copied do not verify under their seal."""

    default_code = "SAM-SOURCE-DAMAGED"
