"""What is held: counts and lists over the central inventory, in flat memory.

Formats are counted by the answer that stands now, whoever gave it; a risk is the register's of
today. Nothing here is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, field
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from preservation.formats.inventory.store import CommunityInventory
from preservation.formats.inventory.versions import Key
from preservation.formats.risk import Risk, risk_of
from preservation.formats.watch import WEAK
from preservation.model.deferred import dataclass

_COUNTED = ("format_id", "puid", "mime", "format", "format_version", "validity")


@dataclass(frozen=True, slots=True)
class FormatKey:
    """One format in one community, by the year in which it came."""

    community: str
    year: int
    id: str
    puid: str
    name: str
    version: str
    mime: str


@dataclass(slots=True)
class Count:
    """How much there is of something.

    Attributes:
        versions: AIP versions that hold it.
        doubtful: something speaks against the format, or nobody knows it.
        invalid: the format's own library cannot read it.
        changed: a later look found another format than the sealed inventory has.
    """

    files: int = 0
    octets: int = 0
    versions: int = 0
    doubtful: int = 0
    invalid: int = 0
    changed: int = 0

    def add(self, other: Count) -> None:
        """Count in what another counted."""
        for name in ("files", "octets", "versions", "doubtful", "invalid", "changed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Found:
    """An AIP version that holds what was asked for."""

    community: str
    aip: str
    version: int
    files: int
    octets: int

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.formats-find/1``."""
        return _row(asdict(self))


@dataclass(frozen=True, slots=True)
class Attention:
    """One file that somebody should look at, and why."""

    community: str
    aip: str
    version: int
    path: str
    octets: int
    format_id: str
    format: str
    kinds: tuple[str, ...]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.formats-attention/1``."""
        return {**_row(asdict(self)), "kinds": list(self.kinds)}


@dataclass(frozen=True, slots=True)
class Answers:
    """Files of one AIP version about which the same tools said the same.

    Attributes:
        weak: see ``preservation.formats.watch.is_weak``.
        reviewed: the answer is a later look's.
    """

    key: Key
    format_id: str
    sealed_id: str
    toolchain: str
    weak: bool
    reviewed: bool
    files: int


@dataclass(slots=True)
class _Held:
    count: Count = field(default_factory=Count)
    last: Key | None = None


def counted(inventory: CommunityInventory, community: str) -> dict[FormatKey, Count]:
    """All formats that a community holds, by year of ingest."""
    held: dict[FormatKey, _Held] = {}
    columns = [*_COUNTED, "ingested_at", "bytes", "doubtful", "sealed_format_id"]
    for table in inventory.tables(columns):
        for row in _grouped(table):
            key = FormatKey(
                community,
                row["year"],
                row["format_id"],
                row["puid"],
                row["format"],
                row["format_version"],
                row["mime"],
            )
            one = held.setdefault(key, _Held())
            version = row["aip"], row["version"]
            fresh, one.last = one.last != version, version
            one.count.add(
                Count(
                    row["bytes_count"],
                    row["bytes_sum"],
                    int(fresh),
                    row["doubtful_sum"],
                    row["bytes_count"] if row["validity"] == "invalid" else 0,
                    row["changed_sum"],
                )
            )
    return {key: one.count for key, one in held.items()}


def _grouped(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows counted in groups of one version, format and validity."""
    changed = pc.not_equal(table["format_id"], table["sealed_format_id"])
    table = pa.table(
        {
            **{name: table[name] for name in (*_COUNTED, "aip", "version", "bytes")},
            "year": pc.year(table["ingested_at"]),
            "doubtful": table["doubtful"].cast(pa.int64()),
            "changed": changed.cast(pa.int64()),
        }
    )
    sums = [("bytes", "sum"), ("bytes", "count"), ("doubtful", "sum"), ("changed", "sum")]
    keys = ["aip", "version", "year", *_COUNTED]
    yield from table.group_by(keys, use_threads=False).aggregate(sums).to_pylist()


