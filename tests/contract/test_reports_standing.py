"""A report and the standing of its community never contradict each other.

The standing counts by SQL over everything; the report judges row by row. Both are tried on
the same random archives, with replicas that are absent, late, old, weak or damaged.
"""

from __future__ import annotations

import random
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from catalogues import START, a_key, check, finding, ingestion, replication
from report_samples import effective

from preservation.catalogue.sql import SqlCatalogue
from preservation.catalogue.standing import standing
from preservation.model.event import Event
from preservation.policy.policy import Policy
from preservation.reports.gather import Sources, gather
from preservation.reports.rows import Run

DAY = timedelta(days=1)
TIERS = ("vault", "mirror", "deep")
FINE = [0.0] * 5


def an_archive(dice: random.Random, chances: list[float]) -> list[Event]:
    """A few AIPs, each with its own luck."""
    absent, unread, old, weak, damaged = chances
    events: list[Event] = []
    for number in range(1, dice.randint(2, 5)):
        key, at = a_key(number), START - dice.choice([1, 3, 20, 200]) * DAY
        events.append(ingestion(key, at=at))
        for tier in TIERS:
            if dice.random() < absent:
                continue
            events.append(replication(key, tier, at=at))
            if dice.random() < unread:
                continue
            seen = START - timedelta(hours=1) if dice.random() >= old else at
            level = "E1" if dice.random() < weak else "E3"
            outcome = "altered" if dice.random() < damaged else "intact"
            events.append(check(key, tier, outcome, seen, level=level))
            if outcome == "altered" and dice.random() < 0.5:
                events.append(finding(key, tier, seen))
    return events


def a_policy(dice: random.Random) -> Policy:
    minimum = {"replicas": dice.randint(1, 3), "failure_domains": dice.randint(1, 3), "sites": 1}
    return Policy.from_effective(effective(minimum=minimum))


@pytest.mark.parametrize("seed", range(12))
def test_report_and_standing_agree(catalogue: SqlCatalogue, seed: int) -> None:
    dice = random.Random(seed)
    chances: list[float] = FINE if seed < 3 else [dice.choice([0, 0.05, 0.3]) for _ in FINE]
    policy, observed = a_policy(dice), {tier: f"disk {dice.randint(1, 3)}" for tier in TIERS}
    if dice.random() < 0.2:
        del observed["deep"]
    events = an_archive(dice, chances)
    catalogue.record(events)
    told = standing(catalogue, policy, observed, START)
    journal: Any = SimpleNamespace(events=lambda since: iter(events), result=None)
    report = gather(
        Sources(policy, catalogue, journal, domains=observed),
        Run("run", "silk-road", START - DAY, START, "a test", policy.ref),
    )
    numbers, tables = report.numbers, report.tables
    assert (numbers["promises_broken"] == 0) == told.kept
    assert numbers["overdue"] == told.overdue
    assert [line.weak for line in tables.replicas].count(True) == told.totals.get("STD-WEAK", 0)
    assert sum(line.damaged for line in tables.tiers) == told.totals.get("STD-DAMAGED", 0)
    assert numbers["versions"] == told.holdings.versions
    assert numbers["bytes"] == told.holdings.octets
    assert numbers["verified"] == sum(tier.verified for tier in told.tiers)
    low = [line for line in tables.versions if any("of" in lack for lack in line.lacks)]
    fewest = max(
        (told.totals.get(code, 0) for code in ("STD-REPLICAS", "STD-DOMAINS", "STD-SITES")),
    )
    assert len(low) >= fewest
    assert bool(low) == bool(fewest)


def test_a_finding_of_a_real_catalogue_names_its_files(catalogue: SqlCatalogue) -> None:
    key = a_key(1)
    file = {"path": "data/a", "outcome": "altered", "reason": "its bytes are not those sealed"}
    opened = finding(key, "vault", START, localised={"files": [file], "more": 3})
    events = [ingestion(key), replication(key, "vault"), opened]
    catalogue.record(events)
    journal: Any = SimpleNamespace(events=lambda since: iter(events), result=None)
    policy = Policy.from_effective(effective())
    report = gather(
        Sources(policy, catalogue, journal),
        Run("run", "silk-road", START - DAY, START, "a test", policy.ref),
    )
    (line,) = report.tables.findings
    assert [found.path for found in line.files] == ["data/a"]
    assert line.more_files == 3
    assert [action.act for action in line.actions] == ["found"]


def test_evidence_from_a_day_that_has_not_come_is_no_green_light(catalogue: SqlCatalogue) -> None:
    key, at = a_key(1), START - 20 * DAY
    copies = [replication(key, tier, at=at) for tier in TIERS]
    checks = [check(key, tier, at=START + 365 * DAY) for tier in TIERS]
    events = [ingestion(key, at=at), *copies, *checks]
    catalogue.record(events)
    policy = Policy.from_effective(effective())
    observed = {tier: f"disk {tier}" for tier in TIERS}
    journal: Any = SimpleNamespace(events=lambda since: iter(events), result=None)
    report = gather(
        Sources(policy, catalogue, journal, domains=observed),
        Run("run", "silk-road", START - DAY, START, "a test", policy.ref),
    )
    assert not standing(catalogue, policy, observed, START).kept
    assert report.numbers["promises_broken"] == len(policy.audit.tiers)
    assert [line.checked_in_run for line in report.tables.replicas] == [False] * 3
    promised, todo, _ = report.sentences
    assert promised.mood == "bad"
    assert todo.text.startswith("Set the clocks: 3 replicas checked later than now")
