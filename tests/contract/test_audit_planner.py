"""What a night reads: on both databases, the most pressing first, spread, within its budget."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from catalogues import START, check, finding, ingestion, kept, replication
from report_samples import effective

from preservation.audit.planner import Chosen, Planner, Reason
from preservation.audit.purse import Purse
from preservation.audit.rhythm import Rhythm
from preservation.catalogue.sql import SqlCatalogue
from preservation.catalogue.turns import Aim
from preservation.model.event import Event
from preservation.model.replica import VersionKey
from preservation.policy.audit_plan import AuditRule
from preservation.policy.policy import Policy
from preservation.policy.price import Price

DAY = timedelta(days=1)
TIERS = ("vault", "mirror", "deep")
HALF = 32_768


def an_aip(lot: int, number: int = 1) -> VersionKey:
    """An AIP whose UUID has this lot."""
    return VersionKey("silk-road", str(UUID(int=(lot << 112) | number)), 1)


def a_policy(tiers: tuple[str, ...] = ("vault",), **more: Any) -> Policy:
    """Each tier checked within 100 days: periods of 80; nightly runs."""
    policy = Policy.from_effective(effective())
    rules = {tier: AuditRule(policy.audit.tiers["vault"].level, 100 * DAY) for tier in tiers}
    plan = replace(policy.audit, schedule="0 2 * * *", tiers=rules, budget=10**12)
    return replace(policy, audit=replace(plan, **more))


def night(
    catalogue: SqlCatalogue, policy: Policy, now: datetime, octets: int | None = None, **how: Any
) -> list[Chosen]:
    held = catalogue.turns.held()["silk-road"]
    planner = Planner(catalogue.turns, catalogue.drawings, policy, held, now, **how)
    return list(planner.night(Purse(policy.audit, policy.tiers, octets)))


def reasons(chosen: list[Chosen]) -> list[tuple[str, Reason]]:
    return [(one.turn.aip[:4], one.reason) for one in chosen]


def audited(key: VersionKey, at: datetime, tier: str = "vault", **more: Any) -> list[Event]:
    """Ingested long ago, and checked by an audit at a moment."""
    return [
        *kept(key, tier, at=START - 400 * DAY),
        check(key, tier, at=at, **more),
    ]


def test_a_new_replica_has_its_first_turn_by_lot_and_the_next_a_period_later(
    catalogue: SqlCatalogue,
) -> None:
    key = an_aip(HALF)
    catalogue.record(kept(key, "vault", at=START))
    policy = a_policy()
    assert night(catalogue, policy, START + 25 * DAY) == []
    assert reasons(night(catalogue, policy, START + 41 * DAY)) == [("8000", Reason.TURN)]
    catalogue.record([check(key, "vault", at=START + 41 * DAY)])
    assert night(catalogue, policy, START + 105 * DAY) == []
    assert reasons(night(catalogue, policy, START + 121 * DAY)) == [("8000", Reason.TURN)]


def test_replicas_of_one_aip_stand_a_third_of_a_period_apart(catalogue: SqlCatalogue) -> None:
    catalogue.record(kept(an_aip(0), *TIERS, at=START))
    policy, seen = a_policy(TIERS), dict[str, int]()
    for number in range(80):
        for one in night(catalogue, policy, START + number * DAY + timedelta(hours=1)):
            if one.reason is Reason.TURN:
                seen.setdefault(one.turn.tier, number)
    assert [seen[tier] for tier in sorted(TIERS)] == pytest.approx([0, 26, 53], abs=1)


def test_what_is_late_comes_before_whatever_was_ingested(catalogue: SqlCatalogue) -> None:
    for number in range(30):  # a burst whose lots have all come, never audited
        catalogue.record(kept(an_aip(0, number), "vault", at=START - 2 * DAY))
    catalogue.record(audited(an_aip(1), START - 95 * DAY))
    catalogue.record(audited(an_aip(2), START - 99 * DAY))
    first = reasons(night(catalogue, a_policy(), START, octets=2_000))
    assert first == [("0002", Reason.LATE), ("0001", Reason.LATE)]


def test_siblings_of_damage_are_read_at_once_and_then_not_again(catalogue: SqlCatalogue) -> None:
    key = an_aip(HALF)
    catalogue.record(kept(key, *TIERS, at=START))
    found = START + 10 * DAY
    catalogue.record([check(key, "mirror", "altered", found), finding(key, "mirror", found)])
    policy = a_policy(TIERS)
    chosen = night(catalogue, policy, found)
    assert {(one.turn.tier, one.reason) for one in chosen} == {
        ("vault", Reason.SIBLING),
        ("deep", Reason.SIBLING),
    }
    later = found + timedelta(minutes=1)
    catalogue.record([check(key, tier, at=later) for tier in ("vault", "deep")])
    assert night(catalogue, policy, later) == []


def test_what_was_never_read_back_and_what_was_checked_too_weakly_is_due(
    catalogue: SqlCatalogue,
) -> None:
    unread, weak = an_aip(HALF, 1), an_aip(HALF, 2)
    catalogue.record([ingestion(unread), replication(unread)])
    catalogue.record([ingestion(weak), replication(weak), check(weak, level="E2")])
    chosen = night(catalogue, a_policy(), START + DAY)
    assert [one.reason for one in chosen] == [Reason.UNREAD, Reason.WEAK]


def test_a_wave_of_deadlines_is_flattened_by_even_shares(catalogue: SqlCatalogue) -> None:
    for number in range(150):
        catalogue.record(audited(an_aip(number), START - number * timedelta(minutes=1)))
    policy = a_policy()
    assert night(catalogue, policy, START + 60 * DAY) == []  # too early to bring forward
    chosen = night(catalogue, policy, START + 72 * DAY)
    assert Counter(one.reason for one in chosen) == {Reason.SHARE: 2}  # 150 in 80 nights


def test_the_budget_is_spent_on_the_tier_that_is_worse_off(catalogue: SqlCatalogue) -> None:
    one, two = an_aip(1), an_aip(2)
    catalogue.record(audited(one, START - 91 * DAY, "vault"))
    catalogue.record(audited(two, START - 98 * DAY, "mirror"))
    chosen = night(catalogue, a_policy(TIERS), START, octets=1_000)
    assert [one.turn.tier for one in chosen] == ["mirror"]


def test_a_replica_larger_than_the_budget_is_read_when_it_comes_up(
    catalogue: SqlCatalogue,
) -> None:
    for number in (1, 2):
        catalogue.record(audited(an_aip(number), START - (100 - number) * DAY))
    assert len(night(catalogue, a_policy(), START, octets=999)) == 1
    assert len(night(catalogue, a_policy(), START, octets=1_999)) == 1
    assert len(night(catalogue, a_policy(), START, octets=2_000)) == 2


def test_requests_and_money_bound_a_night_as_octets_do(catalogue: SqlCatalogue) -> None:
    for number in range(10):
        catalogue.record(audited(an_aip(number), START - 99 * DAY))
    policy = a_policy(requests=12)
    bucket = replace(policy.tiers["vault"], kind="s3")
    assert len(night(catalogue, replace(policy, tiers={"vault": bucket}), START)) == 3
    priced = replace(bucket, kind="local", read=Price.parse("1000 EUR per GB"))
    policy = replace(a_policy(money=(Decimal("0.005"), "EUR")), tiers={"vault": priced})
    assert len(night(catalogue, policy, START)) == 5


def test_a_tier_that_costs_too_much_keeps_no_other_from_being_read(
    catalogue: SqlCatalogue,
) -> None:
    """Its replicas are the most pressing, and one costs more than a night may: the rest goes on."""
    for number in (1, 2):
        catalogue.record(audited(an_aip(number), START - 200 * DAY, "deep"))
        catalogue.record(audited(an_aip(number + 2), START - 95 * DAY))
    policy = a_policy(("vault", "deep"), money=(Decimal("0.01"), "USD"))
    dear = replace(policy.tiers["deep"], read=Price(Decimal(1), "USD", 1))
    policy = replace(policy, tiers={**policy.tiers, "deep": dear})
    assert {one.turn.tier for one in night(catalogue, policy, START)} == {"vault"}
    assert len(night(catalogue, policy, START)) == 2


def sampling(catalogue: SqlCatalogue) -> Policy:
    """Forty replicas that were audited lately, seven of which are drawn each month."""
    for number in range(40):
        catalogue.record(audited(an_aip(HALF, number), START - 40 * DAY))
    policy = a_policy()
    rule = replace(policy.audit.tiers["vault"], sample=7, every=30 * DAY)
    return replace(policy, audit=replace(policy.audit, tiers={"vault": rule}))


def test_a_sample_is_drawn_once_in_its_span_and_read_to_its_end(catalogue: SqlCatalogue) -> None:
    policy = sampling(catalogue)
    drawn = night(catalogue, policy, START)
    assert [one.reason for one in drawn] == [Reason.SAMPLE] * 7
    items = [(one.turn.aip, one.turn.version) for one in drawn]
    assert len(set(items)) == 7
    catalogue.drawings.keep("silk-road", "vault", START, items)
    catalogue.record([check(VersionKey("silk-road", *items[0]), at=START + timedelta(minutes=1))])
    later = night(catalogue, policy, START + timedelta(hours=1))
    assert {(one.turn.aip, one.turn.version) for one in later} == set(items[1:])
    for item in items[1:]:
        catalogue.record([check(VersionKey("silk-road", *item), at=START + timedelta(hours=2))])
    assert night(catalogue, policy, START + timedelta(hours=3)) == []
    assert len(night(catalogue, policy, START + 30 * DAY)) == 7


def test_another_check_on_the_tier_is_no_sample(catalogue: SqlCatalogue) -> None:
    policy = sampling(catalogue)
    catalogue.record([check(an_aip(HALF, 3), at=START - timedelta(minutes=1))])
    assert [one.reason for one in night(catalogue, policy, START)] == [Reason.SAMPLE] * 7


def test_an_aim_narrows_by_format_day_and_lot(catalogue: SqlCatalogue) -> None:
    csv = {"puid": "x-fmt/18", "mime": "text/csv", "name": "CSV", "files": 1, "bytes": 1}
    for number in range(6):
        at = START + number * DAY
        more = {"formats": [csv]} if number % 2 else {}
        key = an_aip(HALF, number)
        catalogue.record([ingestion(key, at=at, **more), replication(key, at=at)])

    def meant(**aim: Any) -> int:
        turns = catalogue.turns
        walked = list(turns.aimed("silk-road", "vault", Aim(**aim)))
        assert len(walked) == turns.meant("silk-road", "vault", Aim(**aim))
        return len(walked)

    assert meant() == 6
    assert meant(format="text/csv") == meant(format="x-fmt/18") == 3
    assert meant(since=START.date() + 4 * DAY) == 2
    assert meant(aip=an_aip(HALF, 3).aip, format="fmt/18") == 0
    assert len(catalogue.turns.drawn("silk-road", "vault", Aim(format="text/csv"), 2)) == 2


def test_a_walk_is_whole_over_many_pages(
    catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("preservation.catalogue.turns.PAGE", 3)
    for number in range(11):
        catalogue.record(audited(an_aip(number), START - number // 4 * DAY))
    walked = [turn.aip[:4] for turn in catalogue.turns.aimed("silk-road", "vault", Aim())]
    assert len(set(walked)) == len(walked) == 11


def test_the_even_share_is_at_least_one_period_s_part() -> None:
    rhythm = Rhythm(100 * DAY, DAY, 0)
    assert (rhythm.share(80), rhythm.share(81), rhythm.share(0)) == (1, 2, 0)
    assert Rhythm(DAY, 7 * DAY, 0).share(10) == 10
    assert rhythm.share(80 * 10**18) == 10**18  # an exabyte is no more than a number


def test_the_longest_age_that_a_policy_can_say_has_turns_too() -> None:
    rhythm = Rhythm(timedelta(days=99 * 365.25), DAY, 0)
    assert rhythm.turn(START, True, 65_535) < START + rhythm.period
    assert rhythm.turn(START, True, 0) == START