def answers(inventory: CommunityInventory) -> Iterator[Answers]:
    """Who said what about how many files; an AIP version may come in several pieces."""
    columns = ["format_id", "sealed_format_id", "toolchain", "basis", "doubtful", "candidates"]
    for table in inventory.tables([*columns, "reviewed_at"]):
        weak = [
            pc.equal(table["format_id"], ""),
            table["doubtful"],
            pc.is_in(table["basis"], value_set=pa.array(sorted(WEAK), pa.string())),
            pc.not_equal(table["candidates"], ""),
        ]
        names = ["aip", "version", "format_id", "sealed_format_id", "toolchain"]
        told = pa.table(
            {
                **{name: table[name] for name in names},
                "weak": reduce(pc.or_, weak),
                "reviewed": pc.is_valid(table["reviewed_at"]),
            }
        )
        keys = [*names, "weak", "reviewed"]
        counts = told.group_by(keys, use_threads=False).aggregate([([], "count_all")])
        for row in counts.to_pylist():
            yield Answers(
                (row["aip"], row["version"]),
                row["format_id"],
                row["sealed_format_id"],
                row["toolchain"],
                row["weak"],
                row["reviewed"],
                row["count_all"],
            )


def holding(
    inventory: CommunityInventory, community: str, wanted: Callable[[str, str, str], bool]
) -> Iterator[Found]:
    """The AIP versions with a file whose identifier, PUID or MIME type is wanted."""
    found: dict[Key, list[int]] = {}
    for table in inventory.tables(["format_id", "puid", "mime", "bytes"]):
        keys = ["aip", "version", "format_id", "puid", "mime"]
        sums = [("bytes", "sum"), ("bytes", "count")]
        for row in table.group_by(keys, use_threads=False).aggregate(sums).to_pylist():
            if wanted(row["format_id"], row["puid"], row["mime"]):
                count = found.setdefault((row["aip"], row["version"]), [0, 0])
                count[0] += row["bytes_count"]
                count[1] += row["bytes_sum"]
    for (aip, version), (files, octets) in sorted(found.items()):
        yield Found(community, aip, version, files, octets)


def attention(
    inventory: CommunityInventory, community: str, kinds: Iterable[str]
) -> Iterator[Attention]:
    """The files that somebody should look at, of these kinds (:data:`KINDS`)."""
    asked = [kind for kind in KINDS if kind in set(kinds)]
    columns = ["path", "bytes", "format_id", "puid", "format", "format_version", "flags"]
    more = ["doubtful", "validity", "validity_reason", "sealed_format_id"]
    for table in inventory.tables([*columns, *more, "virus", "virus_reason"]):
        for row in table.filter(_suspects(table)).to_pylist():
            reasons = {kind: reason for kind in asked if (reason := KINDS[kind](row))}
            if reasons:
                yield Attention(
                    community,
                    row["aip"],
                    row["version"],
                    row["path"],
                    row["bytes"],
                    row["format_id"],
                    f"{row['format']} {row['format_version']}".strip(),
                    tuple(reasons),
                    "; ".join(reasons.values()),
                )


def _suspects(table: pa.Table) -> Any:
    """Rows that any kind may be about, so that the others never become Python's objects."""
    puids = pc.unique(table["format_id"]).to_pylist()
    ageing = [puid for puid in puids if risk_of(puid).risk is Risk.HIGH]
    asked = [
        table["doubtful"],
        pc.equal(table["format_id"], ""),
        pc.equal(table["validity"], "invalid"),
        pc.equal(table["virus"], "infected"),
        pc.not_equal(table["format_id"], table["sealed_format_id"]),
        pc.is_in(table["format_id"], value_set=pa.array(ageing, pa.string())),
    ]
    return reduce(pc.or_, asked)


def _row(values: dict[str, Any]) -> dict[str, Any]:
    return {"bytes" if name == "octets" else name: value for name, value in values.items()}


def _unknown(row: dict[str, Any]) -> str:
    return "" if row["format_id"] else "no format is known"


def _doubtful(row: dict[str, Any]) -> str:
    flags = str(row["flags"]).replace(" ", ", ").replace("_", " ")
    return flags if row["doubtful"] and row["format_id"] else ""


def _invalid(row: dict[str, Any]) -> str:
    return str(row["validity_reason"] or "invalid") if row["validity"] == "invalid" else ""


def _changed(row: dict[str, Any]) -> str:
    before = row["sealed_format_id"]
    if row["format_id"] == before:
        return ""
    return f"was {before or 'unknown'} at ingest"


def _at_risk(row: dict[str, Any]) -> str:
    found = risk_of(row["format_id"])
    return f"{found.risk.value} risk ({', '.join(found.plan)})" if found.risk is Risk.HIGH else ""


def _infected(row: dict[str, Any]) -> str:
    return str(row["virus_reason"] or "infected") if row["virus"] == "infected" else ""


KINDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "unknown": _unknown,
    "doubtful": _doubtful,
    "invalid": _invalid,
    "changed": _changed,
    "risk": _at_risk,
    "infected": _infected,
}
