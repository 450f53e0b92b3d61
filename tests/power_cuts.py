"""What a power cut may leave at each moment of some work: any state that is allowed, not the
likely one.

The work is done once, in this process. At each call that gives, takes or exchanges a name, or makes
something durable, what is there is compared with what was there at the call before. So a model
grows of what is durable: octets of a file once the file, or all of its file system, was synced; a
name once its folder was. All else is pending, and a cut leaves any part of it: of names some, of
octets all, none, the beginning, or zeros.

Taken for granted: a rename, or an exchange, is one step, in force once a folder that has a new name
by it is synced. What is ``exempt`` is as it is: how the catalogue survives is SQLite's.

Source: T. S. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
"""

from __future__ import annotations

import os
import random
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from preservation.files import durable
from preservation.files.remove import remove_tree

UNTOUCHED = "inbox"  # whose files are known by their times
NAMING = ("rename", "replace", "link", "unlink", "mkdir", "rmdir")
Names = dict[int, dict[str, int]]  # of each folder: name -> what has it
Change = tuple[int, str, int | None]  # folder, name, what has it now
Unit = list[Change]  # in force together, or not at all
State = dict[str, bytes | None]  # path below the root -> octets; None: a folder


@dataclass(frozen=True)
class Manner:
    """How much of what is pending a cut leaves.

    Attributes:
        names: the share of names.
        octets: of files: ``none``, ``torn``, or ``any``, by lot for each.
    """

    names: float
    octets: str


LEAST = Manner(0.0, "none")
NAMES_ALONE = Manner(1.0, "torn")
BY_LOT = Manner(0.5, "any")
MANNERS = (LEAST, NAMES_ALONE, BY_LOT)


class Medium:
    """What of a folder is on the medium, and what is only on its way there.

    Args:
        exempt: whether an entry of the folder itself is as it is after a cut.
    """

    def __init__(self, root: Path, exempt: Callable[[str], bool]) -> None:
        self.root, self._exempt = root, exempt
        self._seen: dict[int, bytes] = {}
        self._marks: dict[int, tuple[int, int]] = {}
        self._folders = self._read()
        self._pending: list[Unit] = []
        self.all_is_synced()

    # -- what happens

    def look(self) -> None:
        """Take note of what has changed."""
        before, self._folders = self._folders, self._read()
        self._pending += _units(before, self._folders)

    def is_synced(self, fd: int) -> None:
        """An open file, or folder, was made durable."""
        number = os.fstat(fd).st_ino
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            self._settle(lambda unit: _settles(unit, number))
        else:
            self._data[number] = self._seen[number] = Path(f"/proc/self/fd/{fd}").read_bytes()

    def all_is_synced(self) -> None:
        """The whole file system was made durable."""
        self._data, self._pending = dict(self._seen), []
        self._names = {folder: dict(names) for folder, names in self._folders.items()}

    def _settle(self, settles: Callable[[Unit], bool]) -> None:
        left: list[Unit] = []
        for unit in self._pending:
            if not settles(unit):
                left.append(unit)
                continue
            _apply(unit, self._names)
            over = {change[:2] for change in unit}  # what was pending for these names before
            left = [[one for one in each if one[:2] not in over] for each in left]
        self._pending = [unit for unit in left if unit]

    def _read(self) -> Names:
        found: Names = {}
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            names = found.setdefault(folder.stat().st_ino, {})
            with os.scandir(folder) as entries:
                for entry in entries:
                    if folder == self.root and self._exempt(entry.name):
                        continue
                    with suppress(FileNotFoundError):  # another thread took it away
                        names[entry.name] = self._entry(entry, waiting)
        return found

    def _entry(self, entry: os.DirEntry[str], waiting: list[Path]) -> int:
        seen = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(seen.st_mode):
            waiting.append(Path(entry.path))
        elif self._marks.get(seen.st_ino) != (mark := (seen.st_size, seen.st_mtime_ns)):
            self._marks[seen.st_ino] = mark
            self._seen[seen.st_ino] = Path(entry.path).read_bytes()
        return seen.st_ino

    # -- what a cut leaves

    def after_cut(self, manner: Manner, draw: random.Random) -> State:
        """One of the states that may be there when the power comes back."""
        names = {folder: dict(inside) for folder, inside in self._names.items()}
        for unit in self._pending:
            if draw.random() < manner.names:
                _apply(unit, names)
        state: State = {}
        waiting = [(self.root.stat().st_ino, "")]
        laid: set[int] = set()
        while waiting:
            folder, at = waiting.pop()
            for name, number in sorted(names.get(folder, {}).items()):
                if number in self._seen:
                    state[f"{at}{name}"] = self._octets(number, manner, draw)
                elif number not in laid:
                    laid.add(number)
                    state[f"{at}{name}"] = None
                    waiting.append((number, f"{at}{name}/"))
        return state | self._exempted()

    def _octets(self, number: int, manner: Manner, draw: random.Random) -> bytes:
        durably, now = self._data.get(number), self._seen[number]
        if durably == now:
            return now
        torn = draw.choice([now[: draw.randrange(len(now) + 1)], bytes(len(now))])
        if manner.octets == "any":
            return draw.choice([durably or b"", torn, now])
        return torn if manner.octets == "torn" else durably or b""

    def _exempted(self) -> State:
        state: State = {}
        tops = (path for path in self.root.iterdir() if path.name != UNTOUCHED)
        for top in filter(lambda path: self._exempt(path.name), tops):
            for path in [top, *sorted(top.rglob("*"))]:
                name = str(path.relative_to(self.root))
                state[name] = None if path.is_dir() else path.read_bytes()
        return state


