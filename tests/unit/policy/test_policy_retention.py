"""How long is kept, who ends it, who may see it: what the policy language says about that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from preservation.formats.groups import known_groups
from preservation.policy.accounts import is_shared
from preservation.policy.check import Checked, check
from preservation.policy.compare import compare
from preservation.policy.policy import Policy

TAKEN_IN = datetime(2030, 5, 1, tzinfo=UTC)


def checked(files: dict[str, str], *lines: str) -> Checked:
    added = {**files, "notes.yaml": files["notes.yaml"] + "".join(f"{one}\n" for one in lines)}
    return check({name: text.encode() for name, text in added.items()}, known_groups())


def document(files: dict[str, str], *lines: str) -> dict[str, Any]:
    found = checked(files, *lines)
    assert not [str(one) for one in found.problems]
    return dict(found.effective["notes"])


def test_nothing_said_keeps_everything_for_ever_and_gives_it_out(files: dict[str, str]) -> None:
    policy = Policy.from_effective(document(files))

    assert policy.retention.keep is None
    assert policy.retention.review is None
    assert policy.retention.approvals == 2
    assert policy.access.is_open
    assert policy.access.embargoed_until(TAKEN_IN) is None


def test_the_later_end_of_two_embargoes_holds(files: dict[str, str]) -> None:
    said = 'access: {state: restricted, embargo: 2y, embargo_until: "2030-06-01"}'
    rule = Policy.from_effective(document(files, said)).access

    assert not rule.is_open
    assert rule.embargoed_until(TAKEN_IN) == TAKEN_IN + timedelta(seconds=2 * 31557600)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert rule.embargoed_until(long_ago) == datetime(2030, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        ("retention: {keep: forever}", "retention: {keep: 10y}", {"retention.keep"}),
        ("retention: {keep: 10y}", "retention: {keep: 9y}", {"retention.keep"}),
        ("retention: {keep: 10y}", "retention: {keep: forever}", set()),
        ("retention: {approvals: 2}", "retention: {approvals: 1}", {"retention.approvals"}),
        ("access: {state: restricted}", "access: {state: open}", {"access.state"}),
        ("access: {embargo: 2y}", "access: {embargo: none}", {"access.embargo"}),
        (
            'access: {embargo_until: "2031-01-01"}',
            'access: {embargo_until: "2030-12-31"}',
            {"access.embargo_until"},
        ),
    ],
)
def test_what_ends_sooner_or_asks_fewer_people_weakens(
    files: dict[str, str], before: str, after: str, weaker: set[str]
) -> None:
    changes = compare(document(files, before), document(files, after))

    assert {change.path for change in changes if change.weakening} == weaker


@pytest.mark.parametrize(
    "said",
    [
        "retention: {approvals: 2, approvers: [archivist]}",
        "retention: {approvals: 2, approvers: [root, admin]}",
        "retention: {approvals: 1, approvers: [airflow]}",
        "retention: {approvals: 3, approvers: [archivist, root, admin]}",
        "retention: {approvals: 2, approvers: [ana, ana@example.org]}",
    ],
)
def test_approvals_that_nobody_can_give_are_refused(files: dict[str, str], said: str) -> None:
    assert {one.code for one in checked(files, said).problems} == {"POL-CROSS"}


def test_no_community_goes_under_the_floor(files: dict[str, str]) -> None:
    files["baseline.yaml"] += "  retention: {keep: 10y, approvals: 2}\n"

    told = [str(one) for one in checked(files, "retention: {keep: 9y, approvals: 1}").problems]

    assert len(told) == 2
    assert all("POL-FLOOR" in one for one in told)
    assert not checked(files, "retention: {keep: forever}").problems


def test_a_day_that_does_not_exist_is_refused(files: dict[str, str]) -> None:
    (wrong,) = checked(files, 'access: {embargo_until: "2030-02-30"}').problems

    assert "no such day" in str(wrong)


@pytest.mark.parametrize(
    "name",
    ["root", "Admin", " airflow ", "admin@example.org", "", "unknown", "OFFICE\\root", "ｒoot"],
)
def test_accounts_that_several_people_use_are_nobodys_own(name: str) -> None:
    assert is_shared(name)
    assert not is_shared("archivist")
