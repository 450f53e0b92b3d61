"""Draining: events go from the catalogue's outbox into the journal, and on to the tiers.

One drainer at a time, by a lease. No event is lost and none is written twice: an outbox row
goes only after its event is durable in the journal, and where a crash came between the two, the
next drain finds the event's id in the journal's last file and only clears the row. Nothing
else appends, so the last file is the only one that can hold such ids.

A copy is brought up to date by what it lacks, journal file by journal file, results first: a
file that is there says that all it refers to is there. A tier that is away now is served by a
later drain. What we lack and a tier still has comes back first: a tail lost here must not have
its numbers given to other events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from preservation.errors import BusyError, MalformedError, NotNowError, SamarkandError
from preservation.ledger.journal import FileJournal, is_name, result_name
from preservation.ledger.lines import parse, results
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding, Severity

EVENTS_PER_FILE = 10_000
LEASE = "journal"
PREFIX = "journal/"
_TTL = timedelta(minutes=10)
_FORKED = "two histories exist: compare the file with the copies on all tiers before anything else"

Held = TypeVar("Held")


class Outbox(Protocol[Held]):
    """What draining needs of a catalogue."""

    def outbox(self, limit: int) -> list[bytes]: ...

    def drained(self, ids: Iterable[str]) -> None: ...

    def lease(self, name: str, ttl: timedelta, now: datetime) -> Held | None: ...

    def renew(self, lease: Held, ttl: timedelta, now: datetime) -> Held: ...

    def release(self, lease: Held) -> None: ...


class Copy(Protocol):
    """What draining needs of a tier: a place for small documents."""

    @property
    def id(self) -> str: ...

    def keep(self, name: str, data: bytes) -> None: ...

    def kept(self, prefix: str) -> Iterator[tuple[str, bytes]]: ...

    def kept_names(self, prefix: str) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did.

    Attributes:
        events: written to the journal now.
        cleared: outbox rows of events that were in the journal already.
        files: the journal files written now.
        copied: by tier, how many journal files it was given.
        restored: journal files that were lost here and came back from a tier.
        findings: tiers that could not be served, or that hold other bytes than we do.
    """

    events: int
    cleared: int
    files: tuple[str, ...]
    copied: Mapping[str, int]
    restored: tuple[str, ...]
    findings: tuple[Finding, ...]


def drain(
    outbox: Outbox[Held], journal: FileJournal, copies: Sequence[Copy], clock: Clock
) -> Drained:
    """Empty the outbox into the journal, and bring the copies up to date.

    Raises:
        BusyError: another drain is at work (``JRN-BUSY``), or overtook this one.
        NoSpaceError, NotNowError: the journal cannot be written; the outbox keeps its events.
    """
    with _single(outbox, clock) as lease:
        keepers = [_Keeper(journal, copy) for copy in copies]
        restored = [name for keeper in keepers for name in keeper.compare()]
        events = cleared = 0
        files: list[str] = []
        while batch := outbox.outbox(EVENTS_PER_FILE):
            last = journal.last()
            known = {event.id for event in parse(last, journal.read(last))} if last else set()
            bodies = {parse("outbox", body + b"\n")[0].id: body for body in batch}
            fresh = [body for id, body in bodies.items() if id not in known]
            if fresh:
                outbox.renew(lease, _TTL, clock.now())
                files.append(journal.append(fresh, clock.now(), after=last))
                for keeper in keepers:
                    keeper.give(files[-1:])
            outbox.drained(list(bodies))
            events += len(fresh)
            cleared += len(bodies) - len(fresh)
        for keeper in keepers:
            keeper.give(journal.names())
    return Drained(
        events=events,
        cleared=cleared,
        files=tuple(files),
        copied={keeper.copy.id: keeper.copied for keeper in keepers},
        restored=tuple(restored),
        findings=tuple(finding for keeper in keepers for finding in keeper.findings),
    )


