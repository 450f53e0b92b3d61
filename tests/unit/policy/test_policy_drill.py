"""A drill is only where nothing of it stays and nothing of it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from preservation.policy.check import check
from preservation.policy.policy import Policy

DRILL = "drill: {every: 30d, tiers: [mirror]}\n"


def test_nobody_is_drilled_who_did_not_ask(files: dict[str, str]) -> None:
    policy = Policy.from_effective(check(files).require().effective["notes"])
    assert (policy.drill.tiers, policy.drill.every) == ((), timedelta(days=30))


def test_a_drill_names_its_tiers_and_how_often(files: dict[str, str]) -> None:
    files["notes.yaml"] += DRILL.replace("30d", "1w")
    policy = Policy.from_effective(check(files).require().effective["notes"])
    assert (policy.drill.tiers, policy.drill.every) == (("mirror",), timedelta(days=7))


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("cost: {read: 0.01 USD per GB}", "costs something to read"),
        ("retrieval: 12h", "takes time"),
        ("immutable: on", "immutable"),
    ],
)
def test_no_drill_where_something_of_it_would_stay_or_cost(
    files: dict[str, str], what: str, why: str
) -> None:
    files["notes.yaml"] += DRILL
    files["tiers.yaml"] = files["tiers.yaml"].replace(
        "path: tiers/mirror,", f"path: tiers/mirror, {what},"
    )
    told = [str(problem) for problem in check(files).problems]
    assert len(told) == 1
    assert "drill.tiers[0]" in told[0]
    assert why in told[0]


@pytest.mark.parametrize(
    ("kind", "more", "why"),
    [
        ("s3", "lock: {mode: governance, for: 30d}", "locks what is written"),
        ("s3-archive", "retrieval: 12h", "is of kind s3-archive"),
    ],
)
def test_no_drill_in_a_bucket_that_locks_or_recalls(
    files: dict[str, str], kind: str, more: str, why: str
) -> None:
    files["notes.yaml"] += DRILL
    bucket = f"kind: {kind}, bucket: keeping, credential: far, {more},"
    files["tiers.yaml"] = files["tiers.yaml"].replace("kind: local, path: tiers/mirror,", bucket)
    (told,) = [str(problem) for problem in check(files).problems]
    assert "drill.tiers[0]" in told
    assert why in told


def test_no_drill_on_a_tier_that_keeps_nothing_of_the_community(files: dict[str, str]) -> None:
    files["notes.yaml"] += DRILL.replace("mirror", "other")
    files["tiers.yaml"] += (
        "  other: {kind: local, path: t/o, site: a, operator: b, technology: c}\n"
    )
    (told,) = [str(problem) for problem in check(files).problems]
    assert "a tier of this community's replicas" in told
