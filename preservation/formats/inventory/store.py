"""The central inventory of one community: parts in Parquet, one folder for each month of ingest.

    <root>/community=<c>/month=<yyyy-mm>/part-<number>.parquet

A part is written aside and given its name in one step, so a run that was killed leaves nothing
half-made; what it left is removed by the next. Of an AIP version that stands in several parts
the one with the highest number counts. A part that can't be read is as if it were not there.

Who writes holds the community's lease. Memory does not grow with the number of files or versions.

Source: ``docs/formats/inventory.md``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from preservation.files import durable
from preservation.formats.inventory.held import HeldVersions
from preservation.formats.inventory.schema import INVENTORY_SCHEMA, SCHEMA
from preservation.formats.inventory.versions import HeldVersion, Key
from preservation.model.deferred import dataclass

_NAME = re.compile(r"part-(\d{8})\.parquet")
_ABOUT = b"samarkand"
ROWS = 1 << 14  # of one row group: what memory holds
SMALL = 1 << 18  # rows below which parts are put together
MANY = 16  # small parts of one month
VERSIONS = 10_000  # of one part at most: its footer names them, and is read whole

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One file of the inventory, and what its footer says of it.

    Attributes:
        count: how many versions are in it.
    """

    path: Path
    number: int
    rows: int
    count: int

    @property
    def versions(self) -> tuple[HeldVersion, ...]:
        """They are read anew each time: there may be many parts."""
        found = _read(self.path)
        return () if found is None else found[1]


