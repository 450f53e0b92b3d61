"""What a walk tells of a folder, as octets in a file: so memory stays flat, and two walks are
compared by comparing octets.

A lot is some entries: how many, the octets of their paths, the looks at all of them
(:mod:`preservation.files.looks`), and their paths with a NUL between. Regular files have lots of
their own; in the others a path begins with the number of its kind. The same walk makes the same
lots.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import field
from itertools import zip_longest
from typing import NamedTuple

from preservation.files.looks import LOOK, unpacked
from preservation.files.walk import RUN, Entry, Kind, Run
from preservation.fixity.fence import looks_of
from preservation.model.deferred import dataclass

_HEAD = struct.Struct("<?II")  # whether they are regular files; entries; octets of their paths
HEAD = _HEAD.size
_KINDS = tuple(Kind)


class Noted(NamedTuple):
    """Some entries.

    Attributes:
        files: they are regular files; else each path begins with the number of its kind.
    """

    files: bool
    paths: list[bytes]
    looks: bytes

    def packed(self) -> bytes:
        """The octets in the file."""
        paths = b"\0".join(self.paths)
        return _HEAD.pack(self.files, len(self.paths), len(paths)) + self.looks + paths


def octets_of(head: bytes) -> int:
    """How many octets follow the head of a lot."""
    _, entries, paths = _HEAD.unpack(head)
    return int(entries * LOOK.size + paths)


def read(packed: bytes) -> Noted:
    """A lot from its octets."""
    files, entries, _ = _HEAD.unpack_from(packed)
    after = HEAD + entries * LOOK.size
    return Noted(files, packed[after:].split(b"\0"), packed[HEAD:after])


def difference(one: Noted, other: Noted) -> bytes:
    """A path of which two lots that should be the same do not say the same."""
    for mine, its in zip_longest(_entries(one), _entries(other)):
        if mine != its:
            return min(each[-1] for each in (mine, its) if each is not None)
    return b""


def _entries(lot: Noted) -> Iterator[tuple[bool, bytes, tuple[int, ...], bytes]]:
    at = 0 if lot.files else 1
    for path, look in zip(lot.paths, unpacked(lot.looks), strict=True):
        yield lot.files, path[:at], look, path[at:]


@dataclass(slots=True)
class Gathering:
    """Makes lots of what a walk tells."""

    _files: list[Run] = field(default_factory=list)
    _count: int = 0  # of files in those runs
    _others: list[Entry] = field(default_factory=list)

    def add(self, told: Entry | Run) -> Iterator[Noted]:
        """Take in one thing; gives the lots that are full."""
        if isinstance(told, Run):
            if self._files and self._count + len(told.paths) > RUN:
                yield self._lot_of_files()
            self._files.append(told)
            self._count += len(told.paths)
        else:
            self._others.append(told)
            if len(self._others) == RUN:
                yield self._lot_of_others()

    def rest(self) -> Iterator[Noted]:
        """The last lots."""
        if self._files:
            yield self._lot_of_files()
        if self._others:
            yield self._lot_of_others()

    def _lot_of_files(self) -> Noted:
        runs, self._files, self._count = self._files, [], 0
        if len(runs) == 1:
            return Noted(True, *runs[0])
        paths = [path for run in runs for path in run.paths]
        return Noted(True, paths, b"".join([run.looks for run in runs]))

    def _lot_of_others(self) -> Noted:
        entries, self._others = self._others, []
        paths = [bytes([_KINDS.index(each.kind)]) + each.path for each in entries]
        return Noted(False, paths, looks_of(entries))
