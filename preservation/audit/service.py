"""The audit: which replicas are due, and checking them shard by shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from preservation.audit.brake import Brake
from preservation.audit.check import Checker
from preservation.audit.outlook import Comparing, unreached
from preservation.audit.parted import PartedChecks
from preservation.audit.planner import Chosen, Planner, Reason
from preservation.audit.purse import Purse
from preservation.audit.rate import LiveRate
from preservation.audit.readers import cores
from preservation.audit.shard_run import ShardRun
from preservation.catalogue.brake import braked
from preservation.catalogue.sql import SqlCatalogue
from preservation.catalogue.turns import Aim, Held, Turn
from preservation.model.check import CheckResult
from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.event import EventMaker
from preservation.model.finding import Finding
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress, Silence
from preservation.model.replica import VersionKey
from preservation.model.sampling import Drawing, Sample, together
from preservation.model.shard import MAX_SHARDS, Shard, into_shards
from preservation.policy.policy import Policy
from preservation.storage.tier import Tier

ANYTHING = Aim()
WOUND = ("tape", "optical")  # media that go from one place to another for seconds or minutes


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What one shard, or one whole audit, came to. "Nothing checked" is not "all well".

    Attributes:
        samples: what was drawn by lot, and what that says about all.
        left: replicas that were planned and are due again, since the hours were over; or that
            were read in part, and whose other parts are to come.
        parts: of very large replicas that were read.
    """

    checked: int = 0
    octets: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    samples: tuple[Sample, ...] = ()
    left: int = 0
    parts: int = 0

    def to_json(self) -> dict[str, Any]:
        """The body of ``samarkand.audit/1``, without the count of what is overdue."""
        return {
            "checked": self.checked,
            "bytes": self.octets,
            "outcomes": dict(self.outcomes),
            "findings": [finding.to_json() for finding in self.findings],
            "samples": [sample.to_json() for sample in self.samples],
            "left": self.left,
            "parts": self.parts,
        }


def summed(checks: Iterable[CheckResult]) -> AuditResult:
    """Sum up checks. ``unchecked`` ones are counted as such, and not as checked."""
    rows = tuple(checks)
    outcomes = Counter(row.outcome.value for row in rows)
    return AuditResult(
        checked=len(rows) - outcomes[Outcome.UNCHECKED.value],
        octets=sum(row.octets for row in rows),
        outcomes={outcome.value: outcomes[outcome.value] for outcome in Outcome},
        findings=tuple(finding for row in rows for finding in row.findings),
        checks=rows,
    )


def total(results: Iterable[AuditResult]) -> AuditResult:
    """Several shards' results as one."""
    parts = tuple(results)
    whole = summed(_once(check for part in parts for check in part.checks))
    extra = tuple(
        finding
        for part in parts
        for finding in part.findings[sum(len(check.findings) for check in part.checks) :]
    )
    return replace(
        whole,
        octets=sum(part.octets for part in parts),
        findings=whole.findings + extra,
        samples=together(sample for part in parts for sample in part.samples),
        left=sum(part.left for part in parts),
        parts=sum(part.parts for part in parts),
    )


def _beyond(chosen: Iterable[Chosen], shards: Sequence[Shard]) -> Held | None:
    """What is due and in none of a tier's shards, which are as many as there can be."""
    if len(shards) < MAX_SHARDS:
        return None
    reached = {item for shard in shards for item in shard.items}
    rest = [
        one.turn.octets
        for one in chosen
        if one.reason is not Reason.SHARE and (one.turn.aip, one.turn.version) not in reached
    ]
    return Held(len(rest), sum(rest)) if rest else None


