"""An inventory row gives back what was put into it, through CSV, whatever the file is called."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from preservation.bags.tree import csv_line
from preservation.model.identification import DOUBTS, REMARKS
from preservation.model.inventory import COLUMNS, InventoryRow, read_row

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
WORDS = st.lists(st.text("abc/-.1", min_size=1, max_size=6), max_size=3).map(tuple)
FLAGS = st.lists(st.sampled_from(sorted(DOUBTS | REMARKS)), max_size=3, unique=True).map(tuple)
ROWS = st.builds(
    InventoryRow,
    path=st.binary(min_size=1, max_size=30),
    octets=st.integers(0, 1 << 50),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    format_id=st.sampled_from(["", "fmt/18", "samarkand/bam"]),
    puid=st.sampled_from(["", "fmt/18", "x-fmt/266"]),
    format=TEXT,
    mime=TEXT,
    validity_reason=TEXT,
    facts=TEXT,
    candidates=WORDS,
    flags=FLAGS,
    warnings=WORDS,
)


@given(ROWS)
def test_a_row_comes_back_as_it_was(row: InventoryRow) -> None:
    text = csv_line(COLUMNS) + csv_line(row.values())
    (values,) = csv.DictReader(io.StringIO(text.decode("utf-8"), newline=""))
    again = read_row(values)
    if row.puid and not row.format_id:  # what an inventory without the column means
        assert again.format_id == row.puid
    else:
        assert again == row
    assert values["doubtful"] == ("yes" if row.doubtful else "no")


def test_an_inventory_of_fewer_columns_is_read_by_their_names() -> None:
    row = read_row({"bytes": "7", "path": "data/%25.txt", "puid": "fmt/18", "flags": "empty"})
    assert (row.path, row.octets, row.format_id, row.validity) == (b"data/%.txt", 7, "fmt/18", "")
    assert row.doubtful
