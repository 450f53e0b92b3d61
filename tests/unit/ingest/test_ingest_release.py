"""What was taken in leaves its inbox only as the policy says, and never too early."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import SILENCE, Archive

from preservation.errors import NotNowError
from preservation.ingest import release as module
from preservation.ingest.release import ReleaseResult
from preservation.model.event import EventType


def _made(root: Path, release: Mapping[str, Any]) -> Archive:
    rules = {"intake": {"release": release}, "minimum": {"replicas": 2}}
    return Archive(root, rules)


def _run(archive: Archive) -> list[ReleaseResult]:
    with archive.opened() as (parts, policy):
        return parts.release(policy, SILENCE)


def _taken(archive: Archive, name: str = "corpus") -> Path:
    path = archive.put(name, {"a.txt": b"one", "deep/b.txt": b"two"})
    assert archive.ingest(path).outcome == "accepted"
    return path


def _later(archive: Archive) -> None:
    archive.clock.at += timedelta(days=3)


def test_invariant_1_a_deposit_goes_only_when_the_minimum_is_verified(ground: Path) -> None:
    archive = _made(ground, {"mode": "delete", "after": "2d"})
    path = _taken(archive)
    _later(archive)
    (kept,) = _run(archive)
    assert kept.outcome == "kept"
    assert "1 replica" in kept.reason
    assert path.exists()
    archive.replicate()
    (gone,) = _run(archive)
    assert gone.outcome == "deleted"
    assert os.listdir(archive.inbox) == [".released"]
    assert os.listdir(archive.inbox / ".released") == []
    assert _run(archive) == []
    (event,) = [one for one in archive.events() if one.type is EventType.DEPOSIT_RELEASE]
    assert event.aip == gone.aip
    assert event.policy


def test_a_deposit_stays_for_its_time_and_by_default_for_ever(ground: Path) -> None:
    archive = _made(ground, {"mode": "delete", "after": "2d"})
    path = _taken(archive)
    archive.replicate()
    assert _run(archive) == []
    assert path.exists()
    (ground / "other").mkdir()
    kept = Archive(ground / "other", {})
    other = _taken(kept)
    kept.replicate()
    kept.clock.at += timedelta(days=3000)
    assert _run(kept) == []
    assert other.exists()


def test_a_moved_deposit_lies_under_its_aip_with_what_lay_beside_it(ground: Path) -> None:
    archive = _made(ground, {"mode": "move", "after": "0s", "to": "taken"})
    folder = _taken(archive)
    inner = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
    packed, digest = archive.inbox / "more.tar", archive.inbox / "more.tar.md5"
    with tarfile.open(packed, "w") as tar:
        tar.add(folder / "a.txt", "a.txt")
    digest.write_text(f"{hashlib.md5(packed.read_bytes()).hexdigest()}  more.tar\n")
    told = archive.ingest(packed)
    assert told.outcome == "accepted"
    archive.replicate()
    results = _run(archive)
    assert [one.outcome for one in results] == ["moved", "moved"]
    places = {one.deposit: Path(one.place) for one in results}
    assert (places["corpus"] / "corpus" / "a.txt").read_bytes() == inner["a.txt"]
    assert sorted(os.listdir(places["more.tar"])) == ["more.tar", "more.tar.md5"]
    assert not digest.exists()
    assert places["more.tar"] == archive.home / "taken" / f"{told.aip}.v1"


def test_what_changed_since_or_was_not_taken_in_stays(ground: Path) -> None:
    archive = _made(ground, {"mode": "delete", "after": "0s"})
    changed, twin = _taken(archive), archive.put("twin", {"a.txt": b"one", "deep/b.txt": b"two"})
    assert archive.ingest(twin).outcome == "held already"
    rejected = archive.put("bad", {"a.exe": b"MZ"})
    assert archive.ingest(rejected).outcome == "rejected"
    archive.replicate()
    (changed / "a.txt").write_bytes(b"new")
    (kept,) = _run(archive)
    assert (kept.outcome, kept.deposit) == ("kept", "corpus")
    assert "changed" in kept.reason
    assert all(path.exists() for path in (changed, twin, rejected))


def test_a_deposit_outside_of_the_inbox_is_never_touched(ground: Path) -> None:
    archive = _made(ground, {"mode": "delete", "after": "0s"})
    path = archive.put("corpus", {"a.txt": b"one"}).rename(ground / "elsewhere")
    archive.ingest(path)
    archive.replicate()
    assert _run(archive) == []
    assert path.exists()


def test_a_writer_who_comes_while_it_is_moved_gets_it_back(
    ground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = _made(ground, {"mode": "delete", "after": "0s"})
    path = _taken(archive)
    archive.replicate()
    rename = module._rename

    def slow(old: Path, new: Path) -> None:
        rename(old, new)
        if old == path:
            (new / "late.txt").write_bytes(b"still writing")

    monkeypatch.setattr(module, "_rename", slow)
    (kept,) = _run(archive)
    assert kept.outcome == "kept"
    assert (path / "late.txt").read_bytes() == b"still writing"
    monkeypatch.undo()
    assert len(archive.take_inbox()) == 1


def test_a_link_in_place_of_our_folder_is_not_followed(ground: Path) -> None:
    archive = _made(ground, {"mode": "delete", "after": "0s"})
    path = _taken(archive)
    archive.replicate()
    canary = ground / "canary"
    canary.mkdir()
    (archive.inbox / ".released").symlink_to(canary)
    with pytest.raises(NotNowError) as caught:
        _run(archive)
    assert caught.value.code == "REL-FOLDER"
    assert path.exists()


def test_a_release_on_another_file_system_says_what_to_do(
    ground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = _made(ground, {"mode": "move", "after": "0s"})
    path = _taken(archive)
    archive.replicate()

    def refuse(_old: object, _new: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(module.durable, "rename_exclusive", refuse)
    with pytest.raises(NotNowError) as caught:
        _run(archive)
    assert "file system" in caught.value.hint
    assert path.exists()
