"""Events as Parquet: copies of the journal by community and month, for questions over millions.

They are derived: deleted, they are made again from the journal. A part holds the events of some
consecutive journal files and is named after the first and the last of them; a part whose files
lie within another's is overtaken and not read. So a run that was killed leaves nothing wrong.

Imports ``pyarrow``; nothing that a quick command needs may import this module.

Source: ``docs/formats/events.md``.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from preservation.errors import BusyError, SamarkandError
from preservation.files import durable
from preservation.ledger.lines import parse
from preservation.ledger.protocol import Journal
from preservation.model.canonical import canonical
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventType

_SCHEMA = "samarkand.events/1"
_AT_ONCE = 1 << 25  # octets of journal files that make one part
_MOST_PARTS = 24  # of one month, before they become one
_ROWS = 50_000  # read at once
_WHOLE = 1_000  # read at once with all that they carry: of a finding, hundreds of files
_TRIES = 5
_PART = "[0-9]*-[0-9]*.parquet"
_ARCHIVE = "_"  # events about no community; no community's id has an underscore

COLUMNS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("agent", pa.string(), nullable=False),
        pa.field("aip", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("tier", pa.string(), nullable=False),
        pa.field("policy", pa.string(), nullable=False),
        pa.field("octets", pa.int64(), nullable=False),  # read by a check, taken in, written
        pa.field("files", pa.int64(), nullable=False),
        pa.field("finding", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),  # the whole of it, as JSON
    ],
    metadata={"schema": _SCHEMA},
)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many events of one kind there were in a month, and what they come to."""

    month: str  # "2026-11", UTC
    type: str
    outcome: str
    tier: str
    events: int
    octets: int
    files: int


