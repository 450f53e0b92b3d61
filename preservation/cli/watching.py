"""Progress on a terminal: what, how much of it, how fast, how long still."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Watching:
    """Implements ``preservation.model.progress.Progress`` on a console."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._lock = threading.Lock()

    def begin(self, what: str, total_bytes: int | None) -> None:
        with self._lock:
            if self._task is not None:
                self._bars.remove_task(self._task)
            self._task = self._bars.add_task(escape(what), total=total_bytes)

    def advance(self, read_bytes: int) -> None:
        """The total was told beforehand, of payloads: it grows where more than that is read."""
        if self._task is not None:
            self._bars.advance(self._task, read_bytes)
            task = self._bars.tasks[self._bars.task_ids.index(self._task)]
            if task.total is not None and task.completed > task.total:
                self._bars.update(self._task, total=task.completed)

    def skip(self, done_bytes: int) -> None:
        """What is left is shown: bytes that count as done would count as speed."""
        if self._task is not None:
            total = self._bars.tasks[self._bars.task_ids.index(self._task)].total
            self._bars.update(self._task, total=None if total is None else total - done_bytes)

    def say(self, sentence: str) -> None:
        self._bars.console.print(f"  {escape(sentence)}", style="dim")


@contextmanager
def watch(console: Console) -> Iterator[Watching]:
    """Show progress while the block runs; on anything but a terminal, sentences only."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        yield Watching(bars)
