"""Helper processes that stay from one folder to the next.

To start one takes as long as to read some hundred small files. So whoever goes through many
folders of some hundred files keeps them, and few files are enough to be worth asking one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from preservation.fixity.helper_main import Taken
from preservation.fixity.helpers import Helper

ENOUGH = 32  # files below which asking a helper that is there costs more than it gains
START = 1024  # files of all folders so far, below which none is started


class Kept:
    """Helpers that wait for their next folder. Safe for any thread; use it as a context.

    One that died, or is asked something that nobody wants any more, does not come back.

    Args:
        most: octets; larger files are left.
        drop_cache: ask the system to forget each file's cached pages first.
    """

    def __init__(self, most: int, *, drop_cache: bool) -> None:
        self._most, self.drop_cache = most, drop_cache
        self._lock = threading.Lock()
        self._idle: list[Helper] = []
        self._lent: set[Helper] = set()
        self._files = 0
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            idle, self._idle, self._ended = self._idle, [], True
        for helper in idle:
            helper.give_up()
        self.leave()

    @property
    def enough(self) -> int:
        """How many files a folder has for which helpers are worth asking, or starting."""
        with self._lock:
            return max(ENOUGH, START - self._files)

    def passed(self, files: int) -> None:
        """So many files are read with or without helpers: there may be more like them."""
        with self._lock:
            self._files += files

    def take(self, root: int, path: Path) -> Helper:
        """A helper that reads from a folder from now on.

        Args:
            root: the folder, open.
            path: where it is.
        """
        with self._lock:
            helper = self._idle.pop() if self._idle else None
        if helper is None:
            helper = Helper(root, self._most, drop_cache=self.drop_cache)
        else:
            helper.move(root, path)
        with self._lock:
            self._lent.add(helper)
        return helper

    def give_back(self, helper: Helper) -> None:
        """Keep a helper, or end it if it can't be asked anew."""
        is_idle = helper.is_idle
        if is_idle:
            helper.rest()
        with self._lock:
            self._lent.discard(helper)
            if is_idle and not self._ended:
                self._idle.append(helper)
                return
        helper.give_up()

    def leave(self) -> None:
        """Kill those that are at work, from any thread: see :meth:`Helper.leave`."""
        with self._lock:
            lent = list(self._lent)
        for helper in lent:
            helper.leave()


class Lent:
    """A helper of the kept ones, for one thread and one folder; taken when it is first asked."""

    ahead = Helper.ahead

    def __init__(self, kept: Kept, root: int, path: Path) -> None:
        self._kept, self._root, self._path = kept, root, path
        self._helper: Helper | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            self._kept.give_back(helper)

    @property
    def may_be_asked(self) -> bool:
        """As :attr:`Helper.may_be_asked`."""
        return self._helper is None or self._helper.may_be_asked

    def ask(self, names: Sequence[str], paths: Sequence[bytes]) -> None:
        """As :meth:`Helper.ask`."""
        if self._helper is None:
            self._helper = self._kept.take(self._root, self._path)
        self._helper.ask(names, paths)

    def hear(self) -> Taken:
        """As :meth:`Helper.hear`."""
        if self._helper is None:
            raise RuntimeError("nothing was asked")
        return self._helper.hear()

    def leave(self) -> None:
        """As :meth:`Helper.leave`."""
        helper = self._helper
        if helper is not None:
            helper.leave()
