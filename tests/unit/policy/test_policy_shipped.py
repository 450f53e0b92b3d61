"""The policies that are shipped, and the pages that are made from the language."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from preservation.formats.groups import known_groups
from preservation.policy.advice import advice
from preservation.policy.check import check
from preservation.policy.loss_inputs import Rates, model_of
from preservation.policy.policy import Policy

ROOT = Path(__file__).resolve().parents[3]
RATES = ROOT / "preservation" / "policy" / "fault_rates.yaml"
SHIPPED = sorted((ROOT / "policies").glob("*.yaml"))
STRICT = sorted((ROOT / "examples" / "policies" / "strict").glob("*.yaml"))


def test_the_shipped_policies_are_right() -> None:
    checked = check({path.name: path.read_bytes() for path in SHIPPED}, known_groups()).require()

    road = Policy.from_effective(checked.effective["silk-road"])
    notes = Policy.from_effective(checked.effective["field-notes"])
    assert set(road.title) == {"en", "zh", "ru", "uz"}
    assert road.intake.lineage == ("doi", "cstr")
    assert [rule.tier for rule in road.replicas] == ["vault", "mirror", "deep"]
    assert road.minimum.replicas == 3
    assert road.access.embargo == timedelta(days=30)
    assert [rule.tier for rule in notes.replicas] == ["vault", "mirror"]


def test_the_strict_example_is_right_and_loses_far_less_than_the_minimal_one() -> None:
    groups = known_groups()
    strict, minimal = (
        check({path.name: path.read_bytes() for path in paths}, groups).require().effective
        for paths in (STRICT, SHIPPED)
    )
    rates = Rates.parse(yaml.safe_load(RATES.read_text(encoding="utf-8")))
    heritage, notes = (
        Policy.from_effective(one) for one in (strict["heritage"], minimal["field-notes"])
    )
    assert heritage.tiers["vault"].immutable
    assert heritage.retention.approvals == 2
    one_disk = dict.fromkeys(notes.tiers, "device 8:0 on a laptop")

    kept = model_of(heritage, {}, rates, rates.aip_bytes).yearly
    assert kept * 1000 < model_of(notes, one_disk, rates, rates.aip_bytes).yearly
    assert advice(strict) == []


@pytest.mark.parametrize("path", [*SHIPPED, *STRICT], ids=lambda path: path.name)
def test_each_shipped_file_names_the_schema_that_accepts_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    schema = json.loads((path.parent / named).read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(text))


def test_the_reference_and_the_schemas_are_up_to_date() -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate" / "policy.py", "--check"],
        capture_output=True,
        text=True,
    )

    assert (ran.returncode, ran.stdout) == (0, "")
