"""Parquet: the footer, every column chunk inside the file, every page read.

Pages that carry a CRC are held against it.

Source: the Apache Parquet format; pyarrow.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.format_check import Unchecked

LIBRARY = "pyarrow"
MOST_GROUP = 1 << 30  # octets of one row group, unpacked
_ROWS = 65_536


def check(subject: Subject) -> None:
    """Footer, places, pages."""
    head, tail = subject.at(0, 4), subject.at(max(0, subject.octets - 4), 4)
    if b"PARE" in (head, tail):
        raise NotChecked(Unchecked.ENCRYPTED, "its footer is encrypted")
    if head != b"PAR1" or tail != b"PAR1":
        raise Invalid("truncated" if head == b"PAR1" else "structure", "it does not end as Parquet")
    with subject.open() as source:
        try:
            file = pq.ParquetFile(pa.PythonFile(source, "r"), page_checksum_verification=True)
            _read(subject, file)
        except pa.ArrowNotImplementedError as error:
            raise NotChecked(Unchecked.CODEC_ABSENT, str(error)) from error
        except (pa.ArrowException, OSError) as error:
            if "encrypt" in str(error).lower():
                raise NotChecked(Unchecked.ENCRYPTED, str(error)) from error
            raise Invalid("structure", str(error)) from error


def _read(subject: Subject, file: Any) -> None:
    metadata = file.metadata
    subject.facts["rows"] = metadata.num_rows
    subject.facts["columns"] = metadata.num_columns
    subject.facts["row_groups"] = metadata.num_row_groups
    counted = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        _expect_inside(subject, group, number)
        if group.total_byte_size > MOST_GROUP:
            raise NotChecked(Unchecked.TOO_LARGE, f"row group {number} is larger than is unpacked")
        for batch in file.iter_batches(_ROWS, row_groups=[number], use_threads=False):
            counted += batch.num_rows
            subject.spend(0)
    if metadata.num_columns and counted != metadata.num_rows:
        message = f"{counted} rows are there, the footer says {metadata.num_rows}"
        raise Invalid("structure", message)


def _expect_inside(subject: Subject, group: Any, number: int) -> None:
    for index in range(group.num_columns):
        column = group.column(index)
        if not column.num_values and not column.data_page_offset:
            continue  # without rows there may be no data page, and then no place for it
        start = column.dictionary_page_offset or column.data_page_offset
        start = min(start, column.data_page_offset)
        end = start + column.total_compressed_size
        if start < 4 or end > subject.octets:
            message = f"column {index} of row group {number} lies outside the file"
            raise Invalid("truncated", message)
