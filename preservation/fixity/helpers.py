"""Helper processes for many small files: opening files holds the GIL, so threads gain nothing.

Helpers are exec'd, never forked, so that they may be started from a process with threads and
from one that was itself forked. A helper ends when its pipe closes, and so with its asker.
What a helper leaves, for whatever reason, its asker does itself: so helpers change how fast a
thing is done and never what comes out.
"""

from __future__ import annotations

import queue
import subprocess
import sys
from collections.abc import Sequence
from typing import Self

from preservation.fixity import helper_main
from preservation.fixity.reading import Measured, Reading
from preservation.model.digest import Algorithm, Digest

ENOUGH = 4096  # files below which starting helpers costs more than it gains
Taken = tuple[list[Measured], list[tuple[int, bytes]]]  # those left: octets, path


class Helpers:
    """Processes that read small files of one folder. Safe for any thread.

    Args:
        root: the folder to read from, open.
        algorithms: digests to take.
        number: of processes; fewer, even none, if the system refuses.
        most: octets; larger files are left.
        copy_to: a folder, open, to copy each file to, by the same path; the folders on the way
            have to be there. The copy has mode 0644 and is made exclusively; a file that
            changes while it is read is left.
    """

    def __init__(
        self,
        root: int,
        algorithms: Sequence[Algorithm],
        number: int,
        most: int,
        copy_to: int = -1,
    ) -> None:
        self._algorithms = tuple(algorithms)
        self._record = 8 + sum(algorithm.octets for algorithm in algorithms)
        names = [algorithm.hashlib_name for algorithm in algorithms]
        said = [str(root), str(copy_to), str(most), *names]
        keep = (root,) if copy_to < 0 else (root, copy_to)
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes] | None] = queue.SimpleQueue()
        self._started = [_start(said, keep) for _ in range(number)]
        for helper in self._started:
            self._idle.put(helper)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End every helper; those at work finish what they were asked."""
        for helper in self._started:
            if helper is not None:
                helper.communicate()

    def take(self, paths: Sequence[bytes]) -> Taken:
        """Read some files, in another process; waits for one that is free.

        Args:
            paths: relative to the root, safe.

        Returns:
            What was read; and what was left, with its octets as far as they were seen.
        """
        helper = self._idle.get()
        try:
            said = b"" if helper is None else _ask(helper, paths)
        finally:
            self._idle.put(helper)
        if len(said) != self._record * len(paths):
            return [], [(0, path) for path in paths]  # it could not be started, or was killed
        return self._told(paths, said)

    def _told(self, paths: Sequence[bytes], said: bytes) -> Taken:
        read: list[Measured] = []
        left: list[tuple[int, bytes]] = []
        at = 0
        for path in paths:
            octets = int.from_bytes(said[at : at + 8], "little", signed=True)
            if octets < 0:
                left.append((-1 - octets, path))
            else:
                read.append(Measured(path, Reading.READ, octets, self._digests(said, at + 8)))
            at += self._record
        return read, left

    def _digests(self, said: bytes, at: int) -> dict[Algorithm, Digest]:
        digests = {}
        for algorithm in self._algorithms:
            end = at + algorithm.octets
            digests[algorithm] = Digest(algorithm, said[at:end])
            at = end
        return digests


def _start(said: Sequence[str], keep: Sequence[int]) -> subprocess.Popen[bytes] | None:
    script = helper_main.__file__
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", script, *said],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=keep,
        )
    except OSError:
        return None


def _ask(helper: subprocess.Popen[bytes], paths: Sequence[bytes]) -> bytes:
    """The records it answers; fewer octets if it came to its end."""
    if helper.stdin is None or helper.stdout is None:
        return b""
    question = b"\0".join(paths)
    try:
        helper.stdin.write(len(question).to_bytes(4, "little") + question)
        helper.stdin.flush()
    except OSError:
        return b""
    return helper.stdout.read(int.from_bytes(helper.stdout.read(4), "little"))