class CommunityInventory:
    """One community's part of the central inventory, as it was when it was opened."""

    def __init__(self, root: Path, community: str) -> None:
        self._folder = root / f"community={community}"
        self._community = community

    @property
    def parts(self) -> list[Part]:
        """Every part that can be read, by number."""
        return self._opened[0]

    @property
    def versions(self) -> HeldVersions:
        """The AIP versions that are in it."""
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[list[Part], HeldVersions]:
        parts, held = list[Part](), HeldVersions()
        for path in sorted(self._named(), key=_number):
            if (found := _read(path)) is not None:
                part, versions = found
                parts.append(part)
                held.take(part.number, versions)
        return parts, held

    def write(self, month: str, held: Iterable[tuple[HeldVersion, Iterable[Row]]]) -> None:
        """Write parts of the month with these versions; with none, nothing.

        A version is asked for its rows once, before the next one.
        """
        waiting = iter(held)
        while (first := next(waiting, None)) is not None:
            self._write(month, chain([first], islice(waiting, VERSIONS - 1)))

    def _write(self, month: str, held: Iterable[tuple[HeldVersion, Iterable[Row]]]) -> None:
        folder = self._folder / f"month={month}"
        number = 1 + max((_number(path) for path in self._named()), default=0)
        aside = folder / f".part-{number:08d}.unfinished"
        with durable.plain_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as sink:
                self._fill(sink, held)
                sink.flush()
                os.fsync(sink.fileno())
            path = folder / f"part-{number:08d}.parquet"
            durable.rename_exclusive(aside, path)
            durable.fsync_dir(folder)
        if "_opened" in self.__dict__ and (found := _read(path)) is not None:
            self.parts.append(found[0])
            self.versions.take(number, found[1])

    def _remove(self, part: Part) -> None:
        """A part that counts no more."""
        part.path.unlink()
        self.parts.remove(part)
        self.versions.forget(part.number)

    def _fill(self, sink: Any, held: Iterable[tuple[HeldVersion, Iterable[Row]]]) -> None:
        written: list[HeldVersion] = []
        with pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
            for version, rows in held:
                several = iter(rows)
                while some := list(islice(several, ROWS)):
                    writer.write_table(pa.Table.from_pylist(some, schema=SCHEMA))
                written.append(version)
            about = {
                "schema": INVENTORY_SCHEMA,
                "community": self._community,
                "versions": [one.to_json() for one in written],
            }
            writer.add_key_value_metadata({_ABOUT: json.dumps(about, sort_keys=True).encode()})

    def tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Rows in pieces, those of a version one after the other; only what counts."""
        wanted, counts = list(dict.fromkeys(["aip", "version", *columns])), self.versions.counts()
        for part in self.parts:
            counting = counts.get(part.number, 0)
            if not counting:
                continue
            old = self._overtaken(part) if counting < part.count else set[Key]()
            with pq.ParquetFile(part.path) as file:
                for batch in file.iter_batches(ROWS, columns=wanted):
                    table = pa.Table.from_batches([batch])
                    yield _without(table, old) if old else table

    def rows(self, keys: Iterable[Key]) -> Iterator[dict[str, Any]]:
        """Every row of some versions, whole."""
        wanted = set(keys)
        for part in self.parts:
            mine = {one.key for one in part.versions} & wanted - self._overtaken(part)
            if not mine:
                continue
            with pq.ParquetFile(part.path) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group)
                    yield from _only(table, mine).to_pylist()

    def tidy(self) -> None:
        """Remove what counts no more, and put many small parts of a month together."""
        for path in {*self._named()} - {part.path for part in self.parts}:
            path.unlink()
        for unfinished in self._folder.glob("month=*/.part-*.unfinished"):
            unfinished.unlink()
        counts = self.versions.counts()
        for part in [part for part in self.parts if not counts.get(part.number)]:
            self._remove(part)
        months: dict[str, list[Part]] = {}
        for part in self.parts:
            if part.rows < SMALL and part.count < VERSIONS:
                months.setdefault(part.path.parent.name.removeprefix("month="), []).append(part)
        for small in months.values():
            if len(small) >= MANY:
                self._write_again(small)

    def drop(self, keys: Iterable[Key]) -> None:
        """Leave versions out that are not held any more: their parts are written without them."""
        gone = set(keys)
        numbers = {self.versions.number(key) for key in gone}
        for part in [part for part in self.parts if part.number in numbers]:
            self._write_again([part], gone)

    def _write_again(self, several: list[Part], gone: Collection[Key] = ()) -> None:
        """Put parts of one month into one new part, without what counts no more."""
        month, held = several[0].path.parent.name.removeprefix("month="), self.versions
        kept = (
            (version, rows)
            for part in several
            for version, rows in _by_version(part)
            if held.number(version.key) == part.number and version.key not in gone
        )
        self.write(month, kept)
        for part in several:
            self._remove(part)

    def _overtaken(self, part: Part) -> set[Key]:
        """The versions of a part that count in a later one."""
        held = self.versions
        return {one.key for one in part.versions if held.number(one.key) != part.number}

    def _named(self) -> list[Path]:
        return [path for path in self._folder.glob("month=*/part-*.parquet") if _number(path)]


def _read(path: Path) -> tuple[Part, tuple[HeldVersion, ...]] | None:
    try:
        with pq.ParquetFile(path) as file:
            about = json.loads(_footer(file))
            rows = file.metadata.num_rows
        if about["schema"] != INVENTORY_SCHEMA:
            return None
        versions = tuple(HeldVersion.from_json(one) for one in about["versions"])
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None  # derived: what cannot be read is made again
    return Part(path, _number(path), rows, len(versions)), versions


def _by_version(part: Part) -> Iterator[tuple[HeldVersion, Iterable[Row]]]:
    """The rows of a part, version by version: they stand one after the other."""
    known = {one.key: one for one in part.versions}
    with pq.ParquetFile(part.path) as file:
        rows = (row for batch in file.iter_batches(ROWS) for row in batch.to_pylist())
        for key, mine in groupby(rows, lambda row: (row["aip"], row["version"])):
            yield known.pop(key), mine
    yield from ((version, ()) for version in known.values())  # without a file


def _footer(file: Any) -> bytes:
    return bytes((file.metadata.metadata or {})[_ABOUT])


def _number(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def _keys(table: pa.Table) -> Any:
    aips, versions = (table.column(name).cast(pa.string()) for name in ("aip", "version"))
    return pc.binary_join_element_wise(aips, versions, ".v")


def _spelled(keys: Iterable[Key]) -> pa.Array:
    return pa.array([f"{aip}.v{version}" for aip, version in keys], pa.string())


def _without(table: pa.Table, keys: Iterable[Key]) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(_keys(table), value_set=_spelled(keys))))


def _only(table: pa.Table, keys: Iterable[Key]) -> pa.Table:
    return table.filter(pc.is_in(_keys(table), value_set=_spelled(keys)))