def _units(before: Names, after: Names) -> list[Unit]:
    """What changed between two looks: each name by itself, but for what has moved."""
    changes = [
        (folder, name, after.get(folder, {}).get(name))
        for folder in {*before, *after}
        for name in {**before.get(folder, {}), **after.get(folder, {})}
        if before.get(folder, {}).get(name) != after.get(folder, {}).get(name)
    ]
    former = {change: before.get(change[0], {}).get(change[1]) for change in changes}
    moved = {number for _, _, number in changes if number} & {*former.values()}
    together = [one for one in changes if one[2] in moved or former[one] in moved]
    apart = [[one] for one in changes if one not in together]
    return [*apart, together] if together else apart


def _settles(unit: Unit, folder: int) -> bool:
    """Whether a sync of a folder makes it durable."""
    gives = [change for change in unit if change[2] is not None] or unit
    return any(change[0] == folder for change in gives)


def _apply(unit: Unit, names: Names) -> None:
    for folder, name, number in unit:
        inside = names.setdefault(folder, {})
        if number is None:
            inside.pop(name, None)
        else:
            inside[name] = number


def lay(state: State, root: Path) -> None:
    """Put a state where it was; what it says nothing of stays untouched."""
    for top in {name.partition("/")[0] for name in state} | {*os.listdir(root)} - {UNTOUCHED}:
        remove_tree(root / top)
    for name, octets in sorted(state.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if octets is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(octets)


@contextmanager
def watched(medium: Medium, at: Callable[[int], None]) -> Iterator[None]:
    """Follow what this process does to a medium.

    Args:
        at: is told the number of each call that matters, before it is made.
    """
    lock, count = threading.RLock(), [0]

    def around(real: Callable[..., Any], then: Callable[..., None]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with lock:
                medium.look()
                at(count[0])
                count[0] += 1
                result = real(*args, **kwargs)
                then(*args)
                return result

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in NAMING:
            patch.setattr(os, name, around(getattr(os, name), lambda *_: medium.look()))
        renames = around(durable._renameat2, lambda *_: medium.look())
        patch.setattr(durable, "_renameat2", renames)
        patch.setattr(os, "fsync", around(os.fsync, medium.is_synced))
        everything = around(durable.sync_tree, lambda _: medium.all_is_synced())
        patch.setattr(durable, "sync_tree", everything)
        yield
