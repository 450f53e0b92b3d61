"""``preserve survey``: no home, no policy, nothing written but the page that is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from preservation.app.home import SystemClock
from preservation.cli.options import Json, application
from preservation.cli.shell import shell, table
from preservation.errors import UsageError
from preservation.formats.identifier import FormatIdentifier
from preservation.ingest.survey import survey as look
from preservation.ingest.survey_html import to_html
from preservation.ingest.survey_result import SCHEMA, Survey, SurveyFinding, SurveySettings
from preservation.ingest.survey_tables import View, figures, views
from preservation.model.finding import Severity
from preservation.model.units import parse_size

if TYPE_CHECKING:
    from rich.console import Console

survey_app = application()

_ROWS = 12  # of one table on a terminal; the page and the document have them all
_LINES = 3  # names below a cell
_WORKERS = 2
_ALL = 2**62  # more files, or octets, than there are


@survey_app.command()
def survey(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="Any folder. It is only read.")],
    replicas: Annotated[
        int, typer.Option(min=1, max=99, help="How many replicas the cost is reckoned for.")
    ] = 3,
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify the digests that lie beside the files.")
    ] = False,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Identify and compare every file, however long it takes."),
    ] = False,
    compare: Annotated[
        str, typer.Option(help="How much to read at most in search of duplicates.")
    ] = "8 GiB",
    html: Annotated[
        Path | None, typer.Option(help="Write the survey as a page; the file must not exist.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at any folder, read-only: what is there, what to mend, what taking it in would cost.

    Exits 4 if something has to be mended before the folder can be taken in, else 0.
    """
    here = shell(ctx)
    settings = SurveySettings(replicas=replicas, verify=verify, compare=parse_size(compare))
    if everything:
        settings = replace(settings, identify=_ALL, compare=_ALL, patience=timedelta(days=365))
    if html is not None and html.exists():
        raise UsageError(f"{html} exists already", hint="name a file that is not there yet")
    with here.watching() as progress, FormatIdentifier(_WORKERS) as identifier:
        found = look(path, identifier, settings, progress, SystemClock())
    if html is not None:
        _write(html, found)
    exit_code = 4 if found.must_be_mended else 0
    body = found.to_json()
    here.answer(as_json, SCHEMA, body, lambda out: render(found, out, html), exit_code, styled=True)


def render(survey: Survey, console: Console, page: Path | None = None) -> None:
    """Print a survey for people: three sentences, then tables.

    Args:
        survey: what was found.
        console: where to print.
        page: the HTML page that was written, if one was.
    """
    mood = "green" if survey.verdict.ready else "red"
    console.print(f"\n[bold]{escape(survey.root)}[/]")
    can, *others = survey.verdict.sentences
    console.print(f"[{mood}]{escape(can)}[/]")
    for sentence in others:
        console.print(escape(sentence))
    console.print()
    numbers = (f"[bold]{escape(number)}[/] {escape(words)}" for number, words in figures(survey))
    console.print(" · ".join(numbers))
    console.print()
    for finding in survey.findings:
        _tell(finding, console)
    for view in views(survey):
        if view.rows and view.key != "findings":
            _draw(view, console)
    console.print(f"[dim]{escape(survey.cost.assumption)}[/]")
    for sentence in survey.limits:
        console.print(f"[yellow]not looked at:[/] {escape(sentence)}")
    if page is not None:
        console.print(f"page: {escape(str(page))}")


def _tell(finding: SurveyFinding, console: Console) -> None:
    heavy = finding.severity is not Severity.WARNING
    mark = "[red]✗[/]" if heavy else "[yellow]![/]"
    console.print(f"{mark} {escape(finding.message)} [dim]{finding.code}[/]")
    for example in finding.examples[:_LINES]:
        console.print(f"    [dim]{escape(example)}[/]")
    console.print(f"    → {escape(finding.hint)}\n")


def _draw(view: View, console: Console) -> None:
    drawn = table(view.title, *view.columns)
    for row in view.rows[:_ROWS]:
        drawn.add_row(
            *(
                "\n".join(escape(line) for line in (cell.text, *cell.lines[:_LINES]) if line)
                for cell in row
            )
        )
    console.print(drawn)
    if len(view.rows) > _ROWS:
        console.print(f"[dim]and {len(view.rows) - _ROWS} more: see --html or --json[/]")
    if view.lead:
        console.print(f"[dim]{escape(view.lead)}[/]")
    console.print()


def _write(page: Path, found: Survey) -> None:
    try:
        with page.open("x", encoding="utf-8") as file:
            file.write(to_html(found))
    except OSError as error:
        raise UsageError(
            f"{page} can't be written: {error.strerror}", hint="name a file that can be made"
        ) from error
