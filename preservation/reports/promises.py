"""The policy's promises, each judged by the rows; and what follows that somebody must do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from preservation.model.deferred import dataclass
from preservation.model.outcome import Level
from preservation.policy.policy import Policy
from preservation.reports.holdings import KEPT, NOT_DUE, is_ahead
from preservation.reports.rows import (
    DepositLine,
    FindingLine,
    PromiseLine,
    ReplicaLine,
    TaskLine,
    TierLine,
    VersionLine,
)
from preservation.reports.sink import First
from preservation.reports.words import count, listed, span

BROKEN, NOTHING = "broken", "nothing to judge"
NAMED = 100  # of what one task is about, those that are named
SINGLE = 100  # open findings of one kind that are a task each


class Marks:
    """For how many a promise was judged, and for how many it is broken."""

    def __init__(self) -> None:
        self.judged = self.broken = 0

    def add(self, kept: bool) -> None:
        """Judge one more."""
        self.judged += 1
        self.broken += not kept

    def line(self, promise: str, shown_in: str) -> PromiseLine:
        """The verdict over all."""
        verdict = BROKEN if self.broken else KEPT if self.judged else NOTHING
        return PromiseLine(promise, self.judged, self.broken, verdict, shown_in)


class Promises:
    """The policy's promises, judged row by row."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self._policy, self._now = policy, now
        self._minimum = {name: Marks() for name in ("verified", "failure_domains", "sites")}
        self._copies = {rule.tier: Marks() for rule in policy.replicas}
        self._audits = {tier: Marks() for tier in policy.audit.tiers}
        self._damage, self._answered = Marks(), Marks()

    def version(self, line: VersionLine, replicas: Sequence[ReplicaLine]) -> None:
        """Judge a version by where its replicas are."""
        least = self._policy.minimum
        if line.standing != NOT_DUE:  # its replicas have fallen due
            self._minimum["verified"].add(line.verified >= least.replicas)
            self._minimum["failure_domains"].add(line.failure_domains >= least.failure_domains)
            self._minimum["sites"].add(line.sites >= least.sites)
        there = {replica.tier for replica in replicas}
        for rule in self._policy.replicas:
            is_there = rule.tier in there
            if is_there or line.ingested_at + rule.within < self._now:
                self._copies[rule.tier].add(is_there)

    def replica(self, line: ReplicaLine) -> None:
        """Judge a replica."""
        self._damage.add(line.state != "damaged")
        if line.tier in self._audits:
            ahead = is_ahead(line.checked_at or line.written_at, self._now)
            broken = line.overdue or line.weak or line.part_compared or ahead
            self._audits[line.tier].add(not broken)

    def finding(self, line: FindingLine) -> None:
        """Judge a finding."""
        self._answered.add(not is_trouble(line))

    def lines(self, tiers: Sequence[TierLine]) -> Iterator[PromiseLine]:
        """Each promise with its verdict, in the policy's order."""
        policy, least, looked_at = self._policy, self._policy.minimum, Marks()
        replicas = count(least.replicas, "verified replica")
        domains = count(least.failure_domains, "failure domain")
        yield self._minimum["verified"].line(
            f"Each AIP version has at least {replicas}", "versions"
        )
        yield self._minimum["failure_domains"].line(
            f"They lie in at least {domains}: what can fail together", "versions"
        )
        yield self._minimum["sites"].line(
            f"They lie at {count(least.sites, 'site')} at least", "versions"
        )
        for rule in policy.replicas:
            kind = "as one tar" if rule.packaging.value == "tar" else "as a folder"
            yield self._copies[rule.tier].line(
                f"A replica on {rule.tier}, {kind}, within {span(rule.within)} of ingest",
                "versions",
            )
        for tier, audit in policy.audit.tiers.items():
            every = span(audit.all_digests) if audit.all_digests else ""
            by_all = f" (by all its digests every {every})" if every else ""
            yield self._audits[tier].line(
                f"Each replica on {tier} is checked every {span(audit.max_age)}{by_all}, so that "
                f"we can say: “{audit.level.words}”",
                "replicas",
            )
        damage = "at once" if policy.repair.automatic else "after an approval"
        yield self._damage.line(f"No replica is damaged; damage is repaired {damage}", "replicas")
        for one in tiers:
            if one.replicas:
                looked_at.add(bool(one.failure_domain))
        yield looked_at.line("Every tier can be looked at", "tiers")
        yield self._answered.line("No finding stays open", "findings")


def is_trouble(line: FindingLine) -> bool:
    """An open finding that is more than a warning."""
    return line.state == "open" and line.severity != "warning"


