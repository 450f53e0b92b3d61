"""``docs/reference/report.md`` names every number, table and column, and no other."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from preservation.reports.columns import VIEWS
from preservation.reports.document import REPORT_SCHEMA
from preservation.reports.numbers import FIGURES
from preservation.reports.rows import Tables

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "report.md").read_text("utf-8")


def section(title: str) -> str:
    found = re.search(rf"^#+ {title}$(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"no section {title!r}"
    return found[1]


def told(text: str) -> list[str]:
    return re.findall(r"^\| `([a-z_0-9]+)` \|", text, re.MULTILINE)


def test_the_reference_names_the_schema() -> None:
    assert PAGE.startswith(f"# Reports: `{REPORT_SCHEMA}`")


def test_every_column_is_described_in_its_order() -> None:
    hints = get_type_hints(Tables)
    for table in fields(Tables):
        row = get_args(hints[table.name])[0]
        assert told(section(table.name)) == [field.name for field in fields(row)], table.name


def test_every_number_is_described_with_the_rows_it_counts() -> None:
    lines = dict(re.findall(r"^\| `([a-z_0-9]+)` \| (.+) \|$", section("Numbers"), re.MULTILINE))
    assert list(lines) == [figure.key for figure in FIGURES]
    for figure in FIGURES:
        text = lines[figure.key]
        assert text.startswith(f"`{figure.table}`"), figure.key
        assert not figure.where[0] or f"where `{figure.where[0]}` is " in text
        assert not figure.column or text.endswith(f" `{figure.column}`")
        assert figure.distinct == (", distinct " in text)


def test_the_page_shows_every_column_that_a_number_counts() -> None:
    shown = {view.id: {column.key for column in view.columns} for view in VIEWS}
    for figure in FIGURES:
        wanted = {figure.where[0], figure.column} - {""}
        assert wanted <= shown[figure.table], figure.key
