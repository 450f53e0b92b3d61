"""Drills of an open home: rehearsals inside its tiers, and the services of every night over them.

What a drill leaves is one event, a finding if something was missed, and the last score beside the
home, from which the next one's day is known; lost, it only makes the next drill come early.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from preservation.app.parts import Parts
from preservation.audit.check import Checker
from preservation.audit.rate import FILE as RATE_FILE
from preservation.audit.rate import LiveRate
from preservation.audit.service import AuditService
from preservation.catalogue.holding import hold
from preservation.catalogue.sql import SqlCatalogue, create_catalogue
from preservation.drill.score import Score
from preservation.drill.service import Ground, run_drill
from preservation.errors import BusyError, MalformedError, UsageError
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.fixity.engine import EngineSettings
from preservation.ledger.journal import FileJournal
from preservation.model.canonical import canonical
from preservation.model.check import CheckResult
from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.event import EventType
from preservation.model.finding import Finding
from preservation.model.outcome import Level
from preservation.model.progress import Progress
from preservation.model.replica import Packaging
from preservation.model.units import format_duration
from preservation.policy.audit_plan import AuditRule
from preservation.policy.policy import Policy, RepairRule, ReplicaRule, TierSpec
from preservation.repair.localising import Localiser
from preservation.repair.salvage import Salvage
from preservation.repair.service import RepairService
from preservation.replication.service import ReplicationService
from preservation.replication.writing import write_replica
from preservation.storage.local import LocalTier, create_tier
from preservation.storage.tier import Tier

FAILED = "DRL-FAILED"
SPARE = "spare"  # the tier of the sound replicas, in the home's scratch
_NAMED = 8  # of what was missed, in a sentence
_SOON = timedelta(hours=12)  # before its day: a daily run is not always at the same minute


@dataclass(frozen=True, slots=True)
class Drilled:
    """The last drill of a community, as the home remembers it."""

    at: datetime
    score: Score
    event: str

    def to_json(self) -> dict[str, Any]:
        """The document ``samarkand.drilled/1``."""
        return {
            "schema": "samarkand.drilled/1",
            "at": stamp(self.at),
            "event": self.event,
            "score": self.score.to_json(),
        }


def last_drill(parts: Parts, community: str) -> Drilled | None:
    """The last drill; None if there was none, or nobody remembers it."""
    try:
        said = json.loads(_remembered(parts, community).read_bytes())
        return Drilled(parse_stamp(said["at"]), Score.from_json(said["score"]), said["event"])
    except (OSError, ValueError, KeyError, TypeError, MalformedError):
        return None


def drill_words(parts: Parts, policy: Policy) -> list[str]:
    """What a report says of drills; nothing where the policy asks for none."""
    if not policy.drill.tiers:
        return []
    where, every = ", ".join(policy.drill.tiers), format_duration(policy.drill.every)
    last = last_drill(parts, policy.community)
    if last is None:
        return [f"Drills on {where} every {every}: none was held yet."]
    missed = "; ".join(last.score.missed()[:_NAMED])
    return [
        f"Drills on {where} every {every}; the last, on {last.at:%Y-%m-%d}: {last.score.sentence}"
        + (f" ({missed})." if missed else ".")
    ]


def drill_is_due(parts: Parts, policy: Policy) -> bool:
    """Whether the policy asks for a drill now."""
    if not policy.drill.tiers:
        return False
    last, now = last_drill(parts, policy.community), parts.clock.now()
    return last is None or last.at > now or now - last.at >= policy.drill.every - _SOON


def drill(parts: Parts, policy: Policy, progress: Progress) -> Drilled:
    """Hold a drill now, and put on record what it came to.

    Raises:
        UsageError: the policy names no tier for drills (``DRL-NONE``).
        BusyError: another drill of the community is under way (``DRL-BUSY``).
        SamarkandError: the drill could not be held; that is no score.
    """
    if not policy.drill.tiers:
        raise UsageError(
            f"the policy of {policy.community} names no tier for drills",
            hint="write drill: {every: 30d, tiers: [mirror]} and apply it",
            code="DRL-NONE",
        )
    with hold(parts.catalogue, f"drill:{policy.community}", parts.clock) as lease:
        if lease is None:
            raise BusyError(f"a drill of {policy.community} is under way", code="DRL-BUSY")
        began = parts.clock.now()
        score = _held(parts, policy, progress)
        return _recorded(parts, policy, score, began)


def _held(parts: Parts, policy: Policy, progress: Progress) -> Score:
    """Nothing of it is left afterwards; what a killed one left is removed first."""
    folder = parts.home.scratch / f"drill-{policy.community}"
    name = f"drill-{policy.community}"
    with ExitStack() as ending:
        with durable.plain_errors(folder):
            remove_tree(folder)
            (folder / "scratch").mkdir(parents=True, mode=0o700)
        ending.callback(remove_tree, folder)
        tiers = {
            tier: ending.enter_context(parts.tiers[tier].rehearsal(name))
            for tier in policy.drill.tiers
        }
        create_tier(folder / SPARE, SPARE)
        catalogue = create_catalogue(f"sqlite:///{folder / 'catalogue.sqlite'}")
        ending.callback(catalogue.close)
        return run_drill(_ground(parts, policy, tiers, catalogue, folder), progress)


def _ground(
    parts: Parts,
    policy: Policy,
    rehearsed: Mapping[str, Tier],
    catalogue: SqlCatalogue,
    folder: Path,
) -> Ground:
    """The same services as everywhere, over the rehearsals."""
    spare = LocalTier(folder / SPARE, SPARE)
    tiers: dict[str, Tier] = {SPARE: spare, **rehearsed}
    journal = FileJournal.create(folder / "journal")
    engine = EngineSettings(workers=2, drop_cache=True)
    localise = Localiser(catalogue, tiers).localise
    checker = Checker(catalogue, journal, tiers, parts.events, engine, localise)
    replication = ReplicationService(catalogue, tiers, parts.events, checker, tiers)
    rate = LiveRate(folder / RATE_FILE)
    audit = AuditService(catalogue, checker, parts.events, rate, tiers)
    over = _drill_policy(policy, tiers)

    def replicate(policy: Policy, progress: Progress) -> None:
        for shard in replication.plan(policy):
            replication.run(policy, shard, progress)

    def check_all(tier: str | None, progress: Progress) -> list[CheckResult]:
        shards = audit.plan(over, tier=tier, everything=True)
        return [one for shard in shards for one in audit.run(over, shard, progress).checks]

    return Ground(
        policy=over,
        catalogue=catalogue,
        events=parts.events,
        spare=spare,
        tiers=rehearsed,
        replicate=replicate,
        audit=check_all,
        repair=RepairService(
            catalogue,
            journal,
            tiers,
            parts.events,
            engine,
            checker.check,
            write_replica,
            Salvage(catalogue, journal, tiers, parts.clock, folder),
            (),
            tiers,
        ),
    )


def _drill_policy(policy: Policy, tiers: Mapping[str, Tier]) -> Policy:
    """The community's policy over the drill's tiers; no budget, nobody asked."""
    kept = {rule.tier: rule for rule in policy.replicas}
    promised = policy.replicas[0].within
    first = ReplicaRule(SPARE, Packaging.FOLDER, promised)
    rule = AuditRule(Level.E3, timedelta(days=1))
    return replace(
        policy,
        replicas=(first, *(kept[tier] for tier in tiers if tier != SPARE)),
        tiers={**policy.tiers, SPARE: TierSpec(SPARE, "local", "", "here", "a drill", "a folder")},
        audit=replace(
            policy.audit,
            budget=1 << 60,
            tiers=dict.fromkeys(tiers, rule),
            rate=0,
            hours=timedelta(0),
            requests=0,
            money=None,
        ),
        repair=RepairRule(automatic=True, approvers=()),
    )


def _recorded(parts: Parts, policy: Policy, score: Score, began: datetime) -> Drilled:
    community, events, now = policy.community, parts.events, parts.clock.now()
    took = int((now - began).total_seconds() * 1000)
    detail = {"tiers": list(policy.drill.tiers), "milliseconds": took, **score.to_json()}
    outcome = "success" if score.passed else "fail"
    event = events.of(community, EventType.DRILL, outcome, detail, policy=policy.ref)
    known = [one for one in parts.catalogue.findings(community, state="open") if one.code == FAILED]
    follow = []
    if score.passed:
        reason = "a later drill found and healed everything"
        for one in known:
            ending = {"finding": one.id, "by": events.agent, "reason": reason, "event": event.id}
            follow.append(events.of(community, EventType.FINDING_RESOLVED, "success", ending))
    elif not known:
        opening = {
            "finding": events.new_id(),
            **failed(community, score).to_json(),
            "localised": {"event": event.id, "missed": score.missed()},
        }
        follow.append(
            events.of(community, EventType.FINDING_OPENED, "fail", opening, policy=policy.ref)
        )
    parts.catalogue.record([event, *follow])
    done = Drilled(now, score, event.id)
    place = _remembered(parts, community)
    with durable.plain_errors(place), suppress(FileExistsError):
        place.parent.mkdir(exist_ok=True)
    durable.replace(place, canonical(done.to_json()) + b"\n", 0o644)
    return done


def failed(community: str, score: Score) -> Finding:
    """What is said of a drill in which something was missed."""
    missed = score.missed()
    named = "; ".join(missed[:_NAMED]) + (
        f"; and {len(missed) - _NAMED} more" if missed[_NAMED:] else ""
    )
    alarms = f"; {score.false_alarms} sound replicas were called damaged" * bool(score.false_alarms)
    return Finding(
        FAILED,
        f"drill of {community}",
        f"{score.sentence}: {named or 'nothing was missed'}{alarms}",
        "damage of this kind would go unnoticed, or stay: run `preserve tier check` and the drill "
        "again, and ask whoever runs the tier",
    )


def _remembered(parts: Parts, community: str) -> Path:
    return parts.home.path / "drills" / f"{community}.json"
