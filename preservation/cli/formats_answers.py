"""How ``preserve formats`` spells its answers: tables, CSV files, charts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preservation.audit.format_review import DueVersion, Reviewed
from preservation.cli.findings_shown import show_findings
from preservation.cli.outfile import write_out
from preservation.cli.shell import table
from preservation.errors import UsageError
from preservation.formats.inventory.summary import BY, Line
from preservation.model.units import counted, format_size
from preservation.policy.policy import Policy
from preservation.reports.format_chart import FormatBar, page, svg

if TYPE_CHECKING:
    from rich.console import Console


def write_csv(file: Path | None, rows: Iterable[Mapping[str, Any]]) -> None:
    """RFC 4180 with a header, in UTF-8; nothing where no file is named."""
    if file is not None:
        write_out(file, _csv(rows))


def _csv(rows: Iterable[Mapping[str, Any]]) -> Iterable[bytes]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for number, row in enumerate(rows):
        if not number:
            writer.writerow(row)
        writer.writerow(row.values())
        yield out.getvalue().encode("utf-8", "backslashreplace")
        out.seek(0)
        out.truncate()


def draw(file: Path, bars: Sequence[Line], what: str) -> None:
    """Draw holdings into a file; its ending says how.

    Raises:
        UsageError: the ending is none of ours.
    """
    drawing = {".svg": svg, ".html": page}.get(file.suffix)
    if drawing is None:
        raise UsageError("a chart is a .svg or a .html file", hint="--chart holdings.html")
    rows = [
        FormatBar(one.name or "unknown format", one.id, one.risk, one.count.files, one.count.octets)
        for one in bars
    ]
    write_out(file, drawing(f"Formats held: {what}", rows).encode())


def show_lines(
    out: Console, found: Sequence[Line], by: Sequence[str], year: int | None = None
) -> None:
    """Print counts, with the columns that were asked for."""
    heads = [head for one in by for head in BY[one]]
    numbers = (">files", ">size", ">AIP versions", ">doubtful", ">invalid")
    heads += [*numbers, *(["risk"] if "format" in by else [])]
    shown = table("Formats held", *heads)
    for one in found:
        count = one.count
        shown.add_row(
            *one.told(by),
            f"{count.files:,}",
            format_size(count.octets),
            f"{count.versions:,}" if "risk" not in by or "format" in by else "",
            f"{count.doubtful:,}",
            f"{count.invalid:,}",
            *([one.risk] if "format" in by else []),
        )
    nothing = f"nothing that is held came in {year}" if year else "nothing is held yet"
    out.print(shown if found else nothing)


def show_review(
    out: Console,
    planned: Sequence[tuple[Policy, DueVersion]],
    done: Sequence[Reviewed],
    plan: bool,
) -> None:
    """Print what was planned, and what looking again came to."""
    files = sum(due.files for _, due in planned)
    verb = "would be looked at again" if plan else "looked at again"
    out.print(f"{counted(files, 'file')} of {counted(len(planned), 'AIP version')} {verb}")
    for one in done:
        if one.state != "unchanged":
            out.print(f"{one.key}: {one.state} {one.reason} {one.changed or ''}".rstrip())
        show_findings(out, one.findings)
