"""Rows by their keys, many at once, found by an index on both databases.

``(a, b, c) IN (VALUES …)`` says the same in one condition, and SQLite walks the whole table for
it: three million replicas for each event recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

CHUNK = 500


def chunks(items: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """Lists of at most ``size`` items, in order."""
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def one_of(
    connection: sa.Connection, column: sa.ColumnElement[Any], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    """That a column has one of these values. PostgreSQL gets them as one array: a statement that
    stays the same is prepared once, where hundreds of parameters are parsed each time.
    """
    if connection.dialect.name != "postgresql":
        return column.in_(values)
    return column == sa.any_(sa.literal(list(values), sa.ARRAY(column.type)))


def among(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    keys: Iterable[tuple[Any, ...]],
) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that together choose exactly the rows with these keys, each row once.

    Keys that differ in one column only (the one with most values, for a batch of events the
    AIP) share a condition: the others equal, that one in a list.
    """
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return
    kinds = [len(set(values)) for values in zip(*wanted, strict=True)]
    wide = kinds.index(max(kinds))
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for key in wanted:
        groups.setdefault((*key[:wide], *key[wide + 1 :]), []).append(key[wide])
    columns = [table.c[name] for name in names]
    varied = columns.pop(wide)
    for fixed, values in groups.items():
        same = [column == value for column, value in zip(columns, fixed, strict=True)]
        for some in chunks(values):
            yield sa.and_(*same, one_of(connection, varied, some))
