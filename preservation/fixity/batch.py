"""Files of one folder that are read together, and what came of it: columns, no object for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from preservation.fixity.reading import Measured
from preservation.model.digest import Algorithm
from preservation.model.names import is_safe


class Batch(NamedTuple):
    """Some files, and what is wanted of them.

    Attributes:
        expected: one column for each algorithm: the raw digests of all files, joined. None at
            all where there is nothing to compare with.
    """

    paths: Sequence[bytes]
    algorithms: tuple[Algorithm, ...]
    expected: tuple[bytes, ...] = ()

    def part(self, first: int, after: int) -> Batch:
        """The same for some of its files."""
        columns = zip(self.algorithms, self.expected, strict=False)
        return Batch(
            self.paths[first:after],
            self.algorithms,
            tuple(column[first * each.octets : after * each.octets] for each, column in columns),
        )

    def chosen(self, which: Sequence[bool]) -> Batch:
        """The same for those of its files for which it is true."""
        columns = [
            b"".join(itertools.compress(pieces(column, each.octets), which))
            for each, column in zip(self.algorithms, self.expected, strict=False)
        ]
        return Batch(list(itertools.compress(self.paths, which)), self.algorithms, tuple(columns))

    @property
    def names(self) -> list[str]:
        """What ``hashlib`` calls its algorithms."""
        return [each.hashlib_name for each in self.algorithms]

    @property
    def safe(self) -> Sequence[bytes]:
        """Its paths, those that could leave the root emptied: such a one opens nothing."""
        whole = b"/%b/" % b"/\0/".join(self.paths)
        inside = not (b"//" in whole or b"/./" in whole or b"/../" in whole)
        if inside and whole.count(b"\0") == len(self.paths) - 1:
            return self.paths
        return [path if is_safe(path) else b"" for path in self.paths]


def pieces(column: bytes, width: int) -> Iterator[bytes]:
    """The values in a column, one by one."""
    return (column[at : at + width] for at in range(0, len(column), width))


class Done(NamedTuple):
    """A batch, read.

    Attributes:
        octets: for each file how many were read; below zero where ``columns`` are without it.
        columns: for each algorithm the raw digests of the files that were read, joined.
        others: by number, files that took more than that to read, or could not be. One that is
            neither here nor in ``columns`` is large: it comes by itself.
    """

    batch: Batch
    octets: Sequence[int]
    columns: Sequence[bytes]
    others: Sequence[tuple[int, Measured]]
