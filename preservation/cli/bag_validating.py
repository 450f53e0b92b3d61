"""``preserve bag validate`` itself; see ``bag_commands.py`` for its options.

Imports no Typer: with plain words a bag is validated without it, half a bag of small files sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from preservation.bags.lenient import leniencies
from preservation.bags.validate import BagReport, Mode, validate
from preservation.cli.bag_shared import WORKERS, judged, print_findings, yardstick
from preservation.cli.main import PLAIN
from preservation.cli.shell import Shell
from preservation.errors import UsageError
from preservation.fixity.engine import EngineSettings
from preservation.model.units import counted, format_size

if TYPE_CHECKING:
    from rich.console import Console


def enter(words: Sequence[str]) -> NoReturn:
    """Do what ``bag validate``, one path and plain options say; what Typer would understand."""
    (path,), chosen = PLAIN["validate"].split(words[2:])
    nowhere = Path()  # no home is needed
    validated(Shell(nowhere, nowhere), Path(path), **chosen)


def validated(
    here: Shell,
    path: Path,
    *,
    strict: bool = False,
    lenient: Sequence[str] = (),
    completeness: bool = False,
    oxum: bool = False,
    profile: Path | None = None,
    profile_alias: Sequence[str] = (),
    as_json: bool = False,
) -> NoReturn:
    """Validate a bag, tell the verdict and leave with its exit code.

    Raises:
        UsageError: options that exclude each other, or there is no bag.
        NotNowError: see :func:`preservation.bags.validate.validate`.
    """
    if completeness and oxum:
        raise UsageError("choose one of --completeness-only and --oxum-only")
    if strict and lenient:
        raise UsageError("choose one of --strict and --lenient")
    mode = Mode.COMPLETENESS if completeness else Mode.OXUM if oxum else Mode.FULL
    with here.watching() as progress:
        report = validate(
            path,
            mode=mode,
            strict=strict,
            lenient=leniencies(list(lenient)),
            profile=yardstick(profile, profile_alias),
            settings=EngineSettings(workers=WORKERS),
            progress=progress,
        )

    def render(out: Console) -> None:
        print_findings(out, report.findings)
        for line in told(report):
            out.print(line)

    _, exit_code = judged(report)
    here.answer(as_json, "samarkand.bag-validate/1", report.to_json(), render, exit_code)


def told(report: BagReport) -> Iterator[str]:
    """The verdict, for people."""
    verdict, _ = judged(report)
    what = f"{counted(report.files, 'file')}, {format_size(report.octets)}, {report.container}"
    yield f"{verdict}: BagIt {report.version or '?'}, {what}, {_HOW[report.mode](report)}"
    if report.lenient:
        used = ", ".join(leniency.value for leniency in report.lenient)
        yield f"lenient: {used}; by the RFC this is not valid"


def _full(report: BagReport) -> str:
    checked = ", ".join(algorithm.value for algorithm in report.algorithms)
    if report.fixity_checked:
        return f"every byte compared ({checked})"
    return f"not every byte could be compared ({checked or 'no algorithm'})"


_HOW: dict[Mode, Callable[[BagReport], str]] = {
    Mode.FULL: _full,
    Mode.COMPLETENESS: lambda _: "names compared only: no fixity check",
    Mode.OXUM: lambda _: "sizes and counts compared only: no fixity check",
}
