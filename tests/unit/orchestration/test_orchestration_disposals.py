"""Answers given in Airflow's UI, and what they allow."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import SILENCE, Archive

from preservation.errors import UsageError
from preservation.orchestration import disposals

RULES = {"retention": {"keep": "10y", "approvals": 2, "approvers": ["ana", "bo", "admin"]}}


def answer(name: str, chosen: str = "Approve") -> dict[str, Any]:
    return {
        "responded_by_user": {"id": name, "name": name},
        "chosen_options": [chosen],
        "params_input": {"reason": "kept long enough\x07"},
    }


@pytest.fixture
def archive(ground: Path) -> Archive:
    made = Archive(ground, RULES)
    made.ingest(made.put("*first*", {"a.txt": b"one"}))
    made.clock.at += timedelta(days=365 * 11)
    return made


def test_two_people_dispose_of_exactly_the_list_that_they_saw(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        request = disposals.review(parts, "notes", "Notes")
        assert request is not None
        assert request["digest"] in request["body"]
        assert "\\*first\\*" in request["body"]
        assert disposals.review(parts, "notes", "Notes") == request
        disposals.record(parts, answer("admin"), request["digest"])
        disposals.record(parts, answer("bo"), request["digest"])

        (piece,) = json.loads(json.dumps(disposals.begin(parts, request["digest"])))
        told = disposals.carry_out(parts, "notes", piece, SILENCE)

        assert told == {"gone": 3}
        assert disposals.dispose(parts, request["digest"], SILENCE) == {}
        assert disposals.review(parts, "notes", "Notes") is None
        assert disposals.finish(parts, "notes", SILENCE) == {}
        (tombstone,) = parts.catalogue.custody.tombstones()
        assert tombstone.by == "bo"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (None, "RET-NOT-APPROVED"),
        (answer("ana", "Reject"), "RET-NOT-APPROVED"),
        (answer(""), "RET-NOT-APPROVED"),
        (answer("eve"), "RET-NOT-APPROVER"),
    ],
)
def test_what_is_no_approval_is_not_put_on_record(
    archive: Archive, given: dict[str, Any] | None, code: str
) -> None:
    with archive.opened() as (parts, _):
        request = disposals.review(parts, "notes", "Notes")
        assert request is not None
        with pytest.raises(UsageError) as refused:
            disposals.record(parts, given, request["digest"])
        assert refused.value.code == code
        assert parts.catalogue.custody.proposal(request["digest"]).approvals == ()


def test_one_person_twice_is_one_person(archive: Archive) -> None:
    with archive.opened() as (parts, _):
        request = disposals.review(parts, "notes", "Notes")
        assert request is not None
        for _ in range(2):
            disposals.record(parts, answer("ana"), request["digest"])
        with pytest.raises(UsageError) as refused:
            disposals.begin(parts, request["digest"])
    assert refused.value.code == "RET-NOT-APPROVED"


def test_a_login_that_is_nobodys_own_disposes_of_nothing(ground: Path) -> None:
    archive = Archive(ground, {"retention": {"keep": "10y", "approvals": 1}})
    archive.ingest(archive.put("first", {"a.txt": b"one"}))
    archive.clock.at += timedelta(days=365 * 11)
    with archive.opened() as (parts, _):
        request = disposals.review(parts, "notes", "Notes")
        assert request is not None
        disposals.record(parts, answer("admin"), request["digest"])
        with pytest.raises(UsageError) as refused:
            disposals.begin(parts, request["digest"])
        assert refused.value.code == "RET-SHARED-ACCOUNT"
        assert list(parts.catalogue.custody.tombstones()) == []
        disposals.record(parts, answer("ana"), request["digest"])
        assert len(disposals.begin(parts, request["digest"])) == 1
