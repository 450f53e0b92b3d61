"""Each promise of a policy with its verdict, how many it is broken for, by how much, since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from homes import Archive

from preservation.app.promised import Promised, promised
from preservation.catalogue.figures import Holdings
from preservation.catalogue.promises import Broken, Standing, TierStanding
from preservation.policy.policy import Policy

NOW = datetime(2030, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _tier(name: str, replicas: int, **broken: int) -> TierStanding:
    counts = {"damaged": 0, "octets": 0, "overdue": 0, "weak": 0, "late": 0, "unverified": 0}
    counts |= broken
    counts |= {"replicas": replicas, "verified": replicas - counts["unverified"]}
    return TierStanding(tier=name, oldest_check=None, **counts)


def _broken(code: str, tier: str, ago: timedelta, lacking: int = 0) -> Broken:
    return Broken(code, "a deposit", "", 1, tier, NOW - ago, ago, lacking, "do something")


def _standing(*broken: Broken, tiers: tuple[TierStanding, ...], **totals: int) -> Standing:
    held = Holdings(12, 12, 12, 12)
    counts = {f"STD-{code}": count for code, count in totals.items()}
    return Standing(
        "notes", NOW, "sha256:0", held, 10, {}, tiers, {"error": 2}, broken, counts, "", None
    )


@pytest.fixture
def policy(archive: Archive) -> Policy:
    with archive.opened() as (_, policy):
        return policy


def test_every_promise_has_a_verdict_with_how_much_it_lacks_and_since_when(policy: Policy) -> None:
    standing = _standing(
        _broken("STD-REPLICAS", "", 40 * DAY, lacking=2),
        _broken("STD-LATE", "deep", 3 * DAY),
        _broken("STD-OVERDUE", "vault", 400 * DAY),
        _broken("STD-OVERDUE", "mirror", 2 * DAY),
        tiers=(_tier("vault", 12, overdue=1), _tier("mirror", 12, overdue=4),
               _tier("deep", 1, late=9, unverified=1)),
        REPLICAS=3, LATE=9, UNVERIFIED=1, OVERDUE=5,
    )  # fmt: skip

    found = {one.words: one for one in promised(policy, standing)}

    told = {words: one.how_much(NOW) for words, one in found.items() if one.broken}
    assert told == {
        "2 verified replicas at least": "3 of 10, 2 too few, for 40 days",
        "a tar on deep within 1 day, read back": "10 of 10, for 3 days",
        "a check on vault every 90 days": "1 of 12, for 400 days",
        "a check on mirror every 90 days": "4 of 12, for 2 days",
        "no finding stays open": "2",
    }
    assert found["a folder on vault within 1 day, read back"].verdict == "kept"
    assert promised(policy, replace(standing, findings={}))[-1].verdict == "kept"
    assert found["so that we can say of deep: “we read it”"].verdict == "kept"


def test_a_replica_that_is_not_there_and_not_due_proves_nothing(policy: Policy) -> None:
    standing = _standing(tiers=(_tier("vault", 12), _tier("mirror", 5), _tier("deep", 0)))

    found = {one.words: (one.verdict, one.judged) for one in promised(policy, standing)}

    assert found["a folder on vault within 1 day, read back"] == ("kept", 12)
    assert found["a tar on deep within 1 day, read back"] == ("nothing to judge", 0)
    assert found["so that we can say of deep: “we read it”"] == ("nothing to judge", 0)


def test_as_a_document_it_says_the_same() -> None:
    one = Promised("a check", ("STD-OVERDUE",), 12, 1, 0, NOW)

    assert one.to_json() == {
        "promise": "a check",
        "codes": ["STD-OVERDUE"],
        "verdict": "broken",
        "judged": 12,
        "broken": 1,
        "lacking": 0,
        "since": "2030-06-01T00:00:00.000000Z",
    }
