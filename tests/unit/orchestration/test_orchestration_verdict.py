"""How a community stands, in words: however many findings are open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from preservation.catalogue.protocol import FindingRow
from preservation.orchestration.verdict import NOTE, verdict


def finding(number: int, severity: str) -> FindingRow:
    at = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    names = ("FIX-ALTERED", severity, "notes", "", 0, "vault", f"one {number}", "m", "look", "open")
    return FindingRow(f"id-{number}", *names, at, None)


def test_of_many_findings_all_are_counted_and_the_gravest_told() -> None:
    rows = (finding(n, "critical" if n == 499 else "error") for n in range(500))
    standing = SimpleNamespace(totals={}, kept=False, broken=())
    said = verdict(standing, rows)  # type: ignore[arg-type]
    assert said.headline == "Not all promises are kept: 500 open findings"
    assert (len(said.lines), said.more) == (100, 400)
    assert "one 499" in said.lines[0]
    assert "one 0:" in said.lines[1]
    shown = said.note().count("\n- ")
    assert said.note().endswith(f"… and {500 - shown} more: see the log of `look`")
    assert len(said.note()) <= NOTE