class EventTable:
    """The Parquet copies below one folder."""

    def __init__(self, root: Path, journal: Journal) -> None:
        self._root = root
        self._journal = journal

    def refresh(self) -> int:
        """Copy what the journal has and the table has not; returns how many events that were.

        One process at a time: the caller holds a lease.

        Raises:
            NoSpaceError, NotNowError: the folder cannot be written, the journal not be read.
        """
        names, through = self._journal.names(), self._through()
        if through and through not in names:  # another journal than the one that was copied
            shutil.rmtree(self._root)
            through = ""
        copied = 0
        touched: set[Path] = set()
        for batch in self._batches(names[names.index(through) + 1 :] if through else names):
            rows: dict[Path, list[dict[str, Any]]] = {}
            for name, data in batch:
                for event in parse(name, data, _passed_over):
                    rows.setdefault(self._folder(event), []).append(_row(event))
                    copied += 1
            part = f"{_seq(batch[0][0])}-{_seq(batch[-1][0])}.parquet"
            for folder, some in rows.items():
                _write(folder / part, [pa.Table.from_pylist(some, schema=COLUMNS)])
            touched |= rows.keys()
            self._note(batch[-1][0])
        for folder in touched:
            _put_together(folder)
        return copied

    def tallies(self, community: str, first: str, last: str) -> list[Tally]:
        """Count a community's events from one month to another, both included (``2026-01``)."""
        columns = ["type", "outcome", "tier", "octets", "files"]
        counts: Counter[tuple[str, ...]] = Counter()
        octets: Counter[tuple[str, ...]] = Counter()
        files: Counter[tuple[str, ...]] = Counter()
        for month, batch in self._read(community, first, last, columns):
            sums = [("octets", "sum"), ("files", "sum"), ([], "count_all")]
            table = pa.Table.from_batches([batch]).group_by(columns[:3]).aggregate(sums)
            for row in table.to_pylist():
                key = (month, row["type"], row["outcome"], row["tier"])
                counts[key] += row["count_all"]
                octets[key] += row["octets_sum"]
                files[key] += row["files_sum"]
        return [
            Tally(month, kind, outcome, tier, counts[key], octets[key], files[key])
            for key in sorted(counts)
            for month, kind, outcome, tier in (key,)
        ]

    def citing(self, community: str, first: str, last: str) -> int:
        """How many events of these months name the policy that they obeyed."""
        read = self._read(community, first, last, ["policy"])
        return sum(pc.sum(pc.not_equal(batch["policy"], "")).as_py() or 0 for _, batch in read)

    def events(
        self, community: str, since: datetime, findings: Collection[str] | None = None
    ) -> Iterator[Event]:
        """A community's events from a moment on, by month, in the order of the journal.

        Args:
            findings: those about these findings only.
        """
        first = f"{since.astimezone(UTC):%Y-%m}"
        moment = pa.scalar(since, COLUMNS.field("at").type)
        for _, batch in self._read(community, first, "9999-12", COLUMNS.names):
            wanted = pc.greater_equal(batch["at"], moment)
            if findings is not None:
                about = pc.is_in(batch["finding"], value_set=pa.array(findings, pa.string()))
                wanted = pc.and_(wanted, about)
            for row in batch.filter(wanted).to_pylist():
                yield _event(row, community)

    def _read(
        self, community: str, first: str, last: str, columns: list[str]
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        for folder in sorted(self._root.glob(f"community={community or _ARCHIVE}/month=*")):
            month = folder.name.removeprefix("month=")
            if first <= month <= last:
                for file in _opened(folder):
                    with file:
                        rows = _WHOLE if "detail" in columns else _ROWS
                        for batch in file.iter_batches(rows, columns=columns):
                            yield month, batch

    def _batches(self, names: Sequence[str]) -> Iterator[list[tuple[str, bytes]]]:
        batch: list[tuple[str, bytes]] = []
        size = 0
        for name in names:
            data = self._journal.read(name)
            if batch and size + len(data) > _AT_ONCE:
                yield batch
                batch, size = [], 0
            batch.append((name, data))
            size += len(data)
        if batch:
            yield batch

    def _folder(self, event: Event) -> Path:
        month = f"{event.at.astimezone(UTC):%Y-%m}"
        return self._root / f"community={event.community or _ARCHIVE}" / f"month={month}"

    def _through(self) -> str:
        """The last journal file that was copied; empty if none was."""
        try:
            data = json.loads((self._root / "copied.json").read_bytes())
            return str(data["through"]) if data["schema"] == _SCHEMA else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _note(self, name: str) -> None:
        with durable.plain_errors(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
        document = {"schema": _SCHEMA, "through": name}
        durable.replace(self._root / "copied.json", canonical(document) + b"\n")


def _row(event: Event) -> dict[str, Any]:
    detail = event.detail
    files = detail.get("files", 0)
    return {
        "id": event.id,
        "at": event.at,
        "type": event.type.value,
        "outcome": _text(event.outcome),
        "agent": _text(event.agent),
        "aip": _text(event.aip),
        "version": event.version,
        "tier": _text(event.tier),
        "policy": _text(event.policy),
        "octets": _whole(detail.get("bytes_read", detail.get("bytes", 0))),
        "files": sum(map(_whole, files.values())) if isinstance(files, dict) else _whole(files),
        "finding": _text(str(detail.get("finding", ""))),
        "detail": json.dumps(detail, sort_keys=True, separators=(",", ":")),
    }


def _event(row: Mapping[str, Any], community: str) -> Event:
    names = ("id", "at", "outcome", "agent", "aip", "version", "tier", "policy")
    return Event(
        type=EventType(row["type"]),
        community=community,
        detail=json.loads(row["detail"]),
        **{name: row[name] for name in names},
    )


def _text(words: str) -> str:
    """What Parquet can hold: no lone surrogate, which a damaged line may have."""
    return words.encode("utf-8", "backslashreplace").decode()


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and abs(value) < 2**62 else 0


def _seq(name: str) -> str:
    """The sequence number in a journal file's name, ``<yyyy>/<seq>.jsonl``."""
    return name.rpartition("/")[2].removesuffix(".jsonl")


def _passed_over(_: SamarkandError) -> None:
    """A damaged line is told by the rebuild and the drain; the copies hold what there is."""


def _range(part: Path) -> tuple[str, str]:
    first, _, last = part.stem.partition("-")
    return first, last


def _live(folder: Path) -> list[Path]:
    """The parts of a month that no other has overtaken, in order."""
    live: list[Path] = []
    reached = ""
    found = {path: _range(path) for path in folder.glob(_PART)}
    for path in sorted(found, key=lambda one: (found[one][0], -int(found[one][1]))):
        if found[path][1] > reached:
            live.append(path)
            reached = found[path][1]
    return live


def _opened(folder: Path) -> list[pq.ParquetFile]:
    """A month's parts, open: another run may put them together while they are read.

    Raises:
        BusyError: they changed again and again (``EVT-BUSY``).
    """
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return [pq.ParquetFile(part) for part in _live(folder)]
    raise BusyError(f"the parts in {folder} change all the time", code="EVT-BUSY")


def _put_together(folder: Path) -> None:
    """Make one part of a month's many; then remove whatever is overtaken."""
    live = _live(folder)
    if len(live) > _MOST_PARTS:
        whole = folder / f"{_range(live[0])[0]}-{_range(live[-1])[1]}.parquet"
        _write(whole, _tables(live))
        live = [whole]
    for path in {*folder.glob(_PART), *folder.glob(".tmp-*")} - set(live):
        path.unlink()


def _tables(parts: Iterable[Path]) -> Iterator[pa.Table]:
    """All rows, in pieces that memory can hold."""
    for part in parts:
        with pq.ParquetFile(part) as file:
            some, rows, octets = list[pa.RecordBatch](), 0, 0
            for batch in file.iter_batches(_WHOLE):
                some.append(batch)
                rows, octets = rows + batch.num_rows, octets + batch.nbytes
                if rows >= _ROWS or octets >= _AT_ONCE:
                    yield pa.Table.from_batches(some, schema=COLUMNS)
                    some, rows, octets = [], 0, 0
            if some:
                yield pa.Table.from_batches(some, schema=COLUMNS)


def _write(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write a part where nobody looks, then give it its name."""
    with durable.plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".tmp-{path.name}")  # of a run that was killed: written over
        with pq.ParquetWriter(half, COLUMNS, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)
        durable.put_in_place(half, path)
