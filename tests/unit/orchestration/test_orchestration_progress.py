"""Progress in a task's log: seldom, and with what a person wants to know."""

from __future__ import annotations

from preservation.orchestration.progress import EVERY, LogProgress


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
