"""What was written to several tiers is read back at the same time, and recorded one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from homes import Archive

from preservation.audit.check import Checker
from preservation.errors import NoSpaceError
from preservation.replication import copying
from preservation.replication.writing import Target

FILES = {"a.txt": b"one", "large.bin": bytes(range(256)) * 5000}


@pytest.fixture
def one(archive: Archive) -> Archive:
    archive.ingest(archive.put("first", FILES))
    return archive


def test_tiers_are_read_back_at_the_same_time_and_recorded_by_one_thread(
    one: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    met, recording = threading.Barrier(2, timeout=60), set()
    look, record = Checker.look, Checker.record

    def meeting(self: Checker, *said: Any, **more: Any) -> Any:
        met.wait()
        return look(self, *said, **more)

    def noted(self: Checker, *said: Any, **more: Any) -> Any:
        recording.add(threading.current_thread())
        return record(self, *said, **more)

    monkeypatch.setattr(Checker, "look", meeting)
    monkeypatch.setattr(Checker, "record", noted)
    assert {made.tier: made.state for made in one.replicate()} == {
        "mirror": "verified",
        "deep": "verified",
    }
    assert recording == {threading.current_thread()}


def test_one_that_reads_back_otherwise_is_damaged_and_the_other_verified(
    one: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = copying._Copy._opened

    def spoiled(self: Any, due: Any) -> Target | None:
        target = opened(self, due)
        if target is not None and target.tier == "mirror":
            settle: Callable[[], None] = target.incoming.settle

            def settled() -> None:
                path = target.incoming.folder / "data/large.bin"
                path.chmod(0o644)
                path.write_bytes(FILES["large.bin"][:-1] + b"?")
                settle()

            monkeypatch.setattr(target.incoming, "settle", settled)
        return target

    monkeypatch.setattr(copying._Copy, "_opened", spoiled)
    assert {made.tier: made.state for made in one.replicate()} == {
        "mirror": "damaged",
        "deep": "verified",
    }
    assert one.audit().outcomes["altered"] == 1


def test_a_read_that_meets_a_defect_costs_the_others_nothing(
    one: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Checker.look

    def failing(self: Checker, row: Any, *said: Any, **more: Any) -> Any:
        if row.tier == "mirror":
            raise ZeroDivisionError("of a test")
        return look(self, row, *said, **more)

    monkeypatch.setattr(Checker, "look", failing)
    made = {made.tier: made for made in one.replicate()}
    assert (made["mirror"].state, made["deep"].state) == ("written", "verified")
    assert "please report it: ZeroDivisionError: of a test" in made["mirror"].reason
    monkeypatch.undo()
    assert [(made.tier, made.state) for made in one.replicate()] == [("mirror", "verified")]


@pytest.mark.parametrize("why", [MemoryError(), RuntimeError("can't start new thread")])
def test_a_read_that_has_no_means_is_called_that_and_no_defect(
    one: Archive, monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise why

    monkeypatch.setattr(Checker, "look", failing)
    made = one.replicate()
    assert {each.state for each in made} == {"written"}
    assert all(each.reason.startswith("[SAM-OUT-OF-MEMORY]") for each in made)


def test_one_that_cannot_be_recorded_keeps_no_other_from_that(
    one: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    weigh_up, both = Checker.weigh_up, threading.Barrier(2, timeout=60)
    look = Checker.look

    def together(self: Checker, row: Any, *said: Any, **more: Any) -> Any:
        looked = look(self, row, *said, **more)
        both.wait()
        if row.tier == "deep":  # the other one is recorded, or not, before this
            threading.Event().wait(0.2)
        return looked

    def failing(self: Checker, policy: Any, row: Any, *said: Any) -> Any:
        if row.tier == "mirror":
            raise NoSpaceError("no space left for its result")
        return weigh_up(self, policy, row, *said)

    monkeypatch.setattr(Checker, "look", together)
    monkeypatch.setattr(Checker, "weigh_up", failing)
    with pytest.raises(NoSpaceError):
        one.replicate()
    monkeypatch.undo()
    assert [(made.tier, made.state) for made in one.replicate()] == [("mirror", "verified")]


def test_what_stops_the_run_stops_the_others_reads(
    one: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, begun, stopped = Checker.look, threading.Event(), []

    def waiting(self: Checker, row: Any, *said: Any, cancelled: Callable[[], bool]) -> Any:
        if row.tier == "mirror":
            assert begun.wait(60)
            return look(self, row, *said, cancelled=cancelled)
        begun.set()
        while not cancelled():
            threading.Event().wait(0.01)
        stopped.append(row.tier)
        return look(self, row, *said, cancelled=cancelled)

    def pressed(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Checker, "look", waiting)
    monkeypatch.setattr(Checker, "weigh_up", pressed)
    with pytest.raises(KeyboardInterrupt):
        one.replicate()
    assert stopped == ["deep"]
    monkeypatch.undo()
    assert {made.tier: made.state for made in one.replicate()} == {
        "mirror": "verified",
        "deep": "verified",
    }
