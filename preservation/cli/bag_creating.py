"""``preserve bag create`` itself; see ``bag_making.py`` for its options. Imports no Typer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from preservation import __version__
from preservation.bags.create import BagPlan, create
from preservation.bags.findings import Findings
from preservation.bags.tagfiles import Element
from preservation.cli.bag_shared import WORKERS, octets_of, print_findings, profiles
from preservation.cli.main import PLAIN
from preservation.cli.shell import Shell
from preservation.errors import UsageError
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm
from preservation.model.finding import is_fatal
from preservation.model.units import counted, format_size

if TYPE_CHECKING:
    from rich.console import Console

    from preservation.bags.profile.value import Profile


def enter(words: Sequence[str]) -> NoReturn:
    """Do what ``bag create``, two paths and plain options say; what Typer would understand."""
    (src, dest), chosen = PLAIN["create"].split(words[2:])
    nowhere = Path()  # no home is needed
    created(Shell(nowhere, nowhere), Path(src), Path(dest), **chosen)


def created(
    here: Shell,
    src: Path,
    dest: Path,
    *,
    algorithm: Sequence[str] = (),
    info: Sequence[str] = (),
    encode_names: bool = False,
    profile: Path | None = None,
    as_json: bool = False,
) -> NoReturn:
    """Make a bag, tell what became of it and leave with its exit code.

    Raises:
        UsageError: no such algorithm, profile, source or element; or no bag can be made there.
        NotNowError: see :func:`preservation.bags.create.create`.
    """
    plan = BagPlan(
        algorithms=tuple(_algorithm(name) for name in algorithm or ["sha512"]),
        bag_info=_with_the_usual([_element(line) for line in info]),
        encode_names=encode_names,
        profile=None if profile is None else _sound_profile(profile),
    )
    with here.watching() as progress:
        settings = EngineSettings(workers=WORKERS)
        report = create(src, dest, plan, settings=settings, progress=progress)

    def render(out: Console) -> None:
        print_findings(out, report.findings)
        if report.created:
            out.print(f"{dest}: {counted(report.files, 'file')}, {format_size(report.octets)}")
        else:
            out.print("not made: mend what is listed above; the folder was not changed")

    exit_code = 0 if report.created else 3
    here.answer(as_json, "samarkand.bag-create/1", report.to_json(), render, exit_code)


def _sound_profile(path: Path) -> Profile:
    """A profile to make a bag by; one that is wrong is no yardstick."""
    findings = Findings()
    profile: Profile | None = profiles("parse").parse_profile(octets_of(path), findings)
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
