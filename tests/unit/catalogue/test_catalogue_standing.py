"""Standing: a broken promise is told with its name, its age and what to do; a kept one is not."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from catalogues import START, a_key, check, finding, ingestion, kept, replication

from preservation.catalogue.promises import Standing
from preservation.catalogue.sql import SqlCatalogue
from preservation.catalogue.standing import LISTED, standing
from preservation.policy.policy import Policy
from preservation.policy.terms import EVER, Governed, Past

DAY = timedelta(days=1)
OBSERVED = {"vault": "disk 1", "mirror": "disk 2", "deep": "disk 3"}


def a_policy(**changes: Any) -> Policy:
    """Three replicas in an hour, a day and a week; two verified ones at any time."""
    tier = {"kind": "local", "path": "x", "operator": "us", "technology": "disk"}
    day = 86_400
    document = {
        "community": "silk-road",
        "title": {"en": "Silk Road"},
        "contact": "a@b",
        "tiers": {
            "vault": {**tier, "site": "Samarkand"},
            "mirror": {**tier, "site": "Tashkent"},
            "deep": {**tier, "site": "Tashkent"},
        },
        "intake": {
            "inbox": "inbox",
            "complete": {"marker": "", "quiet": 60},
            "schedule": "0 * * * *",
            "timezone": "UTC",
            "limits": {
                "files": 1, "octets": 1, "file_octets": 1, "path_octets": 1, "depth": 1, "ratio": 1,
            },
            "lineage": [],
            "algorithms": ["sha256"],
            "formats": {"preferred": [], "refused": [], "unidentified": "accept"},
        },
        "replicas": [
            {"tier": "vault", "packaging": "folder", "within": day // 24},
            {"tier": "mirror", "packaging": "folder", "within": day},
            {"tier": "deep", "packaging": "tar", "within": 7 * day},
        ],
        "minimum": {"replicas": 2, "failure_domains": 2, "sites": 2},
        "audit": {
            "schedule": "0 1 * * *",
            "timezone": "UTC",
            "budget": 1,
            "tiers": {
                name: {"level": "E3", "max_age": 90 * day} for name in ("vault", "mirror", "deep")
            },
        },
        "repair": {"mode": "automatic", "approvers": []},
    }  # fmt: skip
    return Policy.from_effective(document | changes)


def judge(catalogue: SqlCatalogue, after: timedelta, **how: Any) -> Standing:
    observed = how.pop("observed", OBSERVED)
    return standing(catalogue, a_policy(**how), observed, START + after)


def test_nothing_held_breaks_no_promise(catalogue: SqlCatalogue) -> None:
    found = judge(catalogue, DAY)
    assert found.kept
    assert (found.holdings.versions, found.deadline) == (0, None)
    assert found.to_json()["broken"] == []


def test_of_a_community_that_holds_nothing_no_more_than_three_things_are_asked(
    catalogue: SqlCatalogue,
) -> None:
    asked: list[str] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(catalogue.figures, name)

    standing(SimpleNamespace(figures=Watched()), a_policy(), OBSERVED, START)

    assert sorted(asked) == ["holdings", "open_findings", "tier_counts"]


def test_all_kept_is_kept_and_says_what_is_due_next(catalogue: SqlCatalogue) -> None:
    catalogue.record(kept(a_key(), "vault", "mirror", "deep"))
    found = judge(catalogue, 8 * DAY)
    (named,) = catalogue.versions()
    assert found.kept
    assert found.covered == {("deep", "mirror", "vault"): 1}
    assert found.deadline is not None
    assert (found.deadline.at, found.deadline.what) == (START + 90 * DAY, "check")
    subject = (
        f"{named.title} ({named.key}) on {found.deadline.tier}"  # as the audit's report says it
    )
    assert found.deadline.subject == subject
    assert [(tier.verified, tier.overdue, tier.oldest_check) for tier in found.tiers] == [
        (1, 0, START)
    ] * 3


def test_a_new_deposit_is_no_broken_promise_but_a_deadline(catalogue: SqlCatalogue) -> None:
    catalogue.record(kept(a_key(), "vault"))
    found = judge(catalogue, DAY / 2)
    assert found.kept
    assert found.settled == 0
    assert found.deadline is not None
    assert (found.deadline.at, found.deadline.tier) == (START + DAY, "mirror")


def test_a_replica_that_is_late_is_named_with_its_age(catalogue: SqlCatalogue) -> None:
    catalogue.record(kept(a_key(), "vault"))
    found = judge(catalogue, 3 * DAY)
    assert found.totals == {"STD-DOMAINS": 1, "STD-LATE": 1, "STD-REPLICAS": 1, "STD-SITES": 1}
    late = next(broken for broken in found.broken if broken.code == "STD-LATE")
    assert (late.tier, late.since, late.by) == ("mirror", START + DAY, 2 * DAY)
    assert "Afrasiab" in late.subject
    short = next(broken for broken in found.broken if broken.code == "STD-REPLICAS")
    assert (short.lacking, short.since) == (1, START + DAY)
    assert "preserve replicate" in short.next_step


def _promised(later: timedelta, former: dict[str, Any], **now: Any) -> Past:
    """A policy that governs since a moment, and the one before it, ever since."""
    return lambda: [Governed(START + later, a_policy(**now)), Governed(EVER, a_policy(**former))]


def test_what_a_later_policy_promises_is_due_after_it_and_broken_since_then(
    catalogue: SqlCatalogue,
) -> None:
    catalogue.record(kept(a_key(), "vault", "mirror"))
    two = {"replicas": a_policy().document["replicas"][:2]}
    past = _promised(100 * DAY, two)

    def judged(after: timedelta) -> Standing:
        audit = a_policy().document["audit"] | {"tiers": {}}
        return standing(catalogue, a_policy(audit=audit), OBSERVED, START + after, past)

    new = judged(101 * DAY)
    assert new.kept
    assert new.deadline is not None
    assert (new.deadline.tier, new.deadline.at) == ("deep", START + 107 * DAY)

    (late,) = judged(110 * DAY).broken
    assert (late.code, late.tier, late.since) == ("STD-LATE", "deep", START + 107 * DAY)


def test_a_minimum_and_an_age_that_were_raised_are_broken_since_then(
    catalogue: SqlCatalogue,
) -> None:
    catalogue.record(kept(a_key(), "vault", "mirror", "deep"))
    ages = {name: {"level": "E3", "max_age": 30 * 86_400} for name in ("vault", "mirror", "deep")}
    stricter = {
        "minimum": {"replicas": 4, "failure_domains": 2, "sites": 2},
        "audit": a_policy().document["audit"] | {"tiers": ages},
    }
    past = _promised(50 * DAY, {}, **stricter)

    found = standing(catalogue, a_policy(**stricter), OBSERVED, START + 60 * DAY, past)

    since = {broken.code: broken.since for broken in found.broken}
    assert since == dict.fromkeys(("STD-OVERDUE", "STD-REPLICAS"), START + 50 * DAY)


def test_a_replica_counts_only_after_it_was_read_back(catalogue: SqlCatalogue) -> None:
    """Invariant 3."""
    catalogue.record([*kept(a_key(), "vault", "deep"), replication(a_key(), "mirror")])
    found = judge(catalogue, 2 * DAY, minimum={"replicas": 3, "failure_domains": 1, "sites": 1})
    assert found.totals == {"STD-UNVERIFIED": 1}
    found = judge(catalogue, 8 * DAY, minimum={"replicas": 3, "failure_domains": 1, "sites": 1})
    assert found.totals == {"STD-REPLICAS": 1, "STD-UNVERIFIED": 1}


def test_damage_is_told_from_the_moment_it_was_found(catalogue: SqlCatalogue) -> None:
    catalogue.record(kept(a_key(), "vault", "mirror"))
    catalogue.record([check(a_key(), "mirror", "altered", at=START + 5 * DAY)])
    found = judge(catalogue, 6 * DAY)
    assert found.totals["STD-DAMAGED"] == found.totals["STD-REPLICAS"] == 1
    short = next(broken for broken in found.broken if broken.code == "STD-REPLICAS")
    assert (short.since, short.by) == (START + 5 * DAY, DAY)
    assert "preserve repair" in short.next_step


def test_two_tiers_on_one_disk_are_one_failure_domain(catalogue: SqlCatalogue) -> None:
    """Invariant 10."""
    catalogue.record(kept(a_key(), "vault", "mirror", "deep"))
    found = judge(catalogue, 8 * DAY, observed=dict.fromkeys(OBSERVED, "disk 1"))
    assert found.totals == {"STD-DOMAINS": 1}
    assert "independent" in found.broken[0].next_step


def test_a_tier_that_cannot_be_looked_at_is_one_broken_promise(catalogue: SqlCatalogue) -> None:
    keys = [a_key(number) for number in range(1, 6)]
    catalogue.record([event for key in keys for event in kept(key, "vault", "mirror", "deep")])
    found = judge(catalogue, 8 * DAY, observed={"vault": "disk 1", "mirror": "disk 2"})
    assert found.totals == {"STD-UNOBSERVED": 1}
    assert not found.kept


@pytest.mark.parametrize(
    ("level", "after", "code"), [("E3", 91 * DAY, "STD-OVERDUE"), ("E1", 9 * DAY, "STD-WEAK")]
)
def test_evidence_too_old_or_too_weak_is_told(
    catalogue: SqlCatalogue, level: str, after: timedelta, code: str
) -> None:
    catalogue.record(kept(a_key(), "vault", "mirror", "deep"))
    fresh = START + min(after, 60 * DAY)
    catalogue.record([check(a_key(), tier, at=fresh) for tier in ("mirror", "deep")])
    catalogue.record([check(a_key(), "vault", at=START, level=level)])
    found = judge(catalogue, after)
    assert found.totals == {code: 1}
    assert (found.broken[0].tier, found.broken[0].code) == ("vault", code)
    assert found.broken[0].by == (DAY if code == "STD-OVERDUE" else after)


def test_all_digests_not_compared_in_time_are_told_once_a_check_could_have(
    catalogue: SqlCatalogue,
) -> None:
    catalogue.record([*kept(a_key(1), "vault"), *kept(a_key(2), "vault")])
    catalogue.record([check(a_key(1), "vault", at=START + 50 * DAY, all_digests=True)])
    catalogue.record([check(a_key(2), "vault", at=START + 50 * DAY)])  # by SHA-256 alone
    rule = {"level": "E3", "max_age": 90 * 86_400}
    asked = {"tiers": {"vault": {**rule, "all_digests": 100 * 86_400}}}
    audit = {"schedule": "0 1 * * *", "timezone": "UTC", "budget": 1, **asked}
    by_policy: dict[str, Any] = {
        "audit": audit,
        "replicas": [{"tier": "vault", "packaging": "folder", "within": 3600}],
        "minimum": {"replicas": 1, "failure_domains": 1, "sites": 1},
    }
    assert judge(catalogue, 100 * DAY, **by_policy).kept
    found = judge(catalogue, 101 * DAY, **by_policy)
    assert found.totals == {"STD-DIGESTS": 1}
    (broken,) = found.broken
    assert (broken.aip, broken.by) == (a_key(2).aip, DAY)
    assert [tier.part_compared for tier in found.tiers] == [1]

    policy, now = a_policy(**by_policy), START + 101 * DAY
    since = [Governed(now - 89 * DAY, policy), Governed(EVER, a_policy())]
    assert standing(catalogue, policy, OBSERVED, now, lambda: since).kept
    since[0] = Governed(now - 90 * DAY, policy)
    late = standing(catalogue, policy, OBSERVED, now, lambda: since)
    assert (late.totals, late.broken[0].by) == ({"STD-DIGESTS": 1}, timedelta())


def test_a_warning_alone_does_not_redden(catalogue: SqlCatalogue) -> None:
    catalogue.record([*kept(a_key(), "vault", "mirror", "deep")])
    catalogue.record([finding(a_key(), severity="warning")])
    assert judge(catalogue, 8 * DAY).kept
    catalogue.record([finding(a_key(), severity="error")])
    found = judge(catalogue, 8 * DAY)
    assert (found.kept, found.open_findings) == (False, 1)
    assert found.findings == {"error": 1, "warning": 1}


def test_lists_are_capped_and_totals_are_whole(catalogue: SqlCatalogue) -> None:
    keys = [a_key(number) for number in range(1, LISTED + 51)]
    catalogue.record([event for key in keys for event in kept(key, "vault", "mirror")])
    catalogue.record([ingestion(a_key(1, community="field-notes"))])
    found = judge(catalogue, 30 * DAY)
    assert found.totals == {"STD-LATE": LISTED + 50}
    assert len(found.broken) == LISTED
    assert found.holdings.versions == LISTED + 50
