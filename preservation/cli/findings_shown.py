"""How findings are printed: one line each, and under it what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from preservation.model.finding import Finding

if TYPE_CHECKING:
    from rich.console import Console


def show_finding(out: Console, finding: Finding, before: str = "  ") -> None:
    """Print one finding.

    Args:
        before: what its line begins with; blanks there push the next line in as well.
    """
    where = f" {finding.subject}:" if finding.subject else ""
    out.print(f"{before}[{finding.code}]{where} {finding.message}")
    if finding.hint:
        room = len(before) - len(before.lstrip())
        out.print(f"{'':{room}}    next: {finding.hint}")


def show_findings(out: Console, findings: Iterable[Finding], before: str = "  ") -> None:
    """Print findings, each as :func:`show_finding` does."""
    for finding in findings:
        show_finding(out, finding, before)