def _once(checks: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Of a replica that could not be read in parts each part says so: it is one check."""
    told = set[tuple[VersionKey, str]]()
    for check in checks:
        if check.outcome is Outcome.UNCHECKED:
            if (check.key, check.tier) in told:
                continue
            told.add((check.key, check.tier))
        yield check


class AuditService:
    """Plans and runs audits of one community at a time."""

    def __init__(
        self,
        catalogue: SqlCatalogue,
        checker: Checker,
        events: EventMaker,
        rate: LiveRate,
        tiers: Mapping[str, Tier],
    ) -> None:
        self._catalogue = catalogue
        self._checker = checker
        self._clock = events.clock
        self._brake = Brake(catalogue, events, tiers)
        self._rate = rate
        self._parted = PartedChecks(catalogue, checker, events, tiers)

    def plan(
        self,
        policy: Policy,
        *,
        tier: str | None = None,
        aim: Aim = ANYTHING,
        everything: bool = False,
        sample: int = 0,
        budget: int | None = None,
        progress: Progress | None = None,
    ) -> list[Shard]:
        """What to check now, tier by tier, the most pressing first.

        Args:
            policy: in force; its digest goes into every shard.
            tier: of the policy's; by default all.
            aim: what of it, due or not.
            everything: whatever was checked when; the budget still holds.
            sample: so many by lot of what is aimed at, on each tier; else all of it.
            budget: octets to read at most; by default the policy's for one night.
            progress: is told what takes more tasks than a run has, so that it waits.
        """
        with self._catalogue.kept_open():
            purse = self._purse(policy, budget)
            if aim or everything or sample:
                chosen = list(self._aimed(policy, tier, aim, sample, purse))
            else:
                chosen = self._tonight(policy, purse, tier)
            return self._shards(policy, chosen, aim, progress or Silence())

    def _tonight(self, policy: Policy, purse: Purse, tier: str | None) -> list[Chosen]:
        """What is due; what was drawn by lot for it is drawn for the whole span."""
        planner = self._planner(policy)
        chosen = [] if planner is None else list(planner.night(purse, tier))
        for name, drawn in ({} if planner is None else planner.drawn).items():
            items = [(turn.aip, turn.version) for turn in drawn]
            now = self._clock.now()
            self._catalogue.drawings.keep(policy.community, name, now, items)
        return chosen

    def night(
        self, policy: Policy, purse: Purse | None = None, tier: str | None = None
    ) -> Iterator[Chosen]:
        """What is due tonight, and why, as far as the purse (by default the policy's) pays."""
        planner = self._planner(policy)
        if planner is None:
            return iter(())
        return planner.night(purse or self._purse(policy, None), tier)

    def _purse(self, policy: Policy, budget: int | None) -> Purse:
        begun = self._parted.begun(policy)
        return Purse(policy.audit, policy.tiers, budget, begun)

    def _planner(self, policy: Policy) -> Planner | None:
        catalogue = self._catalogue
        held = catalogue.turns.held().get(policy.community, {})
        if not held:  # of a thousand communities most may hold nothing yet
            return None
        waiting, now = braked(catalogue, policy.community), self._clock.now()
        return Planner(catalogue.turns, catalogue.drawings, policy, held, now, waiting)

    def beyond(self, policy: Policy, night: Iterable[Chosen]) -> dict[str, Held]:
        """What is due and in none of the shards that a run has for its tier."""
        due: dict[str, list[Chosen]] = {}
        for one in night:
            if one.reason is not Reason.SAMPLE:  # its tasks are its own
                due.setdefault(one.turn.tier, []).append(one)
        left: dict[str, Held] = {}
        for tier, some in due.items():
            cut = self._cut(policy, tier, "", [one.turn for one in some])
            if rest := _beyond(some, list(islice(cut, MAX_SHARDS))):
                left[tier] = rest
        return left

    def comparing(self, policy: Policy, night: Iterable[Chosen]) -> list[Comparing]:
        """How many of a night's checks compare all digests, on tiers where some do."""
        due, now = dict[str, list[tuple[str, int]]](), self._clock.now()
        for one in night:
            due.setdefault(one.turn.tier, []).append((one.turn.aip, one.turn.version))
        return [
            Comparing(
                policy.community,
                tier,
                len(items),
                self._catalogue.turns.compared_before(
                    policy.community, tier, items, now + rule.max_age - rule.all_digests
                ),
                rule.all_digests,
            )
            for tier, rule in policy.audit.tiers.items()
            if rule.all_digests and (items := due.get(tier, []))
        ]

    def held(self) -> dict[str, dict[str, Held]]:
        """How much there is to audit, by community and tier."""
        return self._catalogue.turns.held()

    def _aimed(
        self, policy: Policy, tier: str | None, aim: Aim, sample: int, purse: Purse
    ) -> Iterator[Chosen]:
        turns, reason = self._catalogue.turns, Reason.SAMPLE if sample else Reason.TURN
        for name in policy.audit.tiers:
            if tier not in (None, name):
                continue
            walk: Iterable[Turn] = (
                turns.drawn(policy.community, name, aim, sample)
                if sample
                else turns.aimed(policy.community, name, aim)
            )
            for turn in walk:
                if not purse.pays(name, purse.cost(turn)):
                    break  # another tier may cost less
                yield Chosen(0, 0.0, turn, reason)

    def _shards(
        self, policy: Policy, chosen: list[Chosen], aim: Aim, progress: Progress
    ) -> list[Shard]:
        """Shards tier by tier, in the policy's order; those drawn by lot apart from the others."""
        planned, shards = stamp(self._clock.now()), list[Shard]()
        places = {tier: place for place, tier in enumerate(policy.audit.tiers)}

        def where(one: Chosen) -> tuple[int, bool]:
            return places[one.turn.tier], one.reason is not Reason.SAMPLE

        for (place, by_turn), group in groupby(sorted(chosen, key=where), key=where):
            tier, meant = list(places)[place], list(group)
            cut = self._cut(policy, tier, planned, [one.turn for one in meant])
            drawn = None if by_turn else self._drawing(policy, tier, aim, planned)
            some = list(islice(cut, MAX_SHARDS))
            shards.extend(replace(shard, drawn=drawn) for shard in some)
            if rest := _beyond(meant, some):
                for sentence in unreached(policy, {tier: rest}):
                    progress.say(sentence)
        return shards

    def _drawing(self, policy: Policy, tier: str, aim: Aim, planned: str) -> Drawing | None:
        """What the policy draws is one drawing for its whole span, whoever goes on with it."""
        of = self._catalogue.turns.meant(policy.community, tier, aim)
        return Drawing(of, planned if aim else "") if of else None

    def _cut(
        self, policy: Policy, tier: str, planned: str, turns: Iterable[Turn]
    ) -> Iterator[Shard]:
        """Shards of one tier in order: several replicas each, or a part of a very large one."""
        community, ref, above = policy.community, policy.ref, policy.audit.split_above
        for large, some in groupby(turns, key=lambda turn: turn.octets > above):
            sized = [(VersionKey(community, one.aip, one.version), one.octets) for one in some]
            if not large:
                yield from into_shards(community, tier, ref, planned, sized)
                continue
            for key, octets in sized:
                whole = Shard(community, tier, ref, ((key.aip, key.version),), octets, planned)
                parts = self._parted.left(key, tier, octets, above)
                for part in parts:
                    share = octets // part.of
                    yield replace(whole, octets=share, part=part.number, parts=part.of)
                if not parts:
                    yield whole

    def run(
        self, policy: Policy, shard: Shard, progress: Progress, rate: int | None = None
    ) -> AuditResult:
        """Check a shard, several replicas at a time; each is recorded when it was read.

        A replica that another run holds is left to that run, and one that was checked since
        the plan was made is not read again by a retry. After the policy's hours nothing more is
        begun.

        Args:
            rate: octets a second at most; by default the policy's.
        """
        progress.begin(f"audit {shard.label}", shard.octets)
        began = self._clock.now()
        slow = policy.audit.rate if rate is None else rate
        with (
            self._catalogue.kept_open(),
            self._rate.watched(slow, progress) as limit,
        ):
            run = ShardRun(
                self._catalogue,
                self._checker,
                self._parted,
                self._brake,
                self._clock,
                policy=policy,
                shard=shard,
                progress=progress,
                limit=limit,
            )
            checks = run.go(_at_once(policy, shard.tier))
        if run.left:
            progress.say(f"the hours of this run are over: {run.left} wait for the next")
        if any(check.outcome is Outcome.INTACT for check in checks):
            self._brake.let_go(policy, shard.tier, parse_stamp(shard.planned))
        took = self._clock.now() - began
        result = summed(checks)
        progress.say(f"{shard.tier}: {result.checked} checked in {took.total_seconds():.0f} s")
        return replace(
            result,
            octets=run.octets,
            findings=(*result.findings, *run.found),
            samples=_sample(shard, result),
            left=run.left,
            parts=int(shard.parts > 0 and run.octets > 0),
        )

    def settle(self, policy: Policy, progress: Progress) -> AuditResult:
        """After all shards of a run: what very large replicas that were read in parts came to,
        where no shard could say it; and how many are not read to their end.
        """
        checks, waiting = self._parted.settle(policy, progress)
        if waiting:
            progress.say(f"{waiting} large replicas are read in part; the next run goes on")
        return replace(summed(checks), octets=0, left=waiting)

    def overdue(self, policy: Policy, now: datetime | None = None) -> int:
        """How many replicas were not found intact for longer than the policy allows."""
        figures, now = self._catalogue.figures, now or self._clock.now()
        return sum(
            figures.aged(policy.community, tier, now - rule.max_age)
            for tier, rule in policy.audit.tiers.items()
        )


def _at_once(policy: Policy, tier: str) -> int:
    """How many replicas are read there at the same time."""
    spec = policy.tiers.get(tier)
    if spec is None or spec.checks_at_once:
        return 1 if spec is None else spec.checks_at_once
    return 1 if spec.medium in WOUND else cores()


def _sample(shard: Shard, result: AuditResult) -> tuple[Sample, ...]:
    if shard.drawn is None:
        return ()
    damaged = sum(check.outcome.is_damage for check in result.checks)
    return (Sample(shard.tier, shard.drawn.of, result.checked, damaged),)
