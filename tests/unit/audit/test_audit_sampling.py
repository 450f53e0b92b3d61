"""What a sample says about all replicas: held against counting every possible drawing."""

from __future__ import annotations

from itertools import combinations
from math import comb

import pytest

from preservation.audit.brake import exceeds_chance
from preservation.model.sampling import Sample, beyond_chance, chance, ruled_out, together


def enumerated(population: int, ill: int, drawn: int, most: int) -> float:
    """The share of all drawings that find at most so many ill ones, each drawing counted."""
    found = [sum(one < ill for one in some) for some in combinations(range(population), drawn)]
    return sum(count <= most for count in found) / len(found)


@pytest.mark.parametrize("population", [1, 2, 5, 9])
def test_the_chance_is_that_of_counting_every_drawing(population: int) -> None:
    for drawn in range(population + 1):
        for ill in range(population + 1):
            for most in range(drawn + 1):
                exact = enumerated(population, ill, drawn, most)
                assert chance(population, ill, drawn, most) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize(("population", "drawn"), [(8, 3), (12, 10), (9, 9), (7, 0), (10, 1)])
def test_what_is_ruled_out_is_the_smallest_that_is_too_unlikely(
    population: int, drawn: int
) -> None:
    for damaged in range(min(drawn, 3) + 1):
        bound = ruled_out(population, drawn, damaged, 0.95)
        for ill in range(damaged, population + 1):
            assert (enumerated(population, ill, drawn, damaged) <= 0.05 + 1e-9) == (ill >= bound)


def test_large_populations_come_near_the_rule_of_three_and_its_kin() -> None:
    """Figures of the notes on integrity: N = 10^6, 95 %, none damaged."""
    for drawn, ill in ((2_990, 1_000), (29_512, 100), (258_865, 10), (950_000, 1)):
        assert ruled_out(1_000_000, drawn, 0, 0.95) in (ill, ill + 1)
    assert ruled_out(10**6, 300, 0, 0.95) / 10**6 == pytest.approx(3 / 300, rel=0.01)
    assert ruled_out(10**6, 459, 0, 0.99) / 10**6 == pytest.approx(0.01, rel=0.01)


def test_the_bound_grows_with_damage_and_falls_with_the_sample() -> None:
    by_damage = [ruled_out(10_000, 300, found) for found in range(5)]
    by_size = [ruled_out(10_000, drawn, 0) for drawn in (10, 100, 1_000, 9_000, 10_000)]
    assert by_damage == sorted(set(by_damage))
    assert by_size == sorted(set(by_size), reverse=True)
    assert by_size[-1] == 1  # all were read, none is damaged


def test_a_sample_says_what_it_buys_in_words() -> None:
    shards = [Sample("deep", 100_000, 200, 0), Sample("deep", 100_000, 100, 0)]
    (one,) = together(shards)
    assert str(one) == (
        "deep: 300 of 100,000 replicas drawn by lot were read, none damaged: with 99 % "
        f"confidence fewer than 1.52 % of all ({one.fewer_than:,} replicas) are damaged"
    )
    assert "rules nothing out" in str(Sample("deep", 5, 0, 0))
    assert str(Sample("deep", 5, 5, 0)) == "deep: all replicas were read (5), none damaged"
    assert Sample.from_json(one.to_json()) == one


def test_the_tail_of_failures_is_that_of_the_binomial() -> None:
    for tried, failed in ((5, 5), (20, 3), (100, 12), (1000, 40)):
        exact = sum(
            comb(tried, k) * 0.01**k * 0.99 ** (tried - k) for k in range(failed, tried + 1)
        )
        assert beyond_chance(tried, failed, 0.01) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    ("checked", "damaged", "missing", "too_much"),
    [
        (1, 1, 1, False),  # one replica, and it is gone: that is what repair is for
        (2, 2, 2, False),
        (3, 3, 3, True),  # a tier mounted empty
        (4, 4, 3, False),
        (5, 5, 0, True),
        (1_000, 5, 5, False),  # bit rot, however unlucky
        (1_000, 20, 20, False),
        (1_000, 60, 0, True),
        (1_000_000, 10_100, 0, False),
        (1_000_000, 12_000, 0, True),
    ],
)
def test_the_brake_knows_chance_from_a_cause(
    checked: int, damaged: int, missing: int, too_much: bool
) -> None:
    assert exceeds_chance(checked, damaged, missing) is too_much
