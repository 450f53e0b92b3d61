"""Telling: what is due to whom, sent one message a recipient, recorded when it was taken."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Any
from zoneinfo import ZoneInfo

from preservation.catalogue.holding import hold
from preservation.catalogue.promises import Standing
from preservation.catalogue.protocol import Catalogue, FindingRow
from preservation.errors import BusyError
from preservation.ledger.protocol import Journal
from preservation.model.canonical import canonical
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import Severity
from preservation.notices import words
from preservation.notices.due import Changes, Due, Now, Open, changes, due, period_start, waits
from preservation.notices.memory import Memory
from preservation.notices.message import Message, Post, UndeliveredError, seen
from preservation.notices.told import CLOSED, State
from preservation.policy.policy import Policy, Recipient

LEASE = "notices"
TOLD_SCHEMA = "samarkand.told/1"
_SPAN = {"daily": timedelta(days=1), "weekly": timedelta(days=7), "monthly": timedelta(days=31)}
_IDS = uuid.UUID("5f1e3a4e-9a06-4c5b-8f0e-5a1c3f0a7d11")  # the name space of our messages' ids


@dataclass(frozen=True, slots=True)
class Failed:
    """A message that could not be handed over."""

    to: str
    error: UndeliveredError


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """What one run came to.

    Attributes:
        sent: what was handed over; in a dry run, what would be sent.
        later: recipients for whom something waits until their pause is over.
    """

    sent: tuple[Message, ...]
    failed: tuple[Failed, ...]
    later: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoticeSources:
    """What telling needs.

    Attributes:
        pending: events that are recorded and not in the journal yet.
        standing: judges a community now.
    """

    catalogue: Catalogue
    journal: Journal
    events: EventMaker
    memory: Memory
    pending: Callable[[], Iterable[Event]]
    standing: Callable[[Policy], Standing]


@dataclass(slots=True)
class _Draft:
    """A message in the making: one recipient, a section a community."""

    sections: list[words.Section] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    since: dict[str, str] = field(default_factory=dict)  # when the last message was, a community

    @property
    def urgent(self) -> bool:
        """Whether something in it is critical."""
        return any(section.due.urgent for section in self.sections)

    @property
    def causes(self) -> set[str]:
        """The causes of all the bad news in it."""
        return {cause for section in self.sections for cause in section.changes.causes}


class NoticeService:
    """Tells people."""

    def __init__(self, sources: NoticeSources, post: Post) -> None:
        self._sources = sources
        self._post = post

    def run(self, policies: Sequence[Policy], *, dry: bool = False) -> NoticeResult:
        """Send what is due to everybody whom these policies name.

        Args:
            policies: of the communities to look at.
            dry: only say what would be sent; nothing is sent or recorded.

        Raises:
            BusyError: another run is telling (``NOTE-BUSY``).
            NotNowError: catalogue or journal are in the way; nothing was sent.
        """
        named = [policy for policy in policies if policy.notify]
        if not named:
            return NoticeResult((), (), ())
        if dry:
            drafts, later = self._drafts(named, self._recalled())
            return NoticeResult(tuple(self._message(to, drafts[to]) for to in drafts), (), later)
        sources = self._sources
        with hold(sources.catalogue, LEASE, sources.events.clock) as lease:
            if lease is None:
                raise BusyError(
                    "another run is telling people",
                    hint="it tells most of this; run again when it is done",
                    code="NOTE-BUSY",
                )
            state = self._recalled()
            drafts, later = self._drafts(named, state)
            sent, failed = [], []
            for to, draft in drafts.items():
                message = self._message(to, draft)
                try:
                    self._post.send(message)
                except UndeliveredError as error:
                    self._note_failure(message, error, state)
                    failed.append(Failed(to, error))
                else:
                    self._note(message, draft)
                    sent.append(message)
            return NoticeResult(tuple(sent), tuple(failed), later)

    def _recalled(self) -> State:
        """The outbox is read first: what is drained meanwhile is found in the journal then."""
        pending = list(self._sources.pending())
        return self._sources.memory.recall(pending)

    # -- what is due

    def _drafts(
        self, policies: Iterable[Policy], state: State
    ) -> tuple[dict[str, _Draft], tuple[str, ...]]:
        """A draft for each recipient to whom something is due; and who has to wait."""
        moment = self._sources.events.clock.now()
        drafts: dict[str, _Draft] = {}
        for policy in policies:
            now = self._now(policy, state)
            for rule in policy.notify:
                self._draft(rule, now, state, moment, drafts)
        later = tuple(
            to
            for to, draft in drafts.items()
            if not any(one.due.digest or one.due.alive for one in draft.sections)
            and waits(state.last.get(to), state.causes.get(to, {}), moment, draft.causes)
        )
        # Whoever was not reached before may cost minutes, so they come last.
        order = sorted(drafts.keys() - set(later), key=lambda to: _place(to, drafts[to], state))
        return {to: drafts[to] for to in order}, later

    def _now(self, policy: Policy, state: State) -> Now:
        rows = self._sources.catalogue.each_finding(policy.community, "open", brief=True)
        grave = [
            Open(
                row.id,
                intern(row.code),
                intern(row.severity),
                row.opened_at,
                intern(row.tier or ""),
            )
            for row in rows
            if row.state == "open" and row.severity != Severity.WARNING.value
        ]
        failing = tuple(rule.to for rule in policy.notify if rule.to in state.failing)
        return Now(policy, self._sources.standing(policy), grave, failing)

    def _draft(
        self,
        rule: Recipient,
        now: Now,
        state: State,
        moment: datetime,
        drafts: dict[str, _Draft],
    ) -> None:
        community, zone = now.policy.community, now.policy.audit.timezone
        told = state.of(rule.to, community)
        what = changes(now, rule, told)
        why = due(rule, told, what, moment, zone)
        if not why:
            return
        draft = drafts.setdefault(rule.to, _Draft())
        draft.sections.append(self._section(rule, now, state, why, what, moment))
        draft.since[community] = stamp(told.at) if told.at else ""
        tells = rule.findings != "never"
        draft.told[community] = {
            "digest": why.digest,
            "findings": _marks(what) if tells else {},
            "broken": sorted(now.broken(rule.to)) if tells else sorted(told.broken),
            "causes": sorted(what.causes) if tells else [],
        }

    def _section(
        self,
        rule: Recipient,
        now: Now,
        state: State,
        why: Due,
        what: Changes,
        moment: datetime,
    ) -> words.Section:
        period = rule.digest if why.digest else rule.alive
        shown = what if rule.findings != "never" else Changes((), (), (), ())
        zone = ZoneInfo(now.policy.audit.timezone)
        last = moment.astimezone(UTC).date() - timedelta(days=1)
        first = last
        if period in _SPAN:
            before = period_start(period, moment, zone) - timedelta(days=1)
            first = period_start(period, before, zone).date()
        happened = state.happened(now.policy.community, first, last)
        failing = [
            f"{seen(to)}, since {state.failing[to][0]:%Y-%m-%d %H:%M} UTC: {state.failing[to][1]}"
            for to in now.undelivered
            if to != rule.to
        ]
        return words.Section(
            now=now,
            due=why,
            changes=shown,
            opened=self._opened(shown.new[: words.LISTED]),
            closed=[self._closed(one) for one in shown.closed[: words.LISTED]],
            happened=happened if why.digest or why.alive else None,
            first=first,
            last=last,
            failing=failing,
        )

    def _opened(self, new: Sequence[Open]) -> list[FindingRow]:
        """Those that are told in full, in the same order."""
        ids = [one.id for one in new]
        rows = {row.id: row for row in self._sources.catalogue.findings_by(ids, brief=True)}
        return [rows[id] for id in ids if id in rows]

    def _closed(self, finding: str) -> words.Closed:
        row: FindingRow | None = self._sources.catalogue.finding(finding)
        if row is None:
            return words.Closed(finding, f"finding {finding}: the catalogue knows it no more")
        reason = str(row.decided.get("reason", ""))
        by = f" by {row.decided['by']}" if row.decided.get("by") else ""
        told = f"{row.code} “{row.subject}”: {row.state}{by}"
        return words.Closed(finding, f"{told}: {reason}" if reason else told)

    # -- sending and recording

    def _message(self, to: str, draft: _Draft) -> Message:
        at, agent = self._sources.events.clock.now(), self._sources.events.agent
        body = words.document(draft.sections, agent, at)
        same = canonical({"to": to, "told": draft.told, "since": draft.since})
        return Message(
            id=str(uuid.uuid5(_IDS, same.hex())),
            to=to,
            at=at,
            subject=words.subject(draft.sections),
            text=words.text(draft.sections, agent, at),
            body=body,
        )

    def _note(self, message: Message, draft: _Draft) -> None:
        """Put on record that it was taken: from now on it is not sent again."""
        document = {"schema": TOLD_SCHEMA, "to": message.to, "communities": draft.told}
        digest = self._sources.journal.put_result(document)
        detail = {
            "to": message.to,
            "message": message.id,
            "subject": message.subject,
            "critical": draft.urgent,
            "result": str(digest),
        }
        # One for each community that it is about: reports of each count it.
        self._sources.catalogue.record(
            [self._event(section.now.policy, "success", detail) for section in draft.sections]
        )

    def _event(self, about: Policy | None, outcome: str, detail: Mapping[str, Any]) -> Event:
        """Of a community, or of the archive."""
        community, ref = (about.community, about.ref) if about else ("", "")
        return self._sources.events.of(
            community, EventType.NOTIFICATION, outcome, detail, policy=ref
        )

    def _note_failure(self, message: Message, error: UndeliveredError, state: State) -> None:
        """Once for each reason: a server that is down for a week is not a thousand events."""
        if state.failing.get(message.to, (None, ""))[1] == error.message:
            return
        detail = {
            "to": message.to,
            "message": message.id,
            "subject": message.subject,
            "code": error.code,
            "reason": error.message,
        }
        failed = self._event(None, "fail", detail)
        self._sources.catalogue.record([failed])


def _place(to: str, draft: _Draft, state: State) -> tuple[bool, bool, str]:
    return (to in state.failing, not draft.urgent, to)


def _marks(what: Changes) -> dict[str, str]:
    """What is told of findings now, as it is remembered."""
    return {row.id: row.mark for row in what.new} | dict.fromkeys(what.closed, CLOSED)
