"""What was written to several tiers is read back at the same time, and recorded one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from homes import Archive

from preservation.audit.check import Checker
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


def test_a_read_that_meets_a_defect_stops_the_others(
    one: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, begun, stopped = Checker.look, threading.Event(), []

    def failing(self: Checker, row: Any, *said: Any, cancelled: Callable[[], bool]) -> Any:
        if row.tier == "mirror":
            assert begun.wait(60)
            raise ZeroDivisionError
        begun.set()
        while not cancelled():
            threading.Event().wait(0.01)
        stopped.append(row.tier)
        return look(self, row, *said, cancelled=cancelled)

    monkeypatch.setattr(Checker, "look", failing)
    with pytest.raises(ZeroDivisionError):
        one.replicate()
    assert stopped == ["deep"]
    monkeypatch.undo()
    assert {made.tier: made.state for made in one.replicate()} == {
        "mirror": "verified",
        "deep": "verified",
    }
