"""Schedules and time zones."""

from __future__ import annotations

import pytest

from preservation.policy.cron import wrong_schedule, wrong_zone
from preservation.policy.texts import CRON, DURATION, PATH, SIZE, SOME_TIME, ZONE

croniter = pytest.importorskip("croniter")


@pytest.mark.parametrize(
    "text",
    ["*/15 * * * *", "0 2 * * *", "0 0 1 1 *", "5,10-20/5 8-18 * jan-mar mon-fri", "0 0 29 2 *"],
)
def test_good_schedules_are_good_to_airflow_too(text: str) -> None:
    assert CRON.matches(text)
    assert wrong_schedule(text) == ""
    assert croniter.croniter.is_valid(text)


@pytest.mark.parametrize(
    "text", ["@daily", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "*/0 * * * *",
             "* * * 13 *", "* * * * 8", "* * * * * *", "*  * * * *", "0 2 * * MON", "",
             "1," * 97 + "1 * * * *"]
)  # fmt: skip
def test_what_is_no_schedule_is_refused_by_its_form(text: str) -> None:
    assert not CRON.matches(text)


@pytest.mark.parametrize(
    "text", ["30-10 * * * *", "0 0 31 4,6 *", "0 0 30 feb *", "* * * * sat-sun"]
)
def test_schedules_that_never_come_or_run_backwards_are_refused(text: str) -> None:
    assert CRON.matches(text)
    assert wrong_schedule(text)


@pytest.mark.parametrize("text", ["Asia/Samarkant", "Europe", "Mars/Olympus", "asia/tashkent/x"])
def test_zones_that_do_not_exist_are_refused(text: str) -> None:
    assert ZONE.matches(text)
    assert wrong_zone(text)
    assert wrong_zone("Asia/Samarkand") == ""


def test_the_largest_values_of_the_language_fit_where_they_are_used() -> None:
    longest, largest = "99y", "999999.999 GiB"

    assert SOME_TIME.matches(longest)
    assert DURATION.value(longest) < 100 * 366 * 86400
    for size in (largest, "7999.999 TiB", "7.999 PiB", "999999999.999 MiB"):
        assert SIZE.matches(size)
        assert SIZE.value(size) < 2**53
    assert not SIZE.matches("8 PiB")
    assert not SIZE.matches("0 GiB")
    assert not SOME_TIME.matches("0d")
    assert not DURATION.matches("100y")


@pytest.mark.parametrize(
    "text", ["..", "../a", "a/..", "a/../b", "a//b", "a/", "/", "./a", "~/a", "a\\b", "a\nb", ""]
)
def test_paths_that_could_lead_elsewhere_are_refused(text: str) -> None:
    assert not PATH.matches(text)
    assert PATH.matches("/srv/архив/..a/b c")
