"""A report about a month or a year, written: page, JSON, Parquet and CSV in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

from preservation.files import durable
from preservation.model.canonical import canonical
from preservation.model.deferred import dataclass
from preservation.reports.build import DOCUMENT, PAGE
from preservation.reports.csv_files import csv_file
from preservation.reports.document import PERIOD_SCHEMA
from preservation.reports.index import write_index
from preservation.reports.parquet import encode_tables
from preservation.reports.period import PeriodReport
from preservation.reports.period_page import period_page
from preservation.reports.period_rows import PeriodTables


@dataclass(frozen=True, slots=True)
class PeriodFiles:
    """Where the report lies, and what it says."""

    html: Path
    json: Path
    index: Path
    report: PeriodReport


def period_folder(out: Path, community: str, kind: str, name: str) -> Path:
    """Where the report about a period lies, or would."""
    return out / community / f"{kind}-{name}"


def write_period(report: PeriodReport, out: Path) -> PeriodFiles:
    """Write the report; one about the same period is replaced.

    Raises:
        NoSpaceError, NotNowError: the folder cannot be written.
    """
    run = report.run
    folder = period_folder(out, run.community, run.kind, run.name)
    with durable.plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    about = {
        "schema": PERIOD_SCHEMA,
        "community": run.community,
        "run": run.id,
        "policy": run.policy,
    }
    files = encode_tables(report.tables, about)
    if run.kind != "evidence":
        del files["requirements.parquet"]
    types = get_type_hints(PeriodTables)
    for name, rows in report.tables.named():
        if name == "requirements" and run.kind != "evidence":
            continue
        files[f"{name}.csv"] = csv_file(get_args(types[name])[0], rows)
    for name, data in files.items():
        durable.replace(folder / name, data)
    durable.replace(folder / PAGE, period_page(report, [DOCUMENT, *files]))
    durable.replace(folder / DOCUMENT, canonical(report.to_json()) + b"\n")
    return PeriodFiles(folder / PAGE, folder / DOCUMENT, write_index(out), report)
