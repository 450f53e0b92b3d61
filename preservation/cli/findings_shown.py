"""How findings are printed: one line each, and under it what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from preservation.model.finding import Finding
from preservation.model.names import cut

if TYPE_CHECKING:
    from rich.console import Console

_MOST = 160  # characters of a path, which may have thousands; the JSON has all of it
_LONG = re.compile(rf"\S{{{_MOST + 1},}}")


def show_finding(out: Console, finding: Finding, before: str = "  ") -> None:
    """Print one finding.

    Args:
        before: what its line begins with; blanks there push the next line in as well.
    """
    where = f" {cut(finding.subject, _MOST)}:" if finding.subject else ""
    message = _LONG.sub(lambda word: cut(word[0], _MOST), finding.message)
    out.print(f"{before}[{finding.code}]{where} {message}")
    if finding.hint:
        room = len(before) - len(before.lstrip())
        out.print(f"{'':{room}}    next: {finding.hint}")


def show_findings(out: Console, findings: Iterable[Finding], before: str = "  ") -> None:
    """Print findings, each as :func:`show_finding` does."""
    for finding in findings:
        show_finding(out, finding, before)
