"""The policy's promises, each judged by the rows; and what follows that somebody must do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from preservation.model.outcome import Level
from preservation.policy.policy import Policy
from preservation.reports.holdings import KEPT, NOT_DUE
from preservation.reports.rows import (
    DepositLine,
    FindingLine,
    PromiseLine,
    ReplicaLine,
    TaskLine,
    TierLine,
    VersionLine,
)
from preservation.reports.words import count, listed, span

BROKEN, NOTHING = "broken", "nothing to judge"


def promise_lines(
    policy: Policy,
    versions: Sequence[VersionLine],
    replicas: Sequence[ReplicaLine],
    tiers: Sequence[TierLine],
    findings: Sequence[FindingLine],
    now: datetime,
) -> list[PromiseLine]:
    """Each promise, and for how many versions, replicas or findings it is broken."""
    damage = "at once" if policy.repair.automatic else "after an approval"
    return [
        *_minimum(policy, versions),
        *_copies(policy, versions, replicas, now),
        *_audits(policy, replicas),
        _judged(
            f"No replica is damaged; damage is repaired {damage}",
            [line.state != "damaged" for line in replicas],
            "replicas",
        ),
        _judged(
            "Every tier can be looked at",
            [bool(line.failure_domain) for line in tiers if line.replicas],
            "tiers",
        ),
        _judged(
            "No finding stays open",
            [not is_trouble(line) for line in findings],
            "findings",
        ),
    ]


def _judged(promise: str, marks: Sequence[bool], shown_in: str) -> PromiseLine:
    broken = marks.count(False)
    verdict = BROKEN if broken else KEPT if marks else NOTHING
    return PromiseLine(promise, len(marks), broken, verdict, shown_in)


def _minimum(policy: Policy, versions: Sequence[VersionLine]) -> Iterator[PromiseLine]:
    """The least that must be true of each version, once its replicas have fallen due."""
    settled = [line for line in versions if line.standing != NOT_DUE]
    least = policy.minimum
    yield _judged(
        f"Each AIP version has at least {count(least.replicas, 'verified replica')}",
        [line.verified >= least.replicas for line in settled],
        "versions",
    )
    yield _judged(
        f"They lie in at least {count(least.failure_domains, 'failure domain')}: "
        "what can fail together",
        [line.failure_domains >= least.failure_domains for line in settled],
        "versions",
    )
    yield _judged(
        f"They lie at {count(least.sites, 'site')} at least",
        [line.sites >= least.sites for line in settled],
        "versions",
    )


def _copies(
    policy: Policy, versions: Sequence[VersionLine], replicas: Sequence[ReplicaLine], now: datetime
) -> Iterator[PromiseLine]:
    there = {(line.aip, line.version, line.tier) for line in replicas}
    for rule in policy.replicas:
        named = [((v.aip, v.version, rule.tier) in there, v) for v in versions]
        kind = "as one tar" if rule.packaging.value == "tar" else "as a folder"
        yield _judged(
            f"A replica on {rule.tier}, {kind}, within {span(rule.within)} of ingest",
            [is_there for is_there, v in named if is_there or v.ingested_at + rule.within < now],
            "versions",
        )


def _audits(policy: Policy, replicas: Sequence[ReplicaLine]) -> Iterator[PromiseLine]:
    for tier, rule in policy.audit.tiers.items():
        yield _judged(
            f"Each replica on {tier} is checked every {span(rule.max_age)}, so that we can say: "
            f"“{rule.level.words}”",
            [not (line.overdue or line.weak) for line in replicas if line.tier == tier],
            "replicas",
        )


def is_trouble(line: FindingLine) -> bool:
    """An open finding that is more than a warning."""
    return line.state == "open" and line.severity != "warning"


def task_lines(
    policy: Policy,
    versions: Sequence[VersionLine],
    replicas: Sequence[ReplicaLine],
    tiers: Sequence[TierLine],
    findings: Sequence[FindingLine],
    deposits: Sequence[DepositLine],
    now: datetime,
) -> list[TaskLine]:
    """What has to be done, the most pressing first; then what comes next by itself."""
    tasks = [
        *_answer(findings, now),
        *_check(policy.community, replicas),
        *_read_back(policy, versions, replicas, now),
        *_replicate(policy, versions, replicas, now),
        *_look(tiers),
        *_spread(policy, versions),
        *_rejected(deposits),
    ]
    far = datetime.max.replace(tzinfo=now.tzinfo)
    pressing = [task for task in tasks if task.since_past]
    rest = [task for task in tasks if not task.since_past]
    return [*pressing, *sorted(rest, key=lambda task: task.by or far)]


def _answer(findings: Sequence[FindingLine], now: datetime) -> Iterator[TaskLine]:
    for line in findings:
        if line.state == "open":
            where = f" on {line.tier}" if line.tier else ""
            yield TaskLine(
                f"Answer finding {line.code} ({line.severity})",
                line.opened_at,
                line.opened_at <= now,
                (f"{line.title or line.aip or 'the archive'}{where}",),
                line.hint,
            )


def _check(community: str, replicas: Sequence[ReplicaLine]) -> Iterator[TaskLine]:
    """Checks that are overdue, or were weaker than promised, by tier."""
    tiers = dict.fromkeys(line.tier for line in replicas)
    for tier in tiers:
        late = sorted(
            (line for line in replicas if line.tier == tier and (line.overdue or line.weak)),
            key=lambda line: line.due_at or line.written_at,
        )
        if late:
            names = tuple(f"{line.title or line.aip} v{line.version}" for line in late)
            yield TaskLine(
                f"Check {count(len(late), 'replica')} on {tier}",
                late[0].due_at,
                True,
                names,
                f"run `preserve audit --community {community} --tier {tier}`",
            )


def _replicate(
    policy: Policy, versions: Sequence[VersionLine], replicas: Sequence[ReplicaLine], now: datetime
) -> Iterator[TaskLine]:
    there = {(line.aip, line.version, line.tier) for line in replicas}
    for rule in policy.replicas:
        lacking = sorted(
            (v for v in versions if (v.aip, v.version, rule.tier) not in there),
            key=lambda v: v.ingested_at,
        )
        if lacking:
            by = lacking[0].ingested_at + rule.within
            yield TaskLine(
                f"Write {count(len(lacking), 'replica')} to {rule.tier}",
                by,
                by < now,
                tuple(f"{v.title or v.aip} v{v.version}" for v in lacking),
                f"run `preserve replicate --community {policy.community} --tier {rule.tier}`",
            )


def _read_back(
    policy: Policy, versions: Sequence[VersionLine], replicas: Sequence[ReplicaLine], now: datetime
) -> Iterator[TaskLine]:
    """What was written and never verified counts for nothing yet."""
    ingested = {(v.aip, v.version): v.ingested_at for v in versions}
    for rule in policy.replicas:
        written = [r for r in replicas if r.tier == rule.tier and r.state == "written"]
        if written:
            by = min(ingested.get((r.aip, r.version), r.written_at) for r in written) + rule.within
            yield TaskLine(
                f"Read back {count(len(written), 'replica')} on {rule.tier}",
                by,
                by < now,
                tuple(f"{r.title or r.aip} v{r.version}" for r in written),
                f"run `preserve audit --community {policy.community} --tier {rule.tier} --all`",
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


def _spread(policy: Policy, versions: Sequence[VersionLine]) -> Iterator[TaskLine]:
    """Independence is not made by a run: somebody must move a tier."""
    wanted = policy.minimum.failure_domains
    close = [v for v in versions if v.verified >= wanted > v.failure_domains]
    if close:
        yield TaskLine(
            f"Move a tier to a machine of its own: {count(len(close), 'AIP version')} "
            f"in fewer than {wanted} failure domains",
            None,
            True,
            tuple(f"{v.title or v.aip} v{v.version}" for v in close),
            "give a tier another host or site, in `tiers.yaml`",
        )


def _rejected(deposits: Sequence[DepositLine]) -> Iterator[TaskLine]:
    rejected = [line.deposit for line in deposits if line.outcome == "rejected"]
    if rejected:
        yield TaskLine(
            f"Answer {count(len(rejected), 'rejected deposit')}",
            None,
            False,
            tuple(rejected),
            "the receipt says what the depositor has to mend",
        )


def next_check(replicas: Sequence[ReplicaLine]) -> ReplicaLine | None:
    """The replica whose check falls due first, among those that are not overdue."""
    coming = [line for line in replicas if line.due_at and not line.overdue]
    return min(coming, key=lambda line: line.due_at or line.written_at, default=None)


def policy_words(policy: Policy) -> list[str]:
    """The rest of the policy, a sentence each."""
    intake, names = policy.intake, [a.value.upper() for a in policy.intake.algorithms]
    complete = (
        f"a file named {intake.marker} lies in it"
        if intake.marker
        else f"nothing in it has changed for {span(intake.quiet)}"
    )
    schemes = " or ".join(scheme.upper() for scheme in intake.lineage)
    approvers = listed(policy.repair.approvers) if policy.repair.approvers else "nobody named"
    return [
        f"A deposit is taken in when {complete}.",
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