def fetch_missing(
    journal: FileJournal, copies: Sequence[Copy]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Bring back journal files that were lost here and that a tier still has.

    A drain does this first; a rebuild after the loss of a home needs it before anything else.

    Returns:
        The names that came back, and findings about tiers that could not be asked.
    """
    keepers = [_Keeper(journal, copy) for copy in copies]
    restored = tuple(name for keeper in keepers for name in keeper.compare())
    return restored, tuple(finding for keeper in keepers for finding in keeper.findings)


def replicate_documents(
    prefix: str, documents: Mapping[str, Callable[[], bytes]], copies: Sequence[Copy]
) -> tuple[Finding, ...]:
    """Keep small documents on every copy that lacks them, in this order; what is there already is
    left alone, and neither read nor sent again: there may be thousands, and every command that
    acts ends with this.

    Args:
        prefix: that all their names have, and that a copy is asked for, once.
        documents: by name, what reads each.

    Returns:
        A finding for each copy that could not be served; it may be served the next time.
    """
    findings = []
    for copy in copies:
        try:
            there = set(copy.kept_names(prefix))
            for name, read in documents.items():
                if name not in there:
                    copy.keep(name, read())
        except (SamarkandError, OSError) as error:
            findings.append(_not_copied(copy, error))
    return tuple(findings)


class _Keeper:
    """One tier during one drain. After a failure it is left alone until the next drain."""

    def __init__(self, journal: FileJournal, copy: Copy) -> None:
        self.copy = copy
        self.copied = 0
        self.findings: list[Finding] = []
        self._journal = journal
        self._names: set[str] = set()
        self._away = False

    def compare(self) -> list[str]:
        """See what the tier has, and bring back what we lack. Returns what came back."""
        try:
            listed = {name.removeprefix(PREFIX) for name in self.copy.kept_names(PREFIX)}
            self._names = {name for name in listed if is_name(name)}
            lost = sorted(self._names - set(self._journal.names()))
            return [name for name in lost if self._bring_back(name)]
        except (NotNowError, OSError) as error:
            self._leave(error)
            return []

    def give(self, names: Iterable[str]) -> None:
        """Give the tier those of these journal files that it lacks."""
        for name in names:
            if self._away or name in self._names:
                continue
            try:
                self._give(name)
            except (NotNowError, OSError) as error:
                self._leave(error)
            except SamarkandError as error:  # other bytes under this name: the others may be well
                self.findings.append(Finding(error.code, name, error.message, _FORKED))

    def _give(self, name: str) -> None:
        data = self._journal.read(name)
        for digest in results(name, data):
            try:
                body = self._journal.result_bytes(digest)
            except NotNowError as error:
                self._find(error.code, str(digest), error.message, error.hint)
                continue
            self.copy.keep(PREFIX + result_name(digest), body)
        self.copy.keep(PREFIX + name, data)
        self._names.add(name)
        self.copied += 1

    def _bring_back(self, name: str) -> bool:
        data = dict(self.copy.kept(PREFIX + name)).get(PREFIX + name, b"")
        try:
            wanted = results(name, data)
        except MalformedError as error:
            message = f"tier {self.copy.id}: {error.message}"
            self._find("JRN-COPY-DAMAGED", name, message, "look for another copy of the file")
            return False
        for digest in wanted:
            kept = PREFIX + result_name(digest)
            for body in dict(self.copy.kept(kept)).values():
                self._journal.put_result_bytes(body)
        with suppress(FileExistsError):
            self._journal.put(name, data)
        return True

    def _leave(self, error: Exception) -> None:
        self._away = True
        self.findings.append(_not_copied(self.copy, error))

    def _find(self, code: str, subject: str, message: str, hint: str) -> None:
        self.findings.append(Finding(code, subject, message, hint, Severity.WARNING))


@contextmanager
def _single(outbox: Outbox[Held], clock: Clock) -> Iterator[Held]:
    lease = outbox.lease(LEASE, _TTL, clock.now())
    if lease is None:
        raise BusyError(
            "another drain of the journal is at work",
            hint="nothing to do: it drains these events too",
            code="JRN-BUSY",
        )
    try:
        yield lease
    finally:
        outbox.release(lease)


def _not_copied(copy: Copy, error: Exception) -> Finding:
    return Finding(
        code=getattr(error, "code", "JRN-NOT-COPIED"),
        subject=f"tier {copy.id}",
        message=f"the journal was not copied: {error}",
        hint=getattr(error, "hint", "") or "mend the tier; the next drain copies what it lacks",
        severity=Severity.WARNING,
    )
