"""The store of effective policies: all or none, by name of digest, one writer at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from preservation.errors import BusyError, HomeNotFoundError, UsageError
from preservation.files import durable
from preservation.ledger.policies import PolicyFiles, active_digests
from preservation.model.canonical import canonical, digest_of
from preservation.policy.check import Checked, check
from preservation.policy.compare import edited
from preservation.policy.policy import Policy
from preservation.policy.terms import EVER, Governed

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> PolicyFiles:
    return PolicyFiles(tmp_path)


@pytest.fixture
def checked(files: dict[str, str]) -> Checked:
    files["letters.yaml"] = files["notes.yaml"].replace("notes", "letters")
    return check(files).require()


def _changed(effective: dict[str, Any]) -> dict[str, Any]:
    return effective | {"contact": "somebody else"}


def test_before_the_first_apply_nothing_governs(store: PolicyFiles, checked: Checked) -> None:
    assert store.in_force() == {}
    assert edited(active_digests(store.in_force()), checked) == ["letters", "notes"]
    with pytest.raises(UsageError) as caught:
        store.governing("notes")
    assert caught.value.code == "POL-NOT-IN-FORCE"


def test_what_was_applied_governs_until_the_next_change(
    store: PolicyFiles, checked: Checked, tmp_path: Path
) -> None:
    store.apply(checked.effective, "ann", "the first", AT, {})
    before = {one: line.digest for one, line in store.in_force().items()}
    notes = _changed(checked.effective["notes"])

    changed = store.apply({"notes": notes}, "bob", "a new contact", AT, before)

    assert [(line.community, line.by, line.previous) for line in changed] == [
        ("notes", "bob", before["notes"])
    ]
    again = PolicyFiles(tmp_path)
    assert again.governing("notes").contact == "somebody else"
    assert again.policy(before["notes"]).contact == "archive@example.org"
    assert again.in_force()["letters"].by == "ann"
    assert edited(active_digests(again.in_force()), checked) == ["notes"]


def test_the_same_again_changes_no_byte(
    store: PolicyFiles, checked: Checked, tmp_path: Path
) -> None:
    store.apply(checked.effective, "ann", "the first", AT, {})
    there = (tmp_path / "in-force.json").read_bytes()
    now = {one: line.digest for one, line in store.in_force().items()}

    assert store.apply(checked.effective, "bob", "again", AT, now) == []
    assert (tmp_path / "in-force.json").read_bytes() == there


def test_a_paused_community_keeps_its_policy_until_a_file_comes_back(
    store: PolicyFiles, checked: Checked, tmp_path: Path
) -> None:
    store.apply(checked.effective, "ann", "the first", AT, {})
    now = {one: line.digest for one, line in store.in_force().items()}
    notes = {"notes": checked.effective["notes"]}

    (paused,) = store.apply(notes, "bob", "they left", AT, now, consent="cid", pausing=["letters"])

    assert (paused.community, paused.digest, paused.paused) == ("letters", now["letters"], True)
    (told,) = next(store.history()).events()
    assert told.detail["paused"] is True
    again = PolicyFiles(tmp_path)
    newest = next(again.history()).digest
    (tmp_path / "in-force.json").unlink()
    assert {one: line.paused for one, line in again.recover(newest).items()} == {
        "letters": True,
        "notes": False,
    }
    assert again.governing("letters").digest == now["letters"]
    assert edited(active_digests(again.in_force()), checked) == ["letters"]
    with pytest.raises(BusyError):  # who planned before that plans again
        again.apply(checked.effective, "ann", "back", AT, now)
    (back,) = again.apply(checked.effective, "ann", "back", AT, {"notes": now["notes"]})
    assert (back.community, back.paused, back.previous) == ("letters", False, now["letters"])


def test_what_governed_a_community_is_told_back_to_where_nothing_can_be_read(
    store: PolicyFiles, checked: Checked, tmp_path: Path
) -> None:
    first, second = checked.effective["notes"], _changed(checked.effective["notes"])
    store.apply(checked.effective, "ann", "the first", AT, {})
    before = {one: line.digest for one, line in store.in_force().items()}
    later = AT.replace(month=12)
    store.apply({"notes": second}, "bob", "a new contact", later, before)
    old, new = store.policy(before["notes"]), store.governing("notes")

    assert list(store.past(new)) == [Governed(later, new), Governed(AT, old)]
    assert list(store.past(old)) == [Governed(AT, old)]  # a run that began before it changed
    stranger = Policy.from_effective(first | {"contact": "nobody's"})
    assert list(store.past(stranger)) == [Governed(EVER, stranger)]

    (tmp_path / "objects" / f"{before['notes'].hex}.json").write_bytes(b"{}")
    again = PolicyFiles(tmp_path)
    assert [one.since for one in again.past(again.governing("notes"))] == [later]


def test_a_stale_plan_is_refused_and_nothing_is_written(
    store: PolicyFiles, checked: Checked, tmp_path: Path
) -> None:
    store.apply(checked.effective, "ann", "the first", AT, {})
    objects = sorted((tmp_path / "objects").iterdir())

    with pytest.raises(BusyError) as caught:
        store.apply({"notes": _changed(checked.effective["notes"])}, "bob", "late", AT, {})

    assert caught.value.code == "POL-STALE"
    assert sorted((tmp_path / "objects").iterdir()) == objects


def test_two_administrators_at_once_are_told_apart(store: PolicyFiles, checked: Checked) -> None:
    with store._locked(), pytest.raises(BusyError) as caught:
        store.apply(checked.effective, "bob", "at once", AT, {})

    assert caught.value.code == "POL-BUSY"
    assert store.apply(checked.effective, "bob", "a moment later", AT, {})


@pytest.mark.parametrize("call", ["write_new", "replace"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_leaves_what_was_in_force_and_apply_completes_it(
    store: PolicyFiles,
    checked: Checked,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    after: bool,
) -> None:
    store.apply(checked.effective, "ann", "the first", AT, {})
    before = {one: line.digest for one, line in store.in_force().items()}
    changed = {one: _changed(document) for one, document in checked.effective.items()}
    real = getattr(durable, call)

    def dies(*args: Any, **named: Any) -> None:
        if after:
            real(*args, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(durable, call, dies)
        with pytest.raises(KeyboardInterrupt):
            store.apply(changed, "bob", "a change", AT, before)

    now = {one: line.digest for one, line in store.in_force().items()}
    applied = {one: digest_of(document) for one, document in changed.items()}
    assert now == (applied if call == "replace" and after else before)
    store.apply(changed, "bob", "a change", AT, now)
    assert {one: line.digest for one, line in store.in_force().items()} == applied


def test_an_object_with_other_bytes_is_never_obeyed(
    store: PolicyFiles, checked: Checked, tmp_path: Path
) -> None:
    store.apply(checked.effective, "ann", "the first", AT, {})
    digest = store.in_force()["notes"].digest
    path = tmp_path / "objects" / f"{digest.hex}.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"replicas":2', b'"replicas":1'))

    with pytest.raises(UsageError) as read:
        store.governing("notes")
    (tmp_path / "in-force.json").unlink()
    with pytest.raises(UsageError) as written:
        store.apply(checked.effective, "ann", "the same again", AT, {})
    assert (read.value.code, written.value.code) == ("POL-OBJECT-CORRUPT",) * 2


def test_an_object_that_is_gone_is_told(
    store: PolicyFiles, checked: Checked, tmp_path: Path
) -> None:
    store.apply(checked.effective, "ann", "the first", AT, {})
    for path in (tmp_path / "objects").iterdir():
        path.unlink()

    with pytest.raises(UsageError) as caught:
        store.governing("notes")
    assert caught.value.code == "POL-OBJECT-MISSING"


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"schema":"other/1"}', b"[" * 9999])
def test_a_damaged_in_force_is_told_and_not_taken_for_an_empty_one(
    store: PolicyFiles, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "in-force.json").write_bytes(data)

    with pytest.raises(UsageError) as caught:
        store.in_force()
    assert caught.value.code == "POL-IN-FORCE-CORRUPT"


def test_an_object_of_a_later_version_is_not_guessed_at(store: PolicyFiles, tmp_path: Path) -> None:
    document = {"schema": "samarkand.policy/9"}
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / f"{digest_of(document).hex}.json").write_bytes(canonical(document))

    with pytest.raises(UsageError) as caught:
        store.policy(digest_of(document))
    assert caught.value.code == "POL-OBJECT-SCHEMA"


def test_the_bytes_are_those_of_the_specification(
    store: PolicyFiles, checked: Checked, tmp_path: Path
) -> None:
    (line, _) = store.apply(checked.effective, "ann", "the first", AT, {})

    kept = (tmp_path / "objects" / f"{line.digest.hex}.json").read_bytes()
    assert kept == canonical(checked.effective["letters"])
    assert json.loads((tmp_path / "in-force.json").read_bytes())["communities"]["letters"] == {
        "digest": str(line.digest),
        "previous": None,
        "at": "2026-11-22T07:00:00.000000Z",
        "by": "ann",
        "reason": "the first",
    }


def test_a_home_that_is_not_there_is_told(checked: Checked, tmp_path: Path) -> None:
    with pytest.raises(HomeNotFoundError):
        PolicyFiles(tmp_path / "nowhere").apply(checked.effective, "ann", "", AT, {})
