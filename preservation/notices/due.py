"""What is due to be told to one recipient about one community: pure, by what is known.

Rules:

* a finding is told when it opens, when it changes, and when it is closed; a promise when it
  breaks and when it is kept again. Nothing is told twice while it stays as it was told;
* bad news are told at once, unless the recipient was told of the same cause less than an hour ago
  (a quarter of an hour, if it is critical): one cause that strikes many communities is one
  message, or two. Good news wait until an hour after the last message;
* digests fall due in the morning of the community's time zone: each day, on Mondays, on the
  first of the month;
* whoever was told nothing since the first of the month, or since Monday, gets a sign of life.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from preservation.catalogue.promises import Standing
from preservation.model.deferred import dataclass
from preservation.model.finding import Severity
from preservation.notices.told import Told
from preservation.policy.policy import Policy, Recipient

MORNING = 7  # o'clock
PAUSE = timedelta(minutes=55)  # an hour, less what runs of each hour differ in their minute
ALARM_PAUSE = timedelta(minutes=13)  # a quarter of an hour, likewise
_SKEW = timedelta(hours=1)
UNDELIVERED = "undelivered "  # and the recipient; told like a broken promise
_TOLD_BY_FINDINGS = {"STD-DAMAGED"}


@dataclass(frozen=True, slots=True)
class Open:
    """An open finding, as far as it decides who is told what: there may be many."""

    id: str
    code: str
    severity: str
    opened_at: datetime
    tier: str = ""

    @property
    def cause(self) -> str:
        """What many findings have in common: told of one, its recipient can wait for the next."""
        return f"{self.severity} {self.code} {self.tier}".rstrip()

    @property
    def mark(self) -> str:
        """How it is told: another mark is news."""
        return f"open {self.severity}"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different from what was told.

    Attributes:
        new: open findings that were not told as they are now, the gravest first.
        closed: ids of findings that were told to be open and are not.
        broken, kept: promises that broke, and that are kept again, since they were told.
    """

    new: tuple[Open, ...]
    closed: tuple[str, ...]
    broken: tuple[str, ...]
    kept: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.closed or self.broken or self.kept)

    @property
    def critical(self) -> bool:
        """Whether something cannot wait."""
        return any(row.severity == Severity.CRITICAL.value for row in self.new)

    @property
    def causes(self) -> set[str]:
        """The causes of what is bad in it."""
        return {row.cause for row in self.new} | set(self.broken)


@dataclass(frozen=True, slots=True)
class Due:
    """Why a recipient is told something now."""

    findings: bool
    digest: bool
    alive: bool
    urgent: bool

    def __bool__(self) -> bool:
        return self.findings or self.digest or self.alive


@dataclass(frozen=True, slots=True)
class Now:
    """How a community stands: what there is to tell.

    Attributes:
        findings: the open ones that are more than a warning.
        undelivered: recipients that messages cannot be handed over to.
    """

    policy: Policy
    standing: Standing
    findings: Sequence[Open]
    undelivered: tuple[str, ...] = ()

    def broken(self, to: str) -> set[str]:
        """The promises that are broken, for the eyes of this recipient."""
        others = {UNDELIVERED + other for other in self.undelivered if other != to}
        return (self.standing.totals.keys() - _TOLD_BY_FINDINGS) | others


def changes(now: Now, rule: Recipient, told: Told) -> Changes:
    """Compare what is with what was told."""
    there = {row.id for row in now.findings}
    new = [row for row in now.findings if told.findings.get(row.id) != row.mark]
    broken = now.broken(rule.to)
    return Changes(
        new=tuple(sorted(new, key=_gravest_first)),
        closed=tuple(sorted(told.findings.keys() - there)),
        broken=tuple(sorted(broken - told.broken)),
        kept=tuple(sorted(told.broken - broken)),
    )


def due(rule: Recipient, told: Told, what: Changes, now: datetime, zone: str) -> Due:
    """Whether something is due, and what."""
    here = ZoneInfo(zone)
    findings = urgent = False
    if rule.findings != "never" and what:
        urgent = what.critical
        morning = period_start("daily", now, here)
        findings = urgent or rule.findings == "now" or _before(told.at, morning, now)
    return Due(
        findings=findings,
        urgent=urgent,
        digest=rule.digest != "never"
        and _before(told.digest_at, period_start(rule.digest, now, here), now),
        alive=rule.alive != "never" and _before(told.at, period_start(rule.alive, now, here), now),
    )


def period_start(period: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The morning on which the present day, week or month began."""
    start = now.astimezone(zone).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if start > now:
        start -= timedelta(days=1)
    if period == "weekly":
        start -= timedelta(days=start.weekday())
    elif period == "monthly":
        start = start.replace(day=1)
    return start


def waits(
    last: datetime | None, told: Mapping[str, datetime], now: datetime, causes: Iterable[str]
) -> bool:
    """Whether news can wait, for somebody who was told something just now.

    Args:
        last: when they were told anything; ``told``: when of each cause.
        causes: of what is bad in the news; none: it is all good.
    """
    some = set(causes)
    if not some:
        return _within(last, PAUSE, now)
    return all(_within(told.get(cause), pause(cause), now) for cause in some)


def pause(cause: str) -> timedelta:
    """For how long somebody who was told of a cause is not told of it again."""
    return ALARM_PAUSE if cause.startswith(Severity.CRITICAL.value) else PAUSE


def _within(at: datetime | None, pause: timedelta, now: datetime) -> bool:
    return at is not None and timedelta(0) <= now - at < pause


def _before(at: datetime | None, moment: datetime, now: datetime) -> bool:
    """Never, or before a moment. A clock that jumped ahead and back must not silence us."""
    return at is None or at < moment or at > now + _SKEW


def _gravest_first(row: Open) -> tuple[bool, datetime, str]:
    return (row.severity != Severity.CRITICAL.value, row.opened_at, row.id)