class Named:
    """How many something is about, since when, and the names of the first."""

    def __init__(self) -> None:
        self.total = 0
        self.first: datetime | None = None
        self._names: First[tuple[datetime, str]] = First(lambda one: one, NAMED)

    def add(self, at: datetime, name: str) -> None:
        """Take one more in; the earliest are named."""
        self.total += 1
        self.first = at if self.first is None else min(self.first, at)
        self._names.add((at, name))

    def names(self) -> tuple[str, ...]:
        """The first, and how many more there are."""
        names = tuple(name for _, name in self._names.rows())
        more = self.total - len(names)
        return (*names, f"and {more:,} more") if more else names


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An open finding, as far as its task tells it."""

    code: str
    severity: str
    opened_at: datetime
    name: str
    hint: str


def _newest_first(line: _Waiting) -> float:
    return -line.opened_at.timestamp()


class _Open:
    """Open findings of one code and severity: some are a task each, the rest are one."""

    def __init__(self, code: str, severity: str) -> None:
        self.code, self.severity = code, severity
        self.newest = list[_Waiting]()
        self.rest = Named()

    def add(self, line: FindingLine) -> None:
        """Take one more in; they come oldest first."""
        where = f" on {line.tier}" if line.tier else ""
        name = f"{line.title or line.aip or 'the archive'}{where}"
        self.newest.append(_Waiting(line.code, line.severity, line.opened_at, name, line.hint))
        if len(self.newest) > SINGLE:
            old = self.newest.pop(0)
            self.rest.add(old.opened_at, old.name)


class Tasks:
    """What has to be done, found row by row."""

    def __init__(
        self, policy: Policy, now: datetime, accepted: Collection[tuple[str, int, str]] = ()
    ) -> None:
        """See the class.

        Args:
            accepted: replicas whose damage a person let stand.
        """
        self._policy, self._now, self._accepted = policy, now, accepted
        tiers = {rule.tier: rule.within for rule in policy.replicas}
        self._late: dict[str, Named] = {}
        self._lacking = {tier: Named() for tier in tiers}
        self._unread = {tier: Named() for tier in tiers}
        self._within = tiers
        self._close, self._rejected, self._ahead = Named(), Named(), Named()
        self._stands = Named()
        self._open: dict[tuple[str, str], _Open] = {}

    def version(self, line: VersionLine, replicas: Sequence[ReplicaLine]) -> None:
        """Look for what a version lacks."""
        name, there = f"{line.title or line.aip} v{line.version}", set()
        for one in replicas:
            there.add(one.tier)
            if one.state == "written" and one.tier in self._unread:
                self._unread[one.tier].add(line.ingested_at, name)
        for tier in self._lacking.keys() - there:
            self._lacking[tier].add(line.ingested_at, name)
        if line.verified >= self._policy.minimum.failure_domains > line.failure_domains:
            self._close.add(line.ingested_at, name)

    def replica(self, line: ReplicaLine) -> None:
        """Look whether a replica has to be checked."""
        if line.overdue or line.weak or line.part_compared:
            late = self._late.setdefault(line.tier, Named())
            late.add(line.due_at or line.written_at, f"{line.title or line.aip} v{line.version}")
        at = line.checked_at or line.written_at
        if line.tier in self._policy.audit.tiers and is_ahead(at, self._now):
            self._ahead.add(at, f"{line.title or line.aip} v{line.version} on {line.tier}")
        if line.state == "damaged" and (line.aip, line.version, line.tier) in self._accepted:
            self._stands.add(at, f"{line.title or line.aip} v{line.version} on {line.tier}")

    def deposit(self, line: DepositLine) -> None:
        """Look at a deposit."""
        if line.outcome == "rejected":
            self._rejected.add(line.at, line.deposit)

    def finding(self, line: FindingLine) -> None:
        """Look whether a finding waits for an answer."""
        if line.state == "open":
            kind = line.code, line.severity
            self._open.setdefault(kind, _Open(*kind)).add(line)

    def lines(self, tiers: Sequence[TierLine]) -> list[TaskLine]:
        """The most pressing first; then by date."""
        tasks = [
            *self._answer(),
            *self._set_clocks(),
            *self._check(),
            *self._read_back(),
            *self._replicate(),
            *_look(tiers),
            *self._spread(),
            *self._heal(),
            *self._answer_deposits(),
        ]
        far = datetime.max.replace(tzinfo=self._now.tzinfo)
        pressing = [task for task in tasks if task.since_past]
        rest = [task for task in tasks if not task.since_past]
        return [*pressing, *sorted(rest, key=lambda task: task.by or far)]

    def _answer(self) -> Iterator[TaskLine]:
        """Findings of all kinds, the newest first; those of which there are too many come last."""
        single = [line for kind in self._open.values() for line in kind.newest]
        for line in sorted(single, key=_newest_first):
            yield TaskLine(
                f"Answer finding {line.code} ({line.severity})",
                line.opened_at,
                line.opened_at <= self._now,
                (line.name,),
                line.hint,
            )
        for kind in self._open.values():
            if kind.rest.first is not None:
                more = f"{count(kind.rest.total, 'more finding')} {kind.code} ({kind.severity})"
                yield TaskLine(
                    f"Answer {more}",
                    kind.rest.first,
                    kind.rest.first <= self._now,
                    kind.rest.names(),
                    "`preserve finding list` shows all",
                )

    def _set_clocks(self) -> Iterator[TaskLine]:
        """Evidence from a day that has not come shows nothing: a clock was ahead, or is behind."""
        if self._ahead.total:
            yield TaskLine(
                f"Set the clocks: {count(self._ahead.total, 'replica')} checked later than now",
                None,
                True,
                self._ahead.names(),
                "set the clock of every machine, then run `preserve audit`: it checks these again",
            )

    def _check(self) -> Iterator[TaskLine]:
        """Checks that are overdue, or were less than promised, by tier."""
        for tier, late in self._late.items():
            yield TaskLine(
                f"Check {count(late.total, 'replica')} on {tier}",
                late.first,
                True,
                late.names(),
                f"run `preserve audit --community {self._policy.community} --tier {tier}`",
            )

    def _read_back(self) -> Iterator[TaskLine]:
        """What was written and never verified counts for nothing yet."""
        for tier, unread in self._unread.items():
            if unread.first is not None:
                by = unread.first + self._within[tier]
                step = f"run `preserve audit --community {self._policy.community} --tier {tier}"
                yield TaskLine(
                    f"Read back {count(unread.total, 'replica')} on {tier}",
                    by,
                    by < self._now,
                    unread.names(),
                    f"{step} --all`",
                )

    def _replicate(self) -> Iterator[TaskLine]:
        for tier, lacking in self._lacking.items():
            if lacking.first is not None:
                by = lacking.first + self._within[tier]
                yield TaskLine(
                    f"Write {count(lacking.total, 'replica')} to {tier}",
                    by,
                    by < self._now,
                    lacking.names(),
                    f"run `preserve replicate --community {self._policy.community} --tier {tier}`",
                )

    def _spread(self) -> Iterator[TaskLine]:
        """Independence is not made by a run: somebody must move a tier."""
        if self._close.total:
            yield TaskLine(
                f"Move a tier to a machine of its own: {count(self._close.total, 'AIP version')} "
                f"in fewer than {self._policy.minimum.failure_domains} failure domains",
                None,
                True,
                self._close.names(),
                "give a tier another host or site, in `tiers.yaml`",
            )

    def _heal(self) -> Iterator[TaskLine]:
        """What a person let stand breaks its promise until they change their mind."""
        if self._stands.total:
            yield TaskLine(
                f"Let {count(self._stands.total, 'replica')} with accepted damage be healed",
                None,
                False,
                self._stands.names(),
                "`preserve finding reopen`, then `preserve repair`; or leave it as it was decided",
            )

    def _answer_deposits(self) -> Iterator[TaskLine]:
        if self._rejected.total:
            yield TaskLine(
                f"Answer {count(self._rejected.total, 'rejected deposit')}",
                None,
                False,
                self._rejected.names(),
                "the receipt says what the depositor has to mend",
            )


def _look(tiers: Sequence[TierLine]) -> Iterator[TaskLine]:
    for line in tiers:
        if line.replicas and not line.failure_domain:
            yield TaskLine(
                f"Mount or reach the tier {line.tier}",
                None,
                True,
                (),
                "run `preserve tier list`",
            )


def policy_words(policy: Policy) -> list[str]:
    """The rest of the policy, a sentence each."""
    intake, names = policy.intake, [a.value.upper() for a in policy.intake.algorithms]
    schemes = " or ".join(scheme.upper() for scheme in intake.lineage)
    approvers = listed(policy.repair.approvers) if policy.repair.approvers else "nobody named"
    return [
        f"A deposit is taken in when it {intake.completion}.",
        f"Every byte is hashed with {listed(names)} when it comes in.",
        f"A changed deposit becomes the next version of an AIP by its {schemes}."
        if schemes
        else "Every changed deposit becomes an AIP of its own.",
        "Damaged replicas are replaced "
        + ("without asking" if policy.repair.automatic else f"after an approval by {approvers}")
        + ", from bytes just verified; what was damaged is kept in quarantine.",
        *(_level_words(policy)),
    ]


def _level_words(policy: Policy) -> list[str]:
    weak = [t for t, rule in policy.audit.tiers.items() if not rule.level.reaches(Level.E3)]
    return [f"On {listed(weak)} a check does not read every byte."] if weak else []
