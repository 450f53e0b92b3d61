"""Kill a child process at a chosen system call, without a hook in the code under test.

The child is forked, its ``os`` functions and those of ``preservation.files.durable`` are
wrapped, and it sends itself SIGKILL just before the n-th call. What was written stays in the
page cache: this proves the order of steps, not what a power cut would leave.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from preservation.files import durable
from preservation.fixity import helpers

OS_CALLS = (
    "open",
    "write",
    "fsync",
    "rename",
    "link",
    "mkdir",
    "unlink",
    "rmdir",
    "chmod",
    "fchmod",
)
DURABLE_CALLS = ("rename_exclusive", "exchange", "sync_tree", "write_new", "replace", "fsync_dir")


Also = Sequence[tuple[Any, str]]  # further functions to die before: (module or class, name)


def killed_at(act: Callable[[], object], n: int, also: Also = ()) -> bool:
    """Run ``act`` in a child that dies before its n-th call; False if it ended before that."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _arm(n, also)
            act()
            status = 0
        except BaseException:  # noqa: BLE001 - the parent asserts on the exit status
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, -signal.SIGKILL), f"the child failed at point {n}"
    return ended != 0


def each_kill(prepare: Callable[[], Callable[[], object]]) -> Iterator[int]:
    """Kill at the first call, the second, … until the act comes to its end; yields after each.

    ``prepare`` makes a fresh scene and gives the act. The last yield is after a whole run.
    """
    n = 0
    killed = True
    while killed:
        n += 1
        killed = killed_at(prepare(), n)
        yield n


def trace(act: Callable[[], object], also: Also = ()) -> list[str]:
    """The names of the calls that ``act`` makes, in order."""
    calls: list[str] = []
    restore = _wrap(calls.append, also)
    try:
        act()
    finally:
        restore()
    return calls


def _arm(n: int, also: Also) -> None:
    calls = itertools.count(1)  # of all threads

    def count(_: str) -> None:
        if next(calls) == n:
            os.kill(os.getpid(), signal.SIGKILL)

    _wrap(count, also)


def _wrap(before: Callable[[str], None], also: Also) -> Callable[[], None]:
    kept: list[tuple[Any, str, Any]] = [(helpers, "SMALL", helpers.SMALL)]
    helpers.SMALL = None  # what C reads and writes goes by unseen
    ours = [(os, name) for name in OS_CALLS] + [(durable, name) for name in DURABLE_CALLS]
    for module, name in (*ours, *also):
        original = getattr(module, name)
        kept.append((module, name, original))

        @functools.wraps(original)
        def wrapped(*args: Any, _original: Any = original, _name: str = name, **kwargs: Any) -> Any:
            before(_name)
            return _original(*args, **kwargs)

        setattr(module, name, wrapped)

    def restore() -> None:
        for module, name, original in kept:
            setattr(module, name, original)

    return restore
