"""``preserve bag``: make and validate BagIt bags; no home is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from preservation.bags.create import create as create_bag
from preservation.bags.validate import Mode
from preservation.bags.validate import validate as validate_bag
from preservation.cli.options import Json, group
from preservation.cli.shell import shell
from preservation.errors import UsageError
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm
from preservation.model.finding import Finding
from preservation.model.units import format_size

bag_app = group("Make and validate BagIt bags; no home is needed.")

_WORKERS = 2


@bag_app.command()
def validate(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="The bag's base folder.")],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    completeness: Annotated[
        bool, typer.Option("--completeness-only", help="Names only: no fixity check.")
    ] = False,
    oxum: Annotated[
        bool, typer.Option("--oxum-only", help="Sizes and counts only: no fixity check.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Validate a bag by RFC 8493: one verdict with every finding. Exit code 3 if invalid."""
    here = shell(ctx)
    if completeness and oxum:
        raise UsageError("choose one of --completeness-only and --oxum-only")
    mode = Mode.COMPLETENESS if completeness else Mode.OXUM if oxum else Mode.FULL
    with here.watching() as progress:
        settings = EngineSettings(workers=_WORKERS)
        report = validate_bag(path, mode=mode, strict=strict, settings=settings, progress=progress)

    def render(out: Console) -> None:
        _print_findings(out, report.findings)
        verdict = "valid" if report.valid else "INVALID"
        what = f"{report.files} files, {format_size(report.octets)}"
        checked = ", ".join(algorithm.value for algorithm in report.algorithms)
        how = f"every byte compared ({checked})" if report.fixity_checked else "no fixity check"
        out.print(f"{verdict}: BagIt {report.version or '?'}, {what}, {how}", markup=False)

    exit_code = 0 if report.valid else 3
    here.answer(as_json, "samarkand.bag-validate/1", report.to_json(), render, exit_code)


@bag_app.command()
def create(
    ctx: typer.Context,
    src: Annotated[Path, typer.Argument(help="The folder whose files become the payload.")],
    dest: Annotated[Path, typer.Argument(help="The bag; it must not be there yet.")],
    algorithm: Annotated[
        list[str] | None, typer.Option(help="A manifest's algorithm; SHA-256 is always there.")
    ] = None,
    info: Annotated[
        list[str] | None, typer.Option(help="A line of bag-info.txt: 'Label: value'.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a bag from a folder. The folder stays as it is; the bag appears whole or not at all."""
    here = shell(ctx)
    algorithms = [_algorithm(name) for name in algorithm or ["sha512"]]
    elements = [_element(line) for line in info or []]
    with here.watching() as progress:
        report = create_bag(
            src,
            dest,
            algorithms=algorithms,
            bag_info=elements,
            settings=EngineSettings(workers=_WORKERS),
            progress=progress,
        )

    def render(out: Console) -> None:
        _print_findings(out, report.findings)
        if report.created:
            out.print(f"{dest}: {report.files} files, {format_size(report.octets)}", markup=False)
        else:
            out.print("not made: mend what is listed above; the folder was not changed")

    exit_code = 0 if report.created else 3
    here.answer(as_json, "samarkand.bag-create/1", report.to_json(), render, exit_code)


def _algorithm(name: str) -> Algorithm:
    found = Algorithm.named(name)
    if found is None:
        known = ", ".join(one.value for one in Algorithm)
        raise UsageError(f"no such algorithm: {name!r}", hint=f"known are {known}")
    return found


def _element(line: str) -> tuple[str, str]:
    label, colon, value = line.partition(":")
    if not colon:
        raise UsageError(f"not a line of bag-info.txt: {line!r}", hint="write 'Label: value'")
    return label.strip(), value.strip()


def _print_findings(out: Console, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        where = f" {finding.subject}:" if finding.subject else ""
        text = f"{finding.severity.value} [{finding.code}]{where} {finding.message}"
        out.print(text, markup=False)
        if finding.hint:
            out.print(f"    next: {finding.hint}", markup=False)
