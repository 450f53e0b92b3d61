"""The report as one self-contained page: it opens from a file and asks nobody for anything.

Its own policy (Content-Security-Policy) forbids every script and style but the two that are
in it, by their digests, and every request. So even a name that slipped through the escaping
could do nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from preservation.formats.risk import SOURCE
from preservation.model.outcome import Level, Outcome
from preservation.model.units import format_size
from preservation.reports.cells import Cell, cell, is_numeric
from preservation.reports.chart import BAR, PARTS, WIDTH, bars, height
from preservation.reports.columns import VIEWS, View
from preservation.reports.document import Report
from preservation.reports.numbers import FIGURES, Figure
from preservation.reports.words import brief, minute, span

DRAWN = 1000  # rows of one table: a page of two megabytes opens at once, one of ten does not

_OUTCOME_WORDS = {
    Outcome.INTACT: "every file was read and compared, and is as it was",
    Outcome.ALTERED: "bytes differ from the recorded digest, or a file is there that should not be",
    Outcome.MISSING: "the tier is there, the replica or a file of it is not",
    Outcome.UNREADABLE: "the medium failed, and failed again",
    Outcome.UNCHECKED: "nothing is known: access was denied, or the tier did not answer",
}


def report_page(report: Report, files: Sequence[str]) -> bytes:
    """Draw the report.

    Args:
        report: what is told.
        files: names of the data files that will lie beside the page.
    """
    rows = dict(report.tables.named())
    tables = {
        view.id: draw_table(view, rows[view.source], FIGURES, report.totals[view.source])
        for view in VIEWS
    }
    ages = report.tables.ages
    return render(
        "report.html.j2",
        report=report,
        tables=tables,
        figures={figure.key: figure for figure in FIGURES},
        chart={"bars": bars(ages), "width": WIDTH, "height": height(ages), "bar": BAR},
        parts=dict(PARTS),
        sizes={key: format_size(report.numbers[key]) for key in ("bytes", "bytes_read")},
        levels=list(Level),
        outcomes=_OUTCOME_WORDS,
        files=files,
        risk_source=SOURCE,
        window=span(report.run.at - report.run.since),
    )


def index_page(entries: Sequence[Mapping[str, Any]], total: int) -> bytes:
    """Draw the list of reports, the newest of ``total``."""
    return render("index.html.j2", entries=entries, total=total)


def draw_table(
    view: View, rows: Sequence[Any], figures: Iterable[Figure], total: int | None = None
) -> dict[str, Any]:
    """What the template's macro draws a table from; ``total`` where rows are not all kept."""
    counted = {figure.where[0] for figure in figures if figure.table == view.source}
    drawn = [[cell(row, column) for column in view.columns] for row in rows[:DRAWN]]
    kept = [
        place for place in range(len(view.columns)) if _says_something(place, view, drawn, counted)
    ]
    return {
        "view": view,
        "total": len(rows) if total is None else total,
        "columns": [view.columns[place] for place in kept],
        "rows": [[(view.columns[place], cells[place]) for place in kept] for cells in drawn],
        "numeric": {column.key for column in view.columns if is_numeric(column)},
    }


def _says_something(
    place: int, view: View, drawn: Sequence[Sequence[Cell]], counted: AbstractSet[str]
) -> bool:
    """A column that no row has a value in is left out, unless a headline counts by it."""
    column = view.columns[place]
    silent = {"", "no"} if column.kind == "alarm" else {""}
    return column.key in counted or any(cells[place].value not in silent for cells in drawn)


def render(template: str, **values: Any) -> bytes:
    """Draw a template with the style, the script and the policy that all pages have."""
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(
        style=style,
        script=script,
        security=policy,
        **values,
    ).encode("utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("preservation.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"minute": minute, "brief": brief}
    return environment


def _asset(name: str) -> str:
    folder = resources.files("preservation.reports") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The source expression that allows exactly this inline text (CSP level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
