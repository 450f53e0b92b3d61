"""The model of losses: the closed form, events drawn at random, and the one against the other."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from preservation.errors import UsageError
from preservation.policy.check import check
from preservation.policy.loss import Copy, Group, Model, contributions, told
from preservation.policy.loss_inputs import Rates, assumptions, model_of
from preservation.policy.montecarlo import latent_losses, simulate
from preservation.policy.policy import Policy
from preservation.reports.loss_chart import loss_chart

WEEK = 7 / 365.25
RATES = Path(__file__).resolve().parents[3] / "preservation" / "policy" / "fault_rates.yaml"
DOCUMENT = yaml.safe_load(RATES.read_text(encoding="utf-8"))


def _model(sites: str, age: float = 1.0, rate: float = 1e-4, site: float = 0.005) -> Model:
    """A replica for each letter, at the site of that letter."""
    copies = tuple(Copy(str(n), rate, age, WEEK) for n in range(len(sites)))
    groups = tuple(
        Group(name, frozenset(str(n) for n, at in enumerate(sites) if at == name), site, 0.25)
        for name in sorted(set(sites))
    )
    return Model(copies, groups, 1e-9)


@pytest.mark.parametrize(
    ("sites", "age", "lost"),
    [
        ("a", 1, 5.087e6),
        ("aa", 1, 4.988e6),
        ("ab", 1, 13_155),
        ("ab", 0.25, 12_773),
        ("aab", 1, 12_823),
        # The table's 3.479 and 54.74, and all three sites within one rebuild: 3σ(σD)².
        ("abc", 1, 3.479 + 23.44),
        ("abc", 20, 54.74 + 23.44),
    ],
)
def test_the_closed_form_gives_the_known_table(sites: str, age: float, lost: float) -> None:
    assert _model(sites, age).yearly * 1e9 == pytest.approx(lost, rel=1e-3)


@pytest.mark.parametrize(
    ("copies", "rate", "age"), [(2, 0.01, 1.0), (2, 0.02, 0.25), (3, 0.05, 1.0), (1, 0.002, 1.0)]
)
def test_faults_drawn_one_by_one_lose_what_the_closed_form_says(
    copies: int, rate: float, age: float
) -> None:
    some = [Copy(str(n), rate, age, 0.0) for n in range(copies)]
    aips, years = 300_000, 10.0

    lost = latent_losses(some, aips, years, np.random.default_rng(7))

    expected = Model(tuple(some), (), 0.0).latent * aips * years
    assert expected > 150
    # The start, when all replicas are good, and AIPs that are lost twice, cost a few percent.
    assert lost == pytest.approx(expected, rel=0.08, abs=4 * expected**0.5)


@pytest.mark.parametrize("sites", ["ab", "aab", "abc"])
def test_accidents_drawn_one_by_one_lose_what_the_closed_form_says(sites: str) -> None:
    model = replace(_model(sites, rate=0.05, site=0.01), common=0.0)
    aips, years, trials = 1000, 40.0, 20_000

    spread = simulate(model, aips, years, seed=3, trials=trials)

    expected = (model.latent + model.grouped) * aips * years
    assert spread.mean == pytest.approx(expected, rel=0.2)


def test_three_sites_lost_within_one_rebuild_are_reckoned_with() -> None:
    model = replace(_model("abc", rate=1e-4, site=0.1), common=0.0)
    aips, years, trials = 1000, 40.0, 40_000

    spread = simulate(model, aips, years, seed=3, trials=trials)

    assert spread.mean == pytest.approx(model.yearly * aips * years, rel=0.2)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    model = _model("ab", site=0.1)

    assert simulate(model, 1000, 10, 1, 500) == simulate(model, 1000, 10, 1, 500)
    assert simulate(model, 1000, 10, 1, 500) != simulate(model, 1000, 10, 2, 500)


def test_a_third_site_is_worth_more_than_any_check() -> None:
    found = contributions(_model("ab"), 0.005, 0.25, 1e-9, {"0": "vault"})

    assert found[0].what == "one more replica at a site of its own"
    assert found[0].factor > 300
    by_name = {one.what: one.factor for one in found}
    assert 1 < by_name["checks ten times as often"] < 1.1
    assert by_name["checks half as often"] < 1
    assert by_name["without the replica on vault"] < 0.01


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (4.04, "4.0 times less often"),
        (1.01, "about as often"),
        (1 / 3000, "3,000 times more often"),
    ],
)
def test_factors_are_told_in_words(factor: float, words: str) -> None:
    assert told(factor) == words


def test_a_policy_becomes_a_model_by_rates_with_their_basis(files: dict[str, str]) -> None:
    policy = Policy.from_effective(check(files).require().effective["notes"])
    rates = Rates.parse(DOCUMENT)
    observed = {"vault": "device 8:0 on a", "mirror": "device 8:0 on b"}

    model = model_of(policy, observed, rates, 10**12)

    assert [copy.rate for copy in model.copies] == [pytest.approx(0.02001)] * 2
    assert {group.name for group in model.groups} == {
        *observed.values(),
        "site Tashkent",
        "site Samarkand",
    }
    assert model.common == rates.one_operator
    assert "vault: disk, 0.02 silent faults a year and AIP (measured)" in " ".join(
        assumptions(policy, model, rates, 10**12)
    )
    one_disk = model_of(policy, dict.fromkeys(observed, "device 8:0 on a"), rates, 10**12)
    assert one_disk.yearly > 5 * model.yearly


@pytest.mark.parametrize(
    "wrong", [None, [], {}, DOCUMENT | {"aip_bytes": -1}, DOCUMENT | {"site": {"loss": "nan"}}]
)
def test_rates_that_are_none_are_refused(wrong: object) -> None:
    with pytest.raises(UsageError) as caught:
        Rates.parse(wrong)
    assert caught.value.code == "POL-RATES"


def test_every_rate_has_its_basis_and_source() -> None:
    parts = [*DOCUMENT["media"].values(), *(DOCUMENT[n] for n in ("site", "domain", "common"))]

    assert all(part["basis"] in ("measured", "vendor", "assumption") for part in parts)
    assert all(len(part["source"]) > 20 for part in parts)


def test_the_chart_is_a_drawing_with_its_numbers() -> None:
    drawn = loss_chart("<a> & b", "a model", [("another site", 485.2), ("half", 0.5)])

    texts = [node.text for node in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [
        "<a> & b",
        "a model",
        "another site",
        "485 times less often",
        "half",
        "2.0 times more often",
    ]


def test_rates_that_are_all_zero_lose_nothing() -> None:
    model = replace(_model("ab", rate=0, site=0), common=0.0)

    assert simulate(model, 1000, 10, 1, 100).worst == 0
    assert {one.factor for one in contributions(model, 0, 0.25, 0, {})} == {1.0}
