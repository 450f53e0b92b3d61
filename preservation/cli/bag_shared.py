"""What the commands of ``preserve bag`` share."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preservation.cli.findings_shown import show_finding
from preservation.errors import UsageError
from preservation.files import regular
from preservation.model.finding import Finding

if TYPE_CHECKING:
    from rich.console import Console

    from preservation.bags.profile.check import Yardstick
    from preservation.bags.validate import BagReport

_MOST = 8  # files at a time; more only wait for the medium
WORKERS = min(_MOST, len(os.sched_getaffinity(0)))


def yardstick(path: Path | None, aliases: Iterable[str]) -> Yardstick | None:
    """What to hold a bag against; None where no profile is named.

    Raises:
        UsageError: it cannot be read.
    """
    if path is None:
        return None
    made: Yardstick = profiles("check").Yardstick(octets_of(path), tuple(aliases))
    return made


def octets_of(path: Path) -> bytes:
    """A profile's document, one octet more at most than any may have."""
    try:
        return regular.read(path, profiles("parse").LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"no profile can be read at {path}: {error.strerror}",
            hint="name a JSON file; profiles are never fetched",
        ) from error


def profiles(part: str) -> Any:
    """A module about profiles, loaded where one is named: few bags are held against any."""
    return importlib.import_module(f"preservation.bags.profile.{part}")


def judged(report: BagReport) -> tuple[str, int]:
    """The verdict on a bag in one word, and the exit code that goes with it."""
    if report.undecided:
        return "UNDECIDED", 5
    return ("valid", 0) if report.valid else ("INVALID", 3)


def print_findings(out: Console, findings: Iterable[Finding]) -> None:
    """Print each with how bad it is."""
    for finding in findings:
        show_finding(out, finding, f"{finding.severity.value} ")
