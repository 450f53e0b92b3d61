"""The tables as Parquet files, a file each: for those who count with other tools.

With ``overflow.py`` the only module of this room that imports ``pyarrow``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from preservation.reports.document import REPORT_SCHEMA
from preservation.reports.rows import Run

_PLAIN = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


def about_run(run: Run) -> dict[str, str]:
    """What the files' metadata carry: the report's schema, community, run and policy digest."""
    return {
        "schema": REPORT_SCHEMA,
        "community": run.community,
        "run": run.id,
        "policy": run.policy,
    }


def encode_tables(tables: Any, about: dict[str, str]) -> dict[str, bytes]:
    """Each table's file by its name, ``checks.parquet`` and so on; ``about`` goes into their
    metadata. Empty tables have one too.
    """
    types = get_type_hints(type(tables))
    return {
        f"{name}.parquet": _encode(rows, get_args(types[name])[0], about)
        for name, rows in tables.named()
    }


def _encode(rows: Sequence[Any], kind: type, about: dict[str, str]) -> bytes:
    table = table_of(rows, schema_of(kind, about))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    octets: bytes = sink.getvalue().to_pybytes()
    return octets


def table_of(rows: Sequence[Any], schema: Any) -> Any:
    """Rows as an Arrow table; column by column, which costs a third of row by row."""
    columns = [
        pa.array([_plain(getattr(row, field.name)) for row in rows], field.type) for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _plain(value: Any) -> Any:
    """A value as Arrow takes it: rows within rows as mappings."""
    nested = isinstance(value, tuple) and value and is_dataclass(value[0])
    return [asdict(item) for item in value] if nested else value


def schema_of(kind: type, about: dict[str, str]) -> Any:
    """The Arrow schema of a table of such rows."""
    return pa.schema(_members(kind), metadata=about)


def _members(kind: type) -> list[Any]:
    """One Arrow field for each field of a row; only what may be None is nullable."""
    types = get_type_hints(kind)
    return [_member(field.name, types[field.name]) for field in fields(kind)]


def _member(name: str, hint: Any) -> Any:
    if get_origin(hint) is UnionType:
        inner = next(option for option in get_args(hint) if option is not type(None))
        return pa.field(name, _arrow(inner), nullable=True)
    return pa.field(name, _arrow(hint), nullable=False)


def _arrow(hint: Any) -> Any:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if get_origin(hint) is tuple:
        return pa.list_(pa.field("item", _arrow(get_args(hint)[0]), nullable=False))
    return pa.struct(_members(hint))
