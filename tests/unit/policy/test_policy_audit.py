"""What a policy says about audits: what a night may spend, and samples between full passes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from preservation.policy.check import check
from preservation.policy.compare import compare
from preservation.policy.policy import Policy

_PRICED = "technology: disk, cost: {read: 0.01 USD per GB}}"


def test_what_a_night_may_spend_is_without_bound_until_somebody_says_one(
    files: dict[str, str],
) -> None:
    before = Policy.from_effective(check(files).require().effective["notes"]).audit
    files["baseline.yaml"] = files["baseline.yaml"].replace(
        "audit:\n",
        "audit:\n  rate: 50 MiB\n  hours: 8h\n  requests: 10000\n  money: 5.50 EUR\n",
    )
    after = Policy.from_effective(check(files).require().effective["notes"]).audit

    assert (before.rate, before.hours, before.requests, before.money) == (0, timedelta(0), 0, None)
    assert (after.rate, after.hours) == (50 * 1024**2, timedelta(hours=8))
    assert (after.requests, after.money) == (10_000, (Decimal("5.50"), "EUR"))


def test_what_is_read_in_parts_is_at_least_work_for_a_worker(files: dict[str, str]) -> None:
    plain = Policy.from_effective(check(files).require().effective["notes"]).audit
    files["notes.yaml"] += "audit: {split_above: 1 GiB}\n"
    said = Policy.from_effective(check(files).require().effective["notes"]).audit
    files["notes.yaml"] = files["notes.yaml"].replace("1 GiB}", "999 KiB}")
    problems = [str(one) for one in check(files).problems]

    assert (plain.split_above, said.split_above) == (64 * 1024**3, 1024**3)
    assert len(problems) == 1
    assert 'audit.split_above: found "999 KiB"' in problems[0]


def test_money_in_a_currency_that_no_price_is_in_could_not_be_obeyed(files: dict[str, str]) -> None:
    files["tiers.yaml"] = files["tiers.yaml"].replace("technology: disk}", _PRICED)
    files["notes.yaml"] += "audit: {money: 5 EUR}\n"
    problems = [str(one) for one in check(files).problems]

    assert problems
    assert all("audit.money: found 5 EUR; allowed: an amount in USD" in one for one in problems)


def test_a_smaller_or_rarer_sample_weakens_what_was_promised(files: dict[str, str]) -> None:
    rule = "mirror: {max_age: 90d, sample: 300, every: 30d}"
    files["baseline.yaml"] = files["baseline.yaml"].replace("mirror: {max_age: 90d}", rule)
    strong = check(files).require().effective["notes"]
    files["baseline.yaml"] = files["baseline.yaml"].replace("300, every: 30d", "200, every: 60d")
    weak = check(files).require().effective["notes"]

    assert Policy.from_effective(strong).audit.tiers["mirror"].sample == 300
    told = {change.path: change.weakening for change in compare(strong, weak)}
    assert told == {"audit.tiers.mirror.sample": True, "audit.tiers.mirror.every": True}
    assert not any(change.weakening for change in compare(weak, strong))
