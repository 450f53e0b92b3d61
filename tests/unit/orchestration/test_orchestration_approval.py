"""An approval counts for the list that was shown, and from those entitled to give it."""

from __future__ import annotations

from typing import Any

import pytest

from preservation.errors import UsageError
from preservation.orchestration import approval
from preservation.policy.policy import RepairRule

RULE = RepairRule(automatic=False, approvers=("archivist", "archivist2"))
FOUND: list[dict[str, Any]] = [
    {
        "finding": "0f0e6ad7-3b9f-4d4c-8a53-5d7a0f3c2b11",
        "code": "FIX-ALTERED",
        "aip": "e1a3f73a-8cdd-40fd-b88e-d5f03e5567e4",
        "version": 1,
        "tier": "mirror",
        "policy": "sha256:00",
        "label": "Станция [7](http://evil) on mirror",
        "message": "data/a: its bytes differ",
    }
]
ASKED = approval.list_digest(FOUND)


def answer(choice: str = "Approve", by: str = "archivist", reason: str = "") -> dict[str, Any]:
    return {
        "chosen_options": [choice],
        "params_input": {"reason": reason},
        "responded_by_user": {"id": by, "name": by},
    }


def test_the_evidence_names_who_why_and_which_list() -> None:
    (one,) = approval.granted(RULE, FOUND, answer(reason="seen with the depositor"), ASKED)
    assert one["approved_by"] == f"archivist: seen with the depositor [list {ASKED}]"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (None, ASKED),  # the task was marked a success by hand
        (answer("Reject"), ASKED),
        (answer(by="admin"), ASKED),
        (answer(), "sha256:11"),  # the answer was to another list
        (answer(), None),
        ({"chosen_options": ["Approve"], "responded_by_user": None}, ASKED),
    ],
)
def test_anything_else_allows_nothing(given: dict[str, Any] | None, asked: str | None) -> None:
    with pytest.raises(UsageError, match="not approved") as caught:
        approval.granted(RULE, FOUND, given, asked)
    assert caught.value.code == "REP-NOT-APPROVED"
    assert caught.value.retry is False


def test_another_list_has_another_digest() -> None:
    for field, value in {"finding": "x", "tier": "deep", "version": 2, "policy": "p"}.items():
        assert approval.list_digest([{**FOUND[0], field: value}]) != ASKED


def test_the_question_shows_names_as_text_and_the_digest_that_is_approved() -> None:
    request = approval.request(FOUND, "Silk Road")
    assert request["subject"] == "Repair 1 damaged replica of Silk Road?"
    assert r"Станция \[7\](http://evil) on mirror" in request["body"]
    assert ASKED in request["body"]


def test_a_long_list_is_shown_in_part_and_approved_as_a_whole() -> None:
    many = [{**FOUND[0], "version": number} for number in range(1, 80)]
    request = approval.request(many, "Silk Road")
    assert "… and 29 more" in request["body"]
    assert request["digest"] == approval.list_digest(many)


def test_where_repair_is_automatic_nobody_is_asked() -> None:
    rule = RepairRule(automatic=True, approvers=())
    assert approval.granted(rule, FOUND, None, None) == [{**FOUND[0], "approved_by": ""}]
