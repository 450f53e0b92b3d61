"""The look ahead: what a budget keeps and what it does not, for ten years, in no time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from report_samples import effective

from preservation.audit.chart import forecast_chart, sentences
from preservation.audit.forecast import Outlook, forecast
from preservation.audit.outlook import shortages
from preservation.catalogue.ages import PARTS, Cohort
from preservation.catalogue.turns import Held
from preservation.policy.audit_plan import AuditRule
from preservation.policy.feasible import feasibility
from preservation.policy.policy import Policy
from preservation.policy.price import Price

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
TODAY = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days
TIERS = {"vault": 90 * DAY, "mirror": 90 * DAY, "deep": 180 * DAY}
GB = 10**9


def a_policy(budget: int) -> Policy:
    policy = Policy.from_effective(effective())
    level = policy.audit.tiers["vault"].level
    rules = {tier: AuditRule(level, age) for tier, age in TIERS.items()}
    plan = replace(policy.audit, schedule="0 2 * * *", tiers=rules, budget=budget)
    return replace(policy, audit=plan)


def a_migration(replicas: int) -> list[Cohort]:
    """Everything was ingested yesterday: the worst of all waves."""
    each = replicas // PARTS
    return [
        Cohort(tier, TODAY - 1, True, part, each, each * GB) for tier in TIERS for part in range(64)
    ]


def needed(replicas: int) -> int:
    return feasibility(dict.fromkeys(TIERS, replicas * GB), TIERS, "0 2 * * *", 1).needed


def ahead(load: float, replicas: int = 1_000_000, **how: int) -> Outlook:
    return forecast(a_policy(int(needed(replicas) / load)), a_migration(replicas), NOW, **how)


def test_at_four_fifths_of_the_budget_nothing_is_overdue_in_ten_years() -> None:
    outlook = ahead(0.8, nights=3_650)
    assert [outlook.first_overdue(tier) for tier in TIERS] == [None] * 3
    for tier, nights in outlook.tiers.items():
        assert max(night.age for night in nights) * DAY < TIERS[tier]


def test_load_is_even_although_all_came_in_one_day() -> None:
    nights = [sum(one) for one in zip(*_octets(ahead(0.5, nights=400)), strict=True)]
    mean = sum(nights) / len(nights)
    assert max(nights) < 2 * mean
    assert min(nights) > 0.5 * mean


def test_a_budget_that_is_too_small_stretches_ages_and_stays_there() -> None:
    outlook = ahead(1.5, nights=1_000)
    assert all(outlook.first_overdue(tier) for tier in TIERS)
    for tier, nights in outlook.tiers.items():
        settled = [night.age * DAY / TIERS[tier] for night in nights[700:]]
        assert max(settled) < 1.5  # what the formula says; it reckons with a tenth in reserve
        assert max(settled) - min(settled) < 0.25
    assert all(sum(one) <= outlook.budget + 3 for one in zip(*_octets(outlook), strict=True))


def test_each_limit_that_breaks_the_promise_says_so_today() -> None:
    held = {tier: Held(1_000, 1_000 * GB) for tier in TIERS}
    policy = a_policy(needed(1_000) + GB)
    assert shortages(policy, held) == []
    (lack,) = shortages(a_policy(needed(1_000) * 9 // 10), held)
    assert "a run is too little: checks get older than promised (vault 90d becomes 1" in lack
    dear = replace(policy.tiers["deep"], kind="s3", read=Price(Decimal(1), "EUR", GB))
    bounds = replace(policy.audit, requests=8, money=(Decimal("0.5"), "EUR"))
    policy = replace(policy, tiers={**policy.tiers, "deep": dear}, audit=bounds)
    requests, money = shortages(policy, held)
    assert "8 requests a run is too little" in requests
    assert "deep 180d becomes" in requests
    assert "vault" not in requests
    assert "0.50 EUR a run is too little" in money
    assert money.endswith("Needed: 6.18 EUR")


def test_growth_brings_the_day_on_which_the_budget_is_too_small() -> None:
    steady, growing = ahead(0.8, nights=300), ahead(0.8, nights=300, growth=10**15)
    assert steady.first_overdue("vault") is None
    first = growing.first_overdue("vault")
    assert first is not None
    assert first > NOW + 100 * DAY


def test_the_drawing_is_whole_and_says_its_numbers() -> None:
    outlook = ahead(1.5, nights=200)
    drawing = ET.fromstring(forecast_chart(outlook))
    said = "".join(drawing.itertext())
    assert all(sentence in said for sentence in sentences(outlook))
    assert "overdue from" in said
    assert "nan" not in forecast_chart(forecast(a_policy(GB), [], NOW, nights=5)).decode()


@pytest.mark.parametrize("tier", TIERS)
def test_the_document_has_a_number_for_each_night(tier: str) -> None:
    told = ahead(0.8, nights=30).to_json()["tiers"][tier]
    assert len(told["bytes"]) == len(told["overdue"]) == len(told["oldest_check_days"]) == 30


def _octets(outlook: Outlook) -> list[list[int]]:
    return [[night.octets for night in nights] for nights in outlook.tiers.values()]
