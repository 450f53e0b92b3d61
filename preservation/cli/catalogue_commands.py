"""``preserve catalogue`` and ``preserve journal``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from preservation.app.parts import open_home
from preservation.app.upkeep import check_catalogue, rebuild_catalogue
from preservation.catalogue.aside import LATER
from preservation.catalogue.rebuild import RebuildReport
from preservation.cli.findings_shown import show_findings
from preservation.cli.opening import opened
from preservation.cli.options import Json, group
from preservation.cli.shell import Shell, shell
from preservation.errors import CatalogueUnavailableError
from preservation.model.units import counted

if TYPE_CHECKING:
    from rich.console import Console

catalogue_app = group("Check the catalogue, or make it again.")
journal_app = group("Move events into the journal and onto the tiers.")


@catalogue_app.command()
def check(ctx: typer.Context, as_json: Json = False) -> None:
    """Hold the catalogue against a fresh one made from tiers and journal; changes nothing."""
    here = shell(ctx)
    _drain_first(here, "")
    report, differences = check_catalogue(here.home)

    def render(out: Console) -> None:
        _render(out, report)
        for difference in differences:
            out.print(f"differs: {difference}")
        if differences:
            out.print("next: `preserve catalogue rebuild` makes it again from tiers and journal")
        else:
            out.print("the catalogue says what tiers and journal say")

    body = {**report.counts(), "differences": differences}
    here.answer(as_json, "samarkand.catalogue-check/1", body, render, 4 if differences else 0)


@catalogue_app.command()
def rebuild(ctx: typer.Context, as_json: Json = False) -> None:
    """Make the catalogue again from tiers and journal; the former one is kept beside it."""
    here = shell(ctx)
    drained = _drain_first(here, "; events that were not drained from it are lost")
    report, former = rebuild_catalogue(here.home, drained=drained)

    def render(out: Console) -> None:
        _render(out, report)
        if former:
            out.print(f"the former catalogue lies at {former}")

    body = {**report.counts(), "former": former}
    exit_code = 4 if report.disputes else 0
    here.answer(as_json, "samarkand.catalogue-rebuild/1", body, render, exit_code)


def _drain_first(here: Shell, lost: str) -> bool:
    """Save what the catalogue alone knows; a catalogue that is gone has nothing to save.

    Raises:
        CatalogueUnavailableError: it is locked, or can't be reached now: it may be well.
    """
    try:
        with open_home(here.home) as parts:
            parts.drain()
    except CatalogueUnavailableError as error:
        if error.code in LATER:
            raise
        here.warn(f"{error.message}{lost}")
        return False
    return True


def _render(out: Console, report: RebuildReport) -> None:
    for tier, count in report.sidecars.items():
        out.print(f"{tier}: {counted(count, 'sidecar')}")
    out.print(f"journal: {counted(report.events, 'event')}, {report.applied} of them changed a row")
    held = f"{counted(report.versions, 'version')}, {counted(report.replicas, 'replica')}"
    out.print(f"catalogue: {held}")
    for key in report.undrained_versions:
        out.print(f"no event tells of {key}: it is here by its sidecar alone")
    for key, tier in report.undrained_replicas:
        out.print(f"no event tells of {key} on {tier}: it is here by its sidecar alone")
    show_findings(out, report.findings, "")


@journal_app.command()
def drain(ctx: typer.Context, as_json: Json = False) -> None:
    """Move events from the catalogue's outbox into the journal, and copy it to two tiers."""
    here = shell(ctx)
    with opened(here) as parts:
        drained = parts.drain()

    def render(out: Console) -> None:
        files = counted(len(drained.files), "file")
        out.print(f"{counted(drained.events, 'event')} drained into {files}")
        show_findings(out, drained.findings, "")

    body = {
        "events": drained.events,
        "files": list(drained.files),
        "copied": dict(drained.copied),
        "findings": [finding.to_json() for finding in drained.findings],
    }
    exit_code = 5 if drained.findings else 0
    here.answer(as_json, "samarkand.journal-drain/1", body, render, exit_code)
