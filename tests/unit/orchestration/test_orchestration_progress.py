"""Progress in a task's log: seldom, and with what a person wants to know."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner

from preservation.orchestration.progress import EVERY, LogProgress, rename_task


class Watch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_line_comes_every_ten_seconds_with_bytes_rate_and_time_left() -> None:
    lines: list[str] = []
    watch = Watch()
    progress = LogProgress(lines.append, watch)
    progress.begin("audit vault · 2 AIPs", 4 * 1024**2)
    for _ in range(30):
        watch.seconds += 1
        progress.advance(64 * 1024)
    assert lines == [
        "audit vault · 2 AIPs, 4.0 MiB",
        "audit vault · 2 AIPs: 640.0 KiB of 4.0 MiB, 64.0 KiB/s, about 54 s left",
        "audit vault · 2 AIPs: 1.2 MiB of 4.0 MiB, 64.0 KiB/s, about 44 s left",
        "audit vault · 2 AIPs: 1.9 MiB of 4.0 MiB, 64.0 KiB/s, about 34 s left",
    ]


def test_what_a_killed_task_had_done_counts_and_is_no_measure_of_the_rate() -> None:
    lines: list[str] = []
    watch = Watch()
    progress = LogProgress(lines.append, watch)
    progress.begin("audit", 4 * 1024**2)
    progress.skip(2 * 1024**2)
    watch.seconds = EVERY
    progress.advance(1024**2)
    assert lines[1] == "audit: 3.0 MiB of 4.0 MiB, 102.4 KiB/s, about 10 s left"


def test_without_a_total_nothing_is_promised() -> None:
    lines: list[str] = []
    watch = Watch()
    progress = LogProgress(lines.append, watch)
    progress.begin("take in", None)
    watch.seconds = EVERY
    progress.advance(1024)
    assert lines == ["take in", "take in: 1.0 KiB, 102 B/s"]


def test_what_is_said_comes_at_once() -> None:
    lines: list[str] = []
    LogProgress(lines.append, Watch()).say("another run is at it")
    assert lines == ["another run is at it"]


def test_how_far_it_is_stands_beside_the_name_and_nothing_waits_for_it() -> None:
    names: list[str] = []
    taken, watch = threading.Event(), Watch()

    def show(name: str) -> None:
        taken.wait(10)
        names.append(name)
        raise RuntimeError("Airflow is away")

    lines: list[str] = []
    progress = LogProgress(lines.append, watch, label="vault · 2 AIPs", show=show)
    progress.begin("audit", 4 * 1024**2)
    for _ in range(3):
        watch.seconds += EVERY
        progress.advance(1024**2)
    taken.set()
    _done(progress)
    watch.seconds += EVERY
    progress.advance(0)
    _done(progress)
    assert names == [
        "vault · 2 AIPs · 1.0 MiB of 4.0 MiB (25 %)",
        "vault · 2 AIPs · 3.0 MiB of 4.0 MiB (75 %)",
    ]
    assert len(lines) == 5


def _done(progress: LogProgress) -> None:
    assert progress._showing is not None
    progress._showing.join(10)


def test_airflow_is_told_by_the_message_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    supervisor = SimpleNamespace(send=sent.append)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    rename_task("vault · " + "x" * 300)
    (message,) = sent
    assert message.type == "SetRenderedMapIndex"
    assert len(message.rendered_map_index) == 200
