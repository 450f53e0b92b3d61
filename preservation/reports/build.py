"""One report, written: a page, a JSON document, Parquet and CSV files in a folder of their own.

``<out>/<community>/<run>/`` holds them. The document is written last, and the index lists
documents only, so a folder that a crash left half-made is not shown. The same run written
again takes the place of what it wrote before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args, get_type_hints

from preservation.files import durable
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.reports.csv_files import csv_file
from preservation.reports.document import Report
from preservation.reports.gather import Sources, gather
from preservation.reports.holdings import shown
from preservation.reports.index import write_index
from preservation.reports.overflow import Overflow
from preservation.reports.page import report_page
from preservation.reports.parquet import about_run, encode_tables
from preservation.reports.rows import Run, Tables

PAGE, DOCUMENT = "report.html", "report.json"


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a report lies, and what it says."""

    html: Path
    json: Path
    parquet: tuple[Path, ...]
    index: Path
    report: Report


def build(
    sources: Sources, out: Path, *, clock: Clock, run: str, since: datetime, agent: str
) -> ReportFiles:
    """Report on one run for the community of ``sources.policy``.

    Args:
        sources: what is read.
        out: the folder of all reports; it is made if it is not there.
        clock: tells the moment up to which the report goes.
        run: the run's name; written again, it replaces what was written for it before.
        since: when the run began. What was checked, found and deposited from then on is told.
        agent: who writes: program, version, host.

    Raises:
        NoSpaceError, NotNowError: the folder cannot be written.
        CatalogueUnavailableError: the catalogue does not answer.
    """
    policy = sources.policy
    about = Run(shown(run), policy.community, since, clock.now(), shown(agent), policy.ref)
    folder = _folder(out / policy.community, run, about.at)
    with durable.plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    long = Overflow(folder, about_run(about))
    try:
        report = gather(sources, about, long)
        names = _write_tables(report, folder, long.finish())
    finally:
        long.close()
    durable.replace(folder / PAGE, report_page(report, [DOCUMENT, *names]))
    durable.replace(folder / DOCUMENT, report.encode())
    return ReportFiles(
        html=folder / PAGE,
        json=folder / DOCUMENT,
        parquet=tuple(folder / name for name in names if name.endswith(".parquet")),
        index=write_index(out),
        report=report,
    )


def _write_tables(report: Report, folder: Path, written: Sequence[str]) -> list[str]:
    """Write the tables that are kept whole; returns the names of all data files."""
    files = encode_tables(report.tables, about_run(report.run))
    kinds = get_type_hints(Tables)
    for name, rows in report.tables.named():
        files[f"{name}.csv"] = csv_file(get_args(kinds[name])[0], rows)
    for name, data in files.items():
        if name not in written:
            durable.replace(folder / name, data)
    return list(files)


def _folder(reports: Path, run: str, at: datetime) -> Path:
    """The run's folder; one that was written before midnight is written again."""
    name = folder_name(run, at)
    before = sorted(reports.glob(f"*-{name.rpartition('-')[2]}"))
    return before[0] if before else reports / name


def folder_name(run: str, at: datetime) -> str:
    """A run's folder: its day, its name as far as every file system takes it, a digest."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", run).strip("-")[:60]
    mark = hashlib.sha256(run.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return "-".join(part for part in (f"{at.astimezone(UTC):%Y-%m-%d}", plain, mark) if part)
