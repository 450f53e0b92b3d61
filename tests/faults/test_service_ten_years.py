"""Ten years in one test: the real planner, audits and repairs, on a clock that is handed in.

The archive grows, now and then by a burst; a tier is away for a month; bits rot; a whole site is
lost. At four fifths of the audit budget nothing ever gets overdue, every damage that left an
intact replica is repaired, and no finding is opened that nothing caused.

Run at a larger scale by hand: ``SAMARKAND_SOAK=1 pytest -s`` with this file.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import SILENCE, Archive, GoingClock
from tiers import flip

from preservation.app.parts import Parts
from preservation.catalogue.brake import BRAKE, brake
from preservation.ingest.result import DepositResult
from preservation.model.event import EventType
from preservation.policy.feasible import feasibility
from preservation.policy.policy import Policy

TIERS = ("vault", "mirror", "deep")
OCTETS = 3_000  # of each deposit
YEARS = 10
BY_HAND = pytest.mark.skipif(
    not os.environ.get("SAMARKAND_SOAK"), reason="SAMARKAND_SOAK is not set"
)


@dataclass
class Life:
    """What was done to an archive, run by run."""

    archive: Archive
    dice: random.Random
    aips: list[DepositResult] = field(default_factory=list)
    damaged: set[tuple[str, str]] = field(default_factory=set)  # injected: AIP, tier
    rotten: int = 0  # damages injected, without those that went with a site before they were seen
    lost: int = 0  # replicas that went with a site
    repaired: int = 0
    runs: int = 0
    checked: int = 0

    def deposit(self, count: int) -> None:
        """Take in so many deposits, and make their replicas."""
        for _ in range(count):
            name = f"d{len(self.aips)}"
            data = self.dice.randbytes(OCTETS)
            self.aips.append(self.archive.ingest(self.archive.put(name, {"a.bin": data})))
        if count:
            self.archive.replicate()

    def rot(self) -> None:
        """Flip a bit of one replica of an AIP whose others are intact."""
        whole = [one for one in self.aips if one.aip not in {aip for aip, _ in self.damaged}]
        if not whole:  # a young archive: what rotted before is not found yet
            return
        aip, tier = self.dice.choice(whole), self.dice.choice(TIERS)
        place = self.archive.bag(aip, tier)
        file = place / "data/a.bin" if tier != "deep" else place.with_suffix(".tar")
        if not file.exists():  # it went with its site, and that did not come to light yet
            return
        flip(file, 1_500)
        self.damaged.add((aip.aip, tier))
        self.rotten += 1

    def lose_a_site(self, tier: str) -> None:
        """All that a tier keeps is gone; the place is there again, empty."""
        shutil.rmtree(self.archive.tier(tier) / "notes")
        self.lost = len(self.aips)
        gone = {one for one in self.damaged if one[1] == tier}
        self.damaged -= gone
        self.rotten -= len(gone)

    def night(self, parts: Parts, policy: Policy) -> None:
        """Audit and repair, as their DAGs would; a person answers a brake."""
        for shard in parts.audit.plan(policy):
            self.checked += parts.audit.run(policy, shard, SILENCE).checked
        for tier in TIERS:
            if (found := brake(parts.catalogue, policy.community, tier)) is not None:
                detail = {"finding": found.id, "by": "ann", "reason": "the site burnt down"}
                accepted = EventType.FINDING_ACCEPTED
                parts.catalogue.record(
                    [parts.events.of(policy.community, accepted, "success", detail)]
                )
                for shard in parts.audit.plan(policy, tier=tier, everything=True):
                    parts.audit.run(policy, shard, SILENCE)
        for finding in parts.repair.plan(policy):
            result = parts.repair.repair(policy, finding.id, SILENCE)
            assert result.state == "repaired", result
            self.repaired += 1
            self.damaged.discard((finding.aip, finding.tier))
        self.runs += 1


def lived(
    root: Path, aips: int, schedule: str, a_run: timedelta, catalogue: str = ""
) -> tuple[Life, Policy]:
    """Ten years of an archive that ends with so many AIPs.

    Args:
        catalogue: the URL of a database; by default a file in the home.
    """
    rules: dict[str, Any] = {"audit": {"schedule": schedule, "tiers": {}}}
    rules["audit"]["tiers"] = {tier: {"level": "E3", "max_age": "400d"} for tier in TIERS}
    if catalogue:
        (root / "home").mkdir()
        settings = f'format = "samarkand.home/1"\ncatalogue = "{catalogue}"\n'
        (root / "home" / "samarkand.toml").write_text(settings, "utf-8")
    life = Life(Archive(root, rules, clock=GoingClock()), random.Random(7))
    runs = int(timedelta(days=365.25 * YEARS) / a_run)
    grows = dict.fromkeys(range(0, runs * 2 // 3, max(1, runs * 2 // 3 // (aips // 2))), 1)
    grows[runs // 3] = grows.get(runs // 3, 0) + aips - sum(grows.values())  # a burst
    away = life.archive.tier("mirror") / "samarkand-tier.json"
    start = life.archive.clock.at
    for run in range(runs):
        life.archive.clock.at = max(life.archive.clock.at, start + run * a_run)
        life.deposit(grows.get(run, 0))
        if run % 7 == 3:
            life.rot()
        if run == runs * 4 // 5:
            life.lose_a_site("deep")
        gone = run == runs // 2
        if gone:
            away.rename(away.with_name("away"))
        with life.archive.opened() as (parts, policy):
            life.night(parts, _at_four_fifths(policy, aips))
            assert parts.audit.overdue(policy) == 0, f"run {run}"
        if gone:
            away.with_name("away").rename(away)
    return life, policy


def _at_four_fifths(policy: Policy, aips: int) -> Policy:
    """The policy with a budget of which what is held in the end takes four fifths."""
    ages = {tier: policy.audit.tiers[tier].max_age for tier in TIERS}
    octets = dict.fromkeys(TIERS, aips * OCTETS)
    needed = feasibility(octets, ages, policy.audit.schedule, 1).needed
    return replace(policy, audit=replace(policy.audit, budget=needed * 5 // 4))


def _judge(life: Life) -> Counter[str]:
    """All is whole in the end, and each finding had its cause."""
    life.archive.clock.at += timedelta(days=400)
    with life.archive.opened() as (parts, policy):
        while life.damaged:  # what rotted last is found within a maximum age
            for shard in parts.audit.plan(policy, everything=True):
                parts.audit.run(policy, shard, SILENCE)
            life.night(parts, policy)
        findings = parts.catalogue.findings()
    found, held = life.archive.audit(), len(life.aips)
    assert (found.checked, found.outcomes["intact"]) == (3 * held, 3 * held)
    assert {row.state for row in findings} <= {"resolved", "accepted"}
    return Counter(row.code for row in findings)


@pytest.mark.parametrize(
    "where", ["sqlite", pytest.param("postgresql", marks=(pytest.mark.slow, BY_HAND))]
)
def test_ten_years_pass_with_nothing_overdue_all_repaired_and_no_false_alarm(
    ground: Path, where: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if where == "postgresql" else ""
    life, _ = lived(ground, 5, "0 2 1 */3 *", timedelta(days=92), url)
    assert _judge(life) == {
        BRAKE: 1,  # the lost site, and nothing else
        "FIX-MISSING": life.lost,
        "FIX-ALTERED": life.rotten,
    }
    assert life.repaired == life.lost + life.rotten


@pytest.mark.slow
@pytest.mark.timeout(3600)
@BY_HAND
def test_ten_years_at_a_larger_scale(ground: Path) -> None:
    # With 60 a run's budget pays for some nine replicas: what one leaves over is little.
    aips = int(os.environ.get("SAMARKAND_AIPS", "60"))
    life, _ = lived(ground, aips, "0 2 1,15 * *", timedelta(days=365.25 / 24))
    codes = _judge(life)
    print(
        f"{life.runs} runs, {life.checked:,} checks, {life.repaired} repairs, nothing overdue: "
        + ", ".join(f"{count} {code}" for code, count in sorted(codes.items()))
    )
    assert codes == {BRAKE: 1, "FIX-MISSING": life.lost, "FIX-ALTERED": life.rotten}
    assert life.repaired == life.lost + life.rotten
