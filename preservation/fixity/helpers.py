"""Helper processes for many small files: opening files holds the GIL, so threads gain nothing.

Helpers are exec'd, never forked, so that they may be started from a process with threads and
from one that was itself forked. A helper ends when its pipe closes, and so with its asker.
What a helper leaves, for whatever reason, its asker does itself: so helpers change how fast a
thing is done and never what comes out.
"""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from preservation.fixity import helper_main
from preservation.fixity.helper_main import Look, Taken


class Here:
    """Reads small files of one folder in this very thread; asked like a :class:`Helper`."""

    ahead = 0

    def __init__(self, root: int, most: int, *, drop_cache: bool = False) -> None:
        self._plain = helper_main.Plain(root, -1, most, drop_cache)
        self._taken: list[Taken] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._plain.close()

    def ask(self, names: Sequence[str], paths: Sequence[bytes]) -> None:
        """Read some files; arguments as :meth:`helper_main.Plain.take`."""
        self._taken.append(self._plain.take(names, paths))

    def hear(self) -> Taken:
        """What became of them."""
        return self._taken.pop(0)


class Helper:
    """A process that reads small files of one folder; for one thread.

    It is asked and heard apart, so that it may be given its next files before the answer about
    the last ones was taken. Use it as a context.

    Args:
        root: the folder to read from, open.
        most: octets; larger files are left.
        copy_to: a folder, open, to copy files to; the folders on the way have to be there. A
            copy has mode 0644 and is made exclusively.
        drop_cache: ask the system to forget each file's cached pages first.

    Attributes:
        ahead: questions beyond the one at work that are worth asking.
    """

    ahead = 1

    def __init__(
        self, root: int, most: int, *, copy_to: int = -1, drop_cache: bool = False
    ) -> None:
        said = [str(root), str(copy_to), str(most), str(int(drop_cache))]
        self.process = _start(said, (root,) if copy_to < 0 else (root, copy_to))
        self._asked: list[int] = []  # how many files each question was about

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the end of the process; one at work finishes what it was asked."""
        if self.process is not None:
            self.process.communicate()

    def ask(
        self,
        names: Sequence[str],
        paths: Sequence[bytes],
        looks: Iterable[Look] = (),
        kept: Sequence[bytes] = (),
    ) -> None:
        """Give it some files; arguments as :meth:`helper_main.Plain.take`."""
        self._asked.append(len(paths))
        if self.process is None or self.process.stdin is None:
            return
        # marshal spells plain tuples only.
        asked: Any = (list(names), list(paths), [tuple(look) for look in looks], list(kept))
        question = marshal.dumps(asked)
        try:
            self.process.stdin.write(len(question).to_bytes(4, "little") + question)
            self.process.stdin.flush()
        except OSError:
            self._give_up()

    def hear(self) -> Taken:
        """What became of the oldest question; waits for it.

        Everything was left if the process could not be started, or was killed.
        """
        files = self._asked.pop(0)
        if self.process is not None and self.process.stdout is not None:
            answers = self.process.stdout
            size = int.from_bytes(answers.read(4), "little")
            said = answers.read(size)
            if size and len(said) == size:
                taken: Taken = marshal.loads(said)  # noqa: S302 (our own process's)
                return taken
            self._give_up()
        return [-1] * files, []

    def _give_up(self) -> None:
        """It came to its end: from now on everything is left."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def _start(said: Sequence[str], keep: Sequence[int]) -> subprocess.Popen[bytes] | None:
    script = helper_main.__file__
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", script, *said],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=keep,
        )
    except OSError:
        return None
