"""Words that YAML takes for truth values, and words for people that are made of values."""

from __future__ import annotations

import pytest

from preservation.model.virus_scan import Demand
from preservation.policy.check import check
from preservation.policy.policy import Policy

TIERS = "version: 1\ntiers:\n" + "".join(
    f"  {name}: {{kind: local, path: t/{name}, site: a, operator: b, technology: c}}\n"
    for name in ("vault", "mirror")
)
BASELINE = (
    "version: 1\ncontact: us\n"
    "audit: {tiers: {vault: {level: E3, max_age: 90d}, mirror: {level: E3, max_age: 90d}}}\n"
)
NOTES = (
    "version: 1\ncommunity: notes\ntitle: {en: Notes}\n"
    "replicas: [{tier: vault, packaging: folder}, {tier: mirror, packaging: folder}]\n"
)


def policy(intake: str) -> Policy:
    files = {"tiers.yaml": TIERS, "baseline.yaml": BASELINE, "notes.yaml": NOTES + intake}
    return Policy.from_effective(check(files).require().effective["notes"])


def test_nothing_said_checks_formats_and_scans_for_no_virus():
    intake = policy("").intake
    assert intake.formats.check is True
    assert intake.virus_scan is Demand.OFF


@pytest.mark.parametrize("word", ["off", '"off"', "false", "no"])
def test_off_needs_no_quotes(word):
    intake = policy(f"intake: {{virus_scan: {word}, formats: {{check: {word}}}}}\n").intake
    assert intake.formats.check is False
    assert intake.virus_scan is Demand.OFF


def test_on_needs_no_quotes_and_required_is_required():
    intake = policy("intake: {virus_scan: required, formats: {check: on}}\n").intake
    assert intake.formats.check is True
    assert intake.virus_scan is Demand.REQUIRED


@pytest.mark.parametrize(
    ("complete", "told"),
    [
        ("{marker: READY}", "holds a file named READY"),
        ("{quiet: 15m}", "has lain unchanged for 15m"),
        ("{quiet: 0s}", "is seen lying still"),
    ],
)
def test_people_are_told_when_a_deposit_is_complete(complete, told):
    assert policy(f"intake: {{complete: {complete}}}\n").intake.completion == told


def test_on_is_no_word_for_a_scan():
    files = {"tiers.yaml": TIERS, "baseline.yaml": BASELINE}
    files["notes.yaml"] = NOTES + "intake: {virus_scan: on}\n"
    told = [str(problem) for problem in check(files).problems]
    assert len(told) == 1
    assert "intake.virus_scan" in told[0]
    assert "required, when-available or off" in told[0]
