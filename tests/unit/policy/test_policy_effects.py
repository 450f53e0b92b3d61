"""What a change does to what is held, from counts alone; and when a plan is stale."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from preservation.errors import MalformedError
from preservation.model.canonical import canonical, digest_of
from preservation.policy.check import check
from preservation.policy.compare import compare
from preservation.policy.effects import Effects, Held, HeldFormat, Kept
from preservation.policy.feasible import feasibility, longest_gap, runs_in_a_year
from preservation.policy.foresight import effects
from preservation.policy.independence import Independence
from preservation.policy.plan import Plan, Proposal
from preservation.policy.policy import Policy
from preservation.policy.price import Cost, Price
from preservation.policy.spelled import spelled, summary

GB = 10**9
ATTIC = (
    "  attic: {kind: local, path: tiers/attic, site: Khiva, operator: us, technology: tape,\n"
    "    cost: {stored: 12 EUR per TB and year, read: 0.01 EUR per GB}}\n"
)
APART = {"vault": "device 8:0 on a", "mirror": "device 8:0 on b", "attic": "server c"}
BOTH = frozenset({"vault", "mirror"})
SOME = Held(
    aips=10,
    versions=10,
    octets=10 * GB,
    kept=[
        Kept(BOTH, BOTH, 7, 7 * GB),
        Kept(BOTH, frozenset({"vault"}), 2, 2 * GB),
        Kept(frozenset(), frozenset(), 1, GB),
    ],
    overdue={"vault": (1, 4)},
    formats=[
        HeldFormat("fmt/40", "application/msword", "Word", 5, 50, 3),
        HeldFormat("x-fmt/18", "text/csv", "CSV", 9, 90, 4),
        HeldFormat("", "", "", 2, 20, 1),
    ],
)


def _policy(files: dict[str, str], *changes: tuple[str, str]) -> Policy:
    files = {**files, "tiers.yaml": files["tiers.yaml"] + ATTIC}
    files["baseline.yaml"] = files["baseline.yaml"].replace(
        "    mirror:", "    attic: {max_age: 1y}\n    mirror:"
    )
    for old, new in changes:
        assert any(old in text for text in files.values()), old
        files = {name: text.replace(old, new) for name, text in files.items()}
    return Policy.from_effective(check(files).require().effective["notes"])


MOVED = ("tier: mirror, packaging: tar", "tier: attic, packaging: tar")


def test_replicas_are_made_and_retired_tier_by_tier_with_their_cost(files: dict[str, str]) -> None:
    found = effects(_policy(files), _policy(files, MOVED), SOME, APART)

    assert [(m.tier, m.replicas, m.octets, m.already) for m in found.making] == [
        ("vault", 1, GB, 1),
        ("attic", 10, 10 * GB, 0),
    ]
    assert str(found.making[1].stored) == "0.12 EUR"
    assert [(r.tier, r.replicas) for r in found.retiring] == [("mirror", 9)]
    assert found.retiring[0].stored.unpriced == 9 * GB
    assert not found.checked_before
    assert str(found.stored_after) == "0.12 EUR and no price said for 9.3 GiB"
    assert str(found.checked_after) == "0.10 EUR"  # everything on the attic is read once a year


def test_versions_that_fall_below_the_minimum_are_told_apart_from_those_that_are_already(
    files: dict[str, str],
) -> None:
    found = effects(_policy(files), _policy(files, MOVED), SOME, APART).compliance

    assert (found.before, found.after, found.falling, found.reachable) == (3, 10, 7, True)


def test_a_minimum_that_no_replica_can_reach_is_told(files: dict[str, str]) -> None:
    one_host = {"vault": "device 8:0 on a", "mirror": "device 8:1 on a"}
    strict = _policy(files, ("sites: 2}", "sites: 2, failure_domains: 2}"))

    assert not effects(None, strict, SOME, one_host).compliance.reachable
    assert effects(None, strict, SOME, APART).compliance.reachable


def test_deadlines_that_move_are_told_with_what_is_overdue_at_once(files: dict[str, str]) -> None:
    new = _policy(files, ("vault: {level: E3, max_age: 90d}", "vault: {level: E3, max_age: 30d}"))

    (moving,) = effects(_policy(files), new, SOME, APART).moving

    day = 86400
    assert (moving.tier, moving.before, moving.after) == ("vault", 90 * day, 30 * day)
    assert (moving.overdue_before, moving.overdue_after) == (1, 4)


def test_only_formats_that_were_welcome_before_are_newly_refused(files: dict[str, str]) -> None:
    intake = "minimum: {replicas: 2, s", "intake: {{formats: {}}}\nminimum: {{replicas: 2, s"
    old = _policy(files, (intake[0], intake[1].format("{refused: [fmt/40]}")))
    rules = "{refused: [fmt/40, text/csv], unidentified: refuse}"
    new = _policy(files, (intake[0], intake[1].format(rules)))

    assert [one.name for one in effects(old, new, SOME, APART).refused] == ["CSV", ""]


def test_the_same_device_host_or_credential_is_one_failure_domain(files: dict[str, str]) -> None:
    policy = _policy(files)
    tiers = ("vault", "mirror")

    def told(vault: str, mirror: str) -> str:
        return Independence(policy, {"vault": vault, "mirror": mirror}).sentence(tiers)

    assert told("device 8:0 on a", "device 8:0 on a") == (
        "2 replicas in 1 failure domain at 2 sites: one disk failure loses all (device 8:0 on a)"
    )
    assert told("device 8:0 on a", "memory of a").endswith("one lost host loses all (host a)")
    assert told("server n", "server n").endswith("one lost server loses all (server n)")
    assert (
        told("device 8:0 on a", "device 8:0 on b") == "2 replicas in 2 failure domains at 2 sites"
    )
    assert told("device 8:0 on a", "") == (
        "2 replicas in at most 2 failure domains at 2 sites (mirror not observed)"
    )
    assert Independence(policy, {}).counts(tiers) == (2, 2, 2)
    keys = {name: replace(spec, credential="ours") for name, spec in policy.tiers.items()}
    shared = Independence(replace(policy, tiers=keys), {}).sentence(tiers)
    assert shared.endswith("one credential in wrong hands loses all (credential ours)")


def test_what_a_budget_can_meet_follows_from_bytes_ages_and_schedule() -> None:
    octets, ages = {"vault": 900 * GB}, {"vault": timedelta(days=90)}

    enough = feasibility(octets, ages, "0 2 * * *", 12 * GB)
    weekly = feasibility(octets, ages, "0 2 * * sun", 12 * GB)

    assert 11 * GB < enough.needed < 12 * GB
    assert enough.met
    assert not weekly.met
    assert 640 < weekly.percent < 660


@pytest.mark.parametrize(
    ("schedule", "runs", "gap"),
    [
        ("0 2 * * *", 365, timedelta(days=1)),
        ("*/15 * * * *", 35064, timedelta(minutes=15)),
        ("0 2 * * sun", 52, timedelta(days=7)),
        ("0 2 1,15 * *", 24, timedelta(days=17)),
        ("0 8-18 * * mon-fri", 2871, timedelta(days=2, hours=14)),
        ("0 0 29 2 *", 1, timedelta(days=1461)),
    ],
)
def test_how_often_a_schedule_comes(schedule: str, runs: int, gap: timedelta) -> None:
    assert (runs_in_a_year(schedule), longest_gap(schedule)) == (runs, gap)


def test_money_is_exact_and_currencies_are_never_added() -> None:
    monthly = Price.parse("0.02 USD per GB and month")

    cost = Cost.total([Cost.of(monthly, 1000 * GB), Cost.of(Price.parse("0.01 EUR per GB"), GB)])
    cost.add(None, 2048)

    assert str(cost) == "0.01 EUR and 240.00 USD and no price said for 2.0 KiB"
    assert cost.to_json() == {
        "sums": {"EUR": "0.01", "USD": "240.00"},
        "unpriced_bytes": 2048,
    }


def _plan(files: dict[str, str], held: Held = SOME) -> Plan:
    old, new = _policy(files), _policy(files, MOVED)
    did: Effects = effects(old, new, held, APART)
    changes = tuple(compare(old.document, new.document))
    digests = (digest_of(new.document), digest_of(old.document))
    proposal = Proposal("notes", "Notes", *digests, changes, 10, 10, 10 * GB, did)
    return Plan(datetime(2026, 11, 22, tzinfo=UTC), {"notes": digests[1]}, (proposal,), ())


def test_a_plan_is_stale_when_what_it_brings_has_grown_by_more_than_a_twentieth(
    files: dict[str, str],
) -> None:
    earlier = _plan(files).to_json()
    more: dict[int, Any] = {
        n: Held(10, 10, 10 * GB, [Kept(BOTH, BOTH, n, n * GB)], {}, []) for n in (10, 12)
    }

    assert _plan(files).outdates(earlier) == []
    assert _plan(files, more[10]).outdates(_plan(files, more[12]).to_json()) == []
    assert _plan(files, more[12]).outdates(_plan(files, more[10]).to_json()) == [
        "notes: replicas to make: 12 now, 10 when it was made",
        "notes: bytes to copy: 12,000,000,000 now, 10,000,000,000 when it was made",
        "notes: replicas not promised any more: 12 now, 10 when it was made",
        "notes: versions falling below the minimum: 12 now, 10 when it was made",
    ]
    assert _plan(files).outdates(earlier | {"in_force": {}}) == ["other policies are in force now"]
    for wrong in ([], {}, {"schema": "x"}, earlier | {"communities": [1]}):
        with pytest.raises(MalformedError):
            _plan(files).outdates(wrong)


def test_a_plan_is_told_in_words_and_kept_as_canonical_json(files: dict[str, str]) -> None:
    plan = _plan(files)

    (part,) = spelled(plan)

    assert "promising less" in summary(plan)
    assert [grid.title for grid in part.grids] == ["What would change", "Replicas"]
    assert any(said.alarming and "above it today: 7" in said.text for said in part.sentences)
    assert canonical(plan.to_json())
