"""The data files of tables that are too long to be kept: written as their rows pass.

Files have other names until the report is whole, so the files of the report before stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, get_args, get_type_hints

import pyarrow.parquet as pq

from preservation.files import durable
from preservation.reports.csv_files import csv_header, csv_rows
from preservation.reports.parquet import schema_of, table_of
from preservation.reports.rows import Tables

_HALF = ".half-"


class Overflow:
    """Writes long tables into a folder."""

    def __init__(self, folder: Path, about: Mapping[str, str]) -> None:
        self._folder, self._about = folder, dict(about)
        self._kinds = {name: get_args(hint)[0] for name, hint in get_type_hints(Tables).items()}
        self._parquet: dict[str, Any] = {}
        self._csv: dict[str, BinaryIO] = {}

    def write(self, table: str, rows: Iterable[Any]) -> None:
        """See ``sink.Writer``."""
        kind, some = self._kinds[table], list(rows)
        schema = schema_of(kind, self._about)
        with durable.plain_errors(self._folder):
            if table not in self._parquet:
                half = self._folder / f"{_HALF}{table}.parquet"
                self._parquet[table] = pq.ParquetWriter(half, schema, compression="zstd")
                self._csv[table] = (self._folder / f"{_HALF}{table}.csv").open("wb")
                self._csv[table].write(csv_header(kind))
            self._parquet[table].write_table(table_of(some, schema))
            self._csv[table].writelines(csv_rows(kind, some))

    def finish(self) -> list[str]:
        """Give the files their names; returns these."""
        names = []
        for table in self._parquet:
            self._parquet[table].close()
            self._csv[table].close()
            for name in (f"{table}.parquet", f"{table}.csv"):
                durable.put_in_place(self._folder / f"{_HALF}{name}", self._folder / name)
                names.append(name)
        return names

    def close(self) -> None:
        """Leave nothing open, whatever happened."""
        for table in self._parquet:
            self._parquet[table].close()
            self._csv[table].close()
        for path in self._folder.glob(f"{_HALF}*"):
            path.unlink()
