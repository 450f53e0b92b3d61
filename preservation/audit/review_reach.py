"""Where the files that are looked at again lie: in a replica that is a folder, or, where every
replica is a tar, fetched from one into a private folder, some at a time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from preservation.bags.tree import NAMES, read_names
from preservation.catalogue.protocol import VersionRow
from preservation.errors import MalformedError, UsageError
from preservation.files.remove import remove_tree
from preservation.model.names import unescaped
from preservation.model.progress import Progress, Silence

ASKED = 256  # files at once
FETCHED = 20_000  # files that are fetched together: a tar without an index is read through for them
FETCHED_OCTETS = 1 << 30

InventoryRow = Mapping[str, Any]


class Restore(Protocol):
    """Writes files of an AIP version out, each verified under the seal: ``replication.restore``."""

    def __call__(
        self, version: VersionRow, folder: Path, progress: Progress, only: Collection[bytes] = ()
    ) -> object: ...


class Portion(NamedTuple):
    """Some rows of the inventory, and where their files lie until the next portion is taken.

    Attributes:
        paths: of each row's file, relative to the root.
    """

    root: Path
    rows: list[InventoryRow]
    paths: list[bytes]


class Reach(Protocol):
    """Makes files reachable, a portion at a time."""

    def portions(self, rows: Iterator[InventoryRow]) -> Iterator[Portion]: ...


class InFolder:
    """Files that lie in a replica already."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def portions(self, rows: Iterator[InventoryRow]) -> Iterator[Portion]:
        """The files where they are."""
        kept = _encoded(self._root)
        while some := list(islice(rows, ASKED)):
            yield Portion(self._root, some, _paths(some, kept))


class Fetched:
    """Files that are fetched from whatever replica verifies.

    Args:
        scratch: an existing folder with room for :data:`FETCHED_OCTETS`, or for the largest file.
    """

    def __init__(self, restore: Restore, version: VersionRow, scratch: Path) -> None:
        self._restore = restore
        self._version = version
        self._scratch = scratch

    def portions(self, rows: Iterator[InventoryRow]) -> Iterator[Portion]:
        """The files, as they are fetched; each portion is removed when the next one is taken.

        Raises:
            SourceDamagedError: no replica gives them.
            TierUnavailableError: none can be read now.
            UsageError: the inventory names a file that the bag has not.
            NoSpaceError, NotNowError: the scratch folder's disk is in the way.
        """
        with tempfile.TemporaryDirectory(prefix="review-", dir=self._scratch) as made:
            top = Path(made)
            with suppress(UsageError):  # most bags hold every name as it was
                self._restore(self._version, top, Silence(), [NAMES])
            kept = _encoded(top)
            for some in _together(rows):
                folder = top / "files"
                folder.mkdir()
                paths = _paths(some, kept)
                self._restore(self._version, folder, Silence(), paths)
                for at in range(0, len(some), ASKED):
                    yield Portion(folder, some[at : at + ASKED], paths[at : at + ASKED])
                remove_tree(folder)


def _together(rows: Iterator[InventoryRow]) -> Iterator[list[InventoryRow]]:
    """Rows whose files are fetched at a time."""
    some: list[InventoryRow] = []
    octets = 0
    for row in rows:
        if some and (len(some) >= FETCHED or octets + row["bytes"] > FETCHED_OCTETS):
            yield some
            some, octets = [], 0
        some.append(row)
        octets += row["bytes"]
    if some:
        yield some


def _paths(rows: list[InventoryRow], kept: Mapping[bytes, bytes]) -> list[bytes]:
    named = (unescaped(row["path"]) for row in rows)
    return [kept.get(path, path) for path in named]


def _encoded(root: Path) -> dict[bytes, bytes]:
    """Where the files lie whose names the bag could not hold. Wrong here is not believed later:
    what counts is compared with its sealed digest.
    """
    try:
        with open(root / os.fsdecode(NAMES), encoding="utf-8", newline="") as lines:
            return {original: kept for kept, original in read_names(lines)}
    except (OSError, MalformedError):
        return {}
