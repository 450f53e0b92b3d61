"""Looks at a folder's noted entries again in a process of its own, while we do something else."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from preservation.bags import again_main
from preservation.errors import NotNowError
from preservation.files.scan import Names, scan


class SecondLook:
    """A process that waits until it shall look. Use it as a context.

    Args:
        root: the folder, without links on the way.
        notes: an open file of ``again_main``'s notes, all of them written.
        entries: how many.
    """

    def __init__(self, root: Path, notes: int, entries: int) -> None:
        self._root, self._entries = root, entries
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # without it, whoever asks looks for himself
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", again_main.__file__, root, str(notes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath},
                pass_fds=[notes],
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def begin(self) -> None:
        """Look from now on; never waits."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):  # it was killed
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()

    def is_the_same(self, patience: float) -> bool:
        """True only if every entry is as it was noted, and there is no other; waits for it.

        Args:
            patience: seconds, from when the entries were counted: the process may be stopped.
        """
        if self._process is None:
            return False
        try:
            found = scan(self._root, sizes=False)
            there = sum(len(each.paths) if isinstance(each, Names) else 1 for each in found)
            return there == self._entries and not self._process.wait(patience)
        except (OSError, NotNowError, subprocess.TimeoutExpired):
            return False
