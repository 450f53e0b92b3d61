"""``preserve bag create`` and ``restore``: a folder becomes a bag, and a bag a folder again."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preservation import __version__
from preservation.bags.create import BagPlan
from preservation.bags.create import create as create_bag
from preservation.bags.findings import Findings
from preservation.bags.profile.parse import parse_profile
from preservation.bags.profile.value import Profile
from preservation.bags.restore import restore as restore_bag
from preservation.bags.tagfiles import Element
from preservation.cli.bag_shared import WORKERS, judged, octets_of, print_findings
from preservation.cli.options import Json
from preservation.cli.shell import shell
from preservation.errors import UsageError
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm
from preservation.model.finding import is_fatal
from preservation.model.units import format_size

if TYPE_CHECKING:
    from rich.console import Console


class NonUtf8(StrEnum):
    """What becomes of names that no manifest can hold."""

    REFUSE = "refuse"
    ENCODE = "encode"


def create(
    ctx: typer.Context,
    src: Annotated[Path, typer.Argument(help="The folder whose files become the payload.")],
    dest: Annotated[Path, typer.Argument(help="The bag; it must not be there yet.")],
    algorithm: Annotated[
        list[str] | None,
        typer.Option(help="A manifest's algorithm, repeatable; SHA-256 is always there."),
    ] = None,
    info: Annotated[
        list[str] | None, typer.Option(help="A line of bag-info.txt: 'Label: value'.")
    ] = None,
    non_utf8: Annotated[
        NonUtf8, typer.Option("--non-utf8", help="What becomes of names that are not UTF-8.")
    ] = NonUtf8.REFUSE,
    profile: Annotated[
        Path | None, typer.Option(help="A BagIt Profile (JSON file) that the bag has to meet.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a bag from a folder. The folder stays as it is; the bag appears whole or not at all."""
    here = shell(ctx)
    plan = BagPlan(
        algorithms=tuple(_algorithm(name) for name in algorithm or ["sha512"]),
        bag_info=_with_the_usual([_element(line) for line in info or []]),
        encode_names=non_utf8 is NonUtf8.ENCODE,
        profile=None if profile is None else _sound_profile(profile),
    )
    with here.watching() as progress:
        settings = EngineSettings(workers=WORKERS)
        report = create_bag(src, dest, plan, settings=settings, progress=progress)

    def render(out: Console) -> None:
        print_findings(out, report.findings)
        if report.created:
            out.print(f"{dest}: {report.files} files, {format_size(report.octets)}")
        else:
            out.print("not made: mend what is listed above; the folder was not changed")

    exit_code = 0 if report.created else 3
    here.answer(as_json, "samarkand.bag-create/1", report.to_json(), render, exit_code)


def restore(
    ctx: typer.Context,
    bag: Annotated[Path, typer.Argument(help="The bag's base folder.")],
    dest: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    as_json: Json = False,
) -> None:
    """Give a bag's payload back as a folder: original names, empty folders, every byte verified."""
    here = shell(ctx)
    with here.watching() as progress:
        settings = EngineSettings(workers=WORKERS)
        report = restore_bag(bag, dest, settings=settings, progress=progress)

    def render(out: Console) -> None:
        print_findings(out, report.findings)
        if report.valid:
            out.print(f"{dest}: {report.files} files, {format_size(report.octets)}")
        else:
            out.print(f"not restored: the bag is {verdict}; nothing was written")

    verdict, exit_code = judged(report)
    here.answer(as_json, "samarkand.bag-restore/1", report.to_json(), render, exit_code)


def _sound_profile(path: Path) -> Profile:
    """A profile to make a bag by; one that is wrong is no yardstick."""
    findings = Findings()
    profile = parse_profile(octets_of(path), findings)
    wrong = [finding.message for finding in findings.all() if is_fatal([finding])]
    if profile is None or wrong:
        raise UsageError(
            f"not a sound BagIt Profile: {path}: {' '.join(wrong)}",
            hint="ask whoever publishes the profile to mend it",
        )
    return profile


def _with_the_usual(elements: list[Element]) -> tuple[Element, ...]:
    """Elements with the day and the program, unless they were said."""
    said = {label.lower() for label, _ in elements}
    usual = (
        ("Bagging-Date", f"{datetime.now(UTC):%Y-%m-%d}"),
        ("Bag-Software-Agent", f"samarkand {__version__}"),
    )
    return (*elements, *(one for one in usual if one[0].lower() not in said))


def _algorithm(name: str) -> Algorithm:
    found = Algorithm.named(name)
    if found is None:
        known = ", ".join(one.value for one in Algorithm)
        raise UsageError(f"no such algorithm: {name!r}", hint=f"known are {known}")
    return found


def _element(line: str) -> Element:
    label, colon, value = line.partition(":")
    if not colon:
        raise UsageError(f"not a line of bag-info.txt: {line!r}", hint="write 'Label: value'")
    return label.strip(), value.strip()
