"""Helper processes for many small files: opening files holds the GIL, so threads gain nothing.

Helpers are exec'd, never forked, so that they may be started from a process with threads and
from one that was itself forked. A helper ends when its pipe closes, and so with its asker.
What a helper leaves, for whatever reason, its asker does itself: so helpers change how fast a
thing is done and never what comes out.
"""

from __future__ import annotations

import fcntl
import marshal
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import ModuleType, TracebackType
from typing import Any, NamedTuple, Self

from preservation.files import durable
from preservation.files.memory import SPARE
from preservation.fixity import helper_main, sha2
from preservation.fixity.helper_main import Look, Taken

SMALL: ModuleType | None  # reads many small files in a call; without it Python reads each
try:
    from preservation.fixity import _small
except ImportError:
    SMALL = None
else:
    SMALL = _small

BATCH = 256  # files of one question
ENOUGH = 2048  # files below which starting helpers costs more than it gains
_PIPE = 1 << 20  # octets that a pipe shall hold; more than a user may have without privileges
_LONGEST = 64  # octets of a digest
# A script is compiled each time, which takes 4 ms: so its bytecode is taken where it is kept.
_RUN = (
    "from _frozen_importlib_external import SourceFileLoader as Loader; import sys; "
    "exec(Loader('helper_main', sys.argv.pop(1)).get_code('helper_main'))"
)
_PAGE = 4096  # octets; a pipe is filled page by page, and two questions may share none


class Here:
    """Reads small files of one folder in this very thread; asked like a :class:`Helper`."""

    ahead = 0
    may_be_asked = True

    def __init__(
        self,
        root: int,
        most: int,
        *,
        drop_cache: bool = False,
        listed: bool = False,
        abreast: bool = True,
    ) -> None:
        lanes = sha2 if abreast and sha2.LANES else None
        self._plain = helper_main.Plain(
            root, -1, most, drop_cache, listed, lanes, SMALL, memory=self._memory
        )
        self._taken: list[Taken] = []
        self._rooms: list[memoryview] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give back what was read into; it is not asked any more."""
        while self._rooms:
            SPARE.give_back(self._rooms.pop())

    def ask(self, names: Sequence[str], paths: Sequence[bytes]) -> None:
        """Read some files; arguments as :meth:`helper_main.Plain.take`.

        Raises:
            NotNowError: there is no memory to read to (``FS-OUT-OF-MEANS``).
        """
        with durable.means():
            self._taken.append(self._plain.take(names, paths))

    def hear(self) -> Taken:
        """What became of them."""
        return self._taken.pop(0)

    def _memory(self, octets: int) -> memoryview:
        self._rooms.append(SPARE.take(octets))
        return self._rooms[-1]


class _Asked(NamedTuple):
    """A question, how many files it is about, and what it takes of the pipes at most."""

    files: int
    octets: int
    answer: int


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
        listed: a listing of its folder called each file a regular one.
        abreast: hash several files at once where the processor can.
        read_soon: copies will be read again soon, and stay in the page cache.

    Attributes:
        ahead: questions beyond the one at work that are worth asking.
    """

    ahead = 1

    def __init__(
        self,
        root: int,
        most: int,
        *,
        copy_to: int = -1,
        drop_cache: bool = False,
        listed: bool = False,
        abreast: bool = True,
        read_soon: bool = False,
    ) -> None:
        said = [str(root), str(copy_to), str(most), str(int(drop_cache)), str(int(listed))]
        said += [str(int(read_soon)), sha2.PATH if abreast and sha2.LANES else ""]
        said += [str(SMALL.__file__) if SMALL is not None else ""]
        self.process = _start(said, (root,) if copy_to < 0 else (root, copy_to))
        self._asked: deque[_Asked] = deque()
        self._questions, self._answers = _room(self.process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the end of the process; one at work finishes what it was asked, unless there is
        an error: then nobody wants that any more.
        """
        if error is not None:
            self.give_up()
        self._wait()

    @property
    def may_be_asked(self) -> bool:
        """Whether asker and helper cannot come to wait for each other: all answers fit the pipe."""
        return sum(asked.answer for asked in self._asked) <= self._answers

    def would_wait(self, names: Sequence[str], paths: Sequence[bytes]) -> bool:
        """Whether asking could wait for the helper to have read what it was asked before."""
        asked = sum(each.octets for each in self._asked) + _octets(paths)
        answers = sum(each.answer for each in self._asked) + _answer(names, paths)
        return asked > self._questions or answers > self._answers

    def ask(
        self,
        names: Sequence[str],
        paths: Sequence[bytes],
        looks: Iterable[Look] = (),
        kept: Sequence[bytes] = (),
    ) -> None:
        """Give it some files; arguments as :meth:`helper_main.Plain.take`."""
        self._asked.append(_Asked(len(paths), _octets(paths), _answer(names, paths)))
        # marshal spells plain tuples only.
        asked: Any = (list(names), list(paths), [tuple(look) for look in looks], list(kept))
        self._send(asked)

    def _send(self, said: Any) -> None:
        process = self.process
        if process is None or process.stdin is None:
            return
        question = marshal.dumps(said)
        try:
            process.stdin.write(len(question).to_bytes(4, "little") + question)
            process.stdin.flush()
        except (OSError, ValueError):  # it was killed; or given up, and its pipes are closed
            self.give_up()

    def hear(self) -> Taken:
        """What became of the oldest question; waits for it.

        Everything was left if the process could not be started, or was killed.
        """
        files = self._asked.popleft().files
        process = self.process
        if process is not None and process.stdout is not None:
            answers = process.stdout
            size = int.from_bytes(answers.read(4), "little")
            said = answers.read(size)
            if size and len(said) == size:
                taken: Taken = marshal.loads(said)  # noqa: S302 (our own process's)
                return taken
            self.give_up()
        return [-1] * files, []

    def give_up(self) -> None:
        """End it at once, if it has not come to its end: from now on everything is left."""
        self.leave()
        self._wait()

    def _wait(self) -> None:
        """Wait for its end. Of several threads one does: pipes are closed once."""
        process, self.process = self.process, None
        if process is not None:
            process.communicate()

    def leave(self) -> None:
        """Kill it, from any thread: whoever waits to hear, hears that everything was left. It may
        be stopped, or wait for a file server that is gone.
        """
        process = self.process
        if process is not None:
            process.kill()


def _octets(paths: Sequence[bytes]) -> int:
    """What a question takes of a pipe, at most; only asked of questions without fences."""
    return sum(map(len, paths)) + 8 * len(paths) + 2 * _PAGE


def _answer(names: Sequence[str], paths: Sequence[bytes]) -> int:
    """What an answer takes of a pipe, at most."""
    return (16 + _LONGEST * len(names)) * len(paths) + 2 * _PAGE


def _room(process: subprocess.Popen[bytes] | None) -> tuple[int, int]:
    """What the pipes for questions and answers hold: as much as the system grants."""
    if process is None or process.stdin is None or process.stdout is None:
        return 0, 0
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # there are limits for each user
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    return fcntl.fcntl(process.stdin, fcntl.F_GETPIPE_SZ), fcntl.fcntl(
        process.stdout, fcntl.F_GETPIPE_SZ
    )


def _start(said: Sequence[str], keep: Sequence[int]) -> subprocess.Popen[bytes] | None:
    script = helper_main.__file__
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", _RUN, script, *said],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},  # no tier's keys
            pass_fds=keep,
        )
    except OSError:
        return None
