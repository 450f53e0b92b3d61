"""Standing: is everything that a community was promised true, what is not, what is due next.

A promise is judged by what stands in the catalogue against the policy in force:

* each replica is there, and was read back, within its time after ingest, or after the policy
  that promised it first;
* each version has its minimum of *verified* replicas, failure domains and sites: a new one
  from the moment on by which the policy's own replicas make that minimum;
* no replica is damaged, no check is older or weaker than promised, nor the last one that compared
  all digests: from the moment on by which a check's turn has come since that was promised;
* no finding above a warning is open.

What is broken is so since the policy in force, or one before it without a gap, promised it.
Failure domains are those observed. A tier that could not be looked at is one broken promise,
not one per replica: it counts as a domain of its own meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from preservation.catalogue.figures import Figures, Named, Sample, TierCount
from preservation.catalogue.promises import Broken, Deadline, Standing, TierStanding
from preservation.catalogue.protocol import ReplicaRow
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.comparing import Comparing
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.policy.terms import EVER, Governed, Past, Term, since_when, terms

_SKEW = timedelta(hours=1)  # that clocks of two hosts may differ
LISTED = 100  # of each kind of broken promise; the totals are always whole

_MINIMUM = ("STD-REPLICAS", "STD-DOMAINS", "STD-SITES")
_REPLICATE = "run `preserve replicate`, or look at why the replicate DAG did not"
_REPAIR = (
    "run `preserve repair`; the finding says what is damaged (if it was accepted, it is not healed "
    "before `preserve finding reopen`)"
)
_AUDIT = "run `preserve audit`; if it is overdue every night, raise the audit budget"
_CLOCK = "set the clock of every machine, then run `preserve audit`: it checks these again"
_OBSERVE = "mount or reach the tier; nothing on it is confirmed until then"
_INDEPENDENT = "the policy's tiers are not independent enough: add or move one"


class Counted(Protocol):
    """What a standing is made from: a catalogue that can count."""

    @property
    def figures(self) -> Figures:
        """Counts over the holdings."""
        ...


def standing(
    catalogue: Counted,
    policy: Policy,
    observed: Mapping[str, str],
    now: datetime,
    past: Past | None = None,
) -> Standing:
    """Judge one community.

    Args:
        catalogue: what is known.
        policy: the one in force.
        observed: tier -> failure domain, as seen now; a tier that is not in it could not be
            looked at.
        now: the present.
        past: what governed the community, the policy itself first; by default it alone, ever.
    """
    return _Judge(catalogue.figures, policy, observed, now, past).judge()


class _Judge:
    """One judgement; collects broken promises as it goes."""

    def __init__(
        self,
        figures: Figures,
        policy: Policy,
        observed: Mapping[str, str],
        now: datetime,
        past: Past | None,
    ) -> None:
        self.past: Past = past or (lambda: [Governed(EVER, policy)])
        self.figures = figures
        self.policy = policy
        self.observed = observed
        self.independence = Independence(policy, observed)
        self.now = now
        self.broken: list[Broken] = []
        self.totals: dict[str, int] = {}
        self.tiers = tuple(policy.tiers)
        # Of a thousand communities most may hold nothing yet: they are not asked about further.
        self.holdings = figures.holdings(policy.community)

    def judge(self) -> Standing:
        """Put everything together."""
        settled_before = self.now - self._grace()
        covered: Mapping[frozenset[str], int] = {}
        if self.holdings.versions:
            covered = self.figures.coverage(self.policy.community, self.tiers, settled_before)
        self._judge_minimum(covered, settled_before)
        counts = self.figures.tier_counts(self.policy.community)
        tiers = tuple(
            self._tier(tier, {count.state: count for count in counts if count.tier == tier})
            for tier in self._promised_tiers()
        )
        return Standing(
            community=self.policy.community,
            at=self.now,
            policy=self.policy.ref,
            holdings=self.holdings,
            settled=sum(covered.values()),
            covered={tuple(sorted(some)): covered[some] for some in sorted(covered, key=sorted)},
            tiers=tiers,
            findings=self.figures.open_findings(self.policy.community),
            broken=tuple(sorted(self.broken, key=lambda broken: (broken.since, broken.subject))),
            totals=dict(sorted(self.totals.items())),
            independence=self.independence.sentence(rule.tier for rule in self.policy.replicas),
            deadline=min(self._deadlines(), key=lambda deadline: deadline.at, default=None),
        )

    # -- the minimum of verified replicas

    def _grace(self) -> timedelta:
        """How long after ingest the policy's own replicas make its minimum."""
        by_time = sorted(self.policy.replicas, key=lambda rule: rule.within)
        for count, rule in enumerate(by_time, 1):
            if not any(self._lacking(frozenset(r.tier for r in by_time[:count])).values()):
                return rule.within
        return timedelta(0)

    def _lacking(self, tiers: frozenset[str]) -> dict[str, int]:
        """What verified replicas on these tiers lack to the minimum, by code."""
        return dict(zip(_MINIMUM, self.independence.lacking(tiers), strict=True))

    def _judge_minimum(self, covered: Mapping[frozenset[str], int], before: datetime) -> None:
        for nth, code in enumerate(_MINIMUM):
            short = [some for some in covered if self._lacking(some)[code]]
            if not short:
                continue
            self.totals[code] = sum(covered[some] for some in short)
            listed = self.figures.covered_by(
                self.policy.community, self.tiers, before, short, LISTED
            )
            damaged = self.figures.damaged_since((named.key for named, _ in listed), self.tiers)
            made = {some: self._short_since(nth, some) for some in short}
            for named, some in listed:
                promised = max(named.ingested_at + self._grace(), made[some])
                since = max(promised, damaged.get(named.key, promised))
                lacking = self._lacking(some)[code]
                self._break(code, named, "", since, self._advice(code, named, damaged), lacking)

    def _short_since(self, nth: int, tiers: frozenset[str]) -> datetime:
        """Since when replicas on these tiers are fewer than promised, by policy alone."""
        there = self.independence.counts(tiers)[nth]
        return since_when(self.past, lambda policy: _least(policy)[nth] > there)

    def _advice(self, code: str, named: Named, damaged: Mapping[VersionKey, datetime]) -> str:
        if named.key in damaged:
            return _REPAIR
        all_made = frozenset(rule.tier for rule in self.policy.replicas)
        return _INDEPENDENT if self._lacking(all_made)[code] else _REPLICATE

    # -- tier by tier

    def _promised_tiers(self) -> list[str]:
        named = [rule.tier for rule in self.policy.replicas] + list(self.policy.audit.tiers)
        return list(dict.fromkeys(named))

    def _tier(self, tier: str, counts: Mapping[ReplicaState, TierCount]) -> TierStanding:
        replicas = {state: count.replicas for state, count in counts.items()}
        if tier not in self.observed and replicas:
            self._break_tier(tier)
        late, unverified = self._judge_making(tier) if self.holdings.versions else (0, 0)
        oldest, overdue, weak, part_compared = None, 0, 0, 0
        if replicas:
            self._judge_damage(tier)
            overdue, weak = self._judge_checks(tier)
            part_compared = self._judge_digests(tier)
            oldest = self.figures.oldest_check(self.policy.community, tier)
        return TierStanding(
            tier=tier,
            replicas=sum(replicas.values()),
            verified=replicas.get(ReplicaState.VERIFIED, 0),
            damaged=replicas.get(ReplicaState.DAMAGED, 0),
            octets=sum(count.octets for count in counts.values()),
            oldest_check=oldest,
            overdue=overdue,
            weak=weak,
            late=late,
            unverified=unverified,
            part_compared=part_compared,
        )

    def _judge_making(self, tier: str) -> tuple[int, int]:
        """Replicas that should be there, and read back, by now."""
        within = _within(self.policy, tier)
        before = None if within is None else self._made_before(tier, within)
        if before is None:
            return 0, 0
        community = self.policy.community
        absent = self.figures.not_there(community, tier, before, LISTED)
        self._break_sample("STD-LATE", absent, tier, _REPLICATE)
        written = self.figures.in_state(community, tier, ReplicaState.WRITTEN, before, LISTED)
        self._break_sample("STD-UNVERIFIED", written, tier, _AUDIT)
        return absent.total, written.total

    def _made_before(self, tier: str, within: timedelta) -> datetime | None:
        """Versions ingested before this moment should have their replica; None: none need yet."""
        before = self.now - within
        if next(iter(self.past())).since <= before:
            return before
        over = [term for term in self._terms(tier) if term.since + term.within <= self.now]
        return max((self.now - term.within for term in over), default=None)

    def _terms(self, tier: str) -> list[Term]:
        """By when replicas on a tier are promised."""
        return terms(self.past, lambda policy: _within(policy, tier))

    def _judge_damage(self, tier: str) -> None:
        state = ReplicaState.DAMAGED
        found = self.figures.in_state(self.policy.community, tier, state, self.now, LISTED)
        since = self.figures.damaged_since((named.key for named in found.first), [tier])
        self._count("STD-DAMAGED", found.total)
        for named in found.first:
            self._break("STD-DAMAGED", named, tier, since.get(named.key, self.now), _REPAIR)

    def _judge_checks(self, tier: str) -> tuple[int, int]:
        """Evidence that is too old or too weak."""
        rule = self.policy.audit.tiers.get(tier)
        if rule is None:
            return 0, 0
        community, before = self.policy.community, self.now - rule.max_age
        overdue = self.figures.aged(community, tier, before)
        weak = self.figures.weaker_count(community, tier, rule.level)
        self._count("STD-OVERDUE", overdue)
        self._count("STD-WEAK", weak)
        old = self.figures.oldest(community, tier, before, LISTED) if overdue else []
        ages = terms(self.past, lambda policy: _max_age(policy, tier)) if old else []
        late = []
        for row in old:
            aged_from = row.checked_at or row.written_at
            late.append((row, min(max(aged_from + age.within, age.since) for age in ages)))
        self._break_replicas("STD-OVERDUE", late, _AUDIT)
        less = self.figures.weaker(community, tier, rule.level, LISTED) if weak else []
        wanted = since_when(self.past, lambda policy: _level(policy, tier) >= rule.level.value)
        weaker = [(row, max(row.checked_at or row.written_at, wanted)) for row in less]
        self._break_replicas("STD-WEAK", weaker, _AUDIT)
        self._judge_dates(tier)
        return overdue, weak

    def _judge_digests(self, tier: str) -> int:
        """Replicas whose digests were not all compared in time."""
        promise, community = Comparing.of(self.policy, tier, self.past), self.policy.community
        before = None if promise is None else promise.before(self.now)
        if promise is None or before is None:
            return 0
        count = self.figures.compared_before(community, tier, before)
        self._count("STD-DIGESTS", count)
        some = self.figures.first_compared_before(community, tier, before, LISTED) if count else []
        late = [(row, promise.due(row.all_digests_at or row.written_at)) for row in some]
        self._break_replicas("STD-DIGESTS", late, _AUDIT)
        return count

    def _judge_dates(self, tier: str) -> None:
        """Evidence from a day that has not come: a clock was ahead, or is behind now."""
        later = self.now + _SKEW
        count = self.figures.dated_after(self.policy.community, tier, later)
        self._count("STD-FUTURE", count)
        if count:
            nothing, about = timedelta(0), f"{count} replicas on tier {tier}"
            self.broken.append(
                Broken("STD-FUTURE", about, "", 0, tier, self.now, nothing, 0, _CLOCK)
            )

    # -- what comes next

    def _deadlines(self) -> Iterator[Deadline]:
        if not self.holdings.versions:
            return
        community = self.policy.community
        for tier, rule in self.policy.audit.tiers.items():
            row = self.figures.first_aged_since(community, tier, self.now - rule.max_age)
            if row is None:
                continue
            due = (row.checked_at or row.written_at) + rule.max_age
            for named in self.figures.named([row.key]).values():
                yield Deadline(due, "check", named.on(tier), tier)
        for promise in self.policy.replicas:
            since = self._made_before(promise.tier, promise.within) or EVER
            without = self.figures.earliest_without(community, promise.tier, since)
            if without is not None:
                due = min(term.due(without.ingested_at) for term in self._terms(promise.tier))
                yield Deadline(due, "replicate", without.on(""), promise.tier)

    # -- collecting

    def _count(self, code: str, more: int) -> None:
        if more:
            self.totals[code] = self.totals.get(code, 0) + more

    def _break_sample(self, code: str, sample: Sample, tier: str, next_step: str) -> None:
        self._count(code, sample.total)
        promised = self._terms(tier) if sample.first else []
        for named in sample.first:
            since = min(term.due(named.ingested_at) for term in promised)
            self._break(code, named, tier, since, next_step)

    def _break(
        self,
        code: str,
        named: Named,
        tier: str,
        since: datetime,
        next_step: str,
        lacking: int = 0,
    ) -> None:
        by, key, about = self.now - since, named.key, named.on(tier)
        self.broken.append(
            Broken(code, about, key.aip, key.version, tier, since, by, lacking, next_step)
        )

    def _break_replicas(
        self, code: str, late: Sequence[tuple[ReplicaRow, datetime]], next_step: str
    ) -> None:
        """Name replicas of which a promise is broken, each with since when."""
        named = self.figures.named(row.key for row, _ in late)
        for row, since in late:
            if row.key in named:  # not disposed of meanwhile
                self._break(code, named[row.key], row.tier, since, next_step)

    def _break_tier(self, tier: str) -> None:
        self._count("STD-UNOBSERVED", 1)
        nothing = timedelta(0)
        self.broken.append(
            Broken("STD-UNOBSERVED", f"tier {tier}", "", 0, tier, self.now, nothing, 0, _OBSERVE)
        )


def _within(policy: Policy, tier: str) -> timedelta | None:
    return min((rule.within for rule in policy.replicas if rule.tier == tier), default=None)


def _max_age(policy: Policy, tier: str) -> timedelta | None:
    rule = policy.audit.tiers.get(tier)
    return None if rule is None else rule.max_age


def _level(policy: Policy, tier: str) -> str:
    rule = policy.audit.tiers.get(tier)
    return "" if rule is None else rule.level.value


def _least(policy: Policy) -> tuple[int, int, int]:
    least = policy.minimum
    return least.replicas, least.failure_domains, least.sites
