"""What looks into files: formats, their checks, viruses. Processes start when they are asked."""

from __future__ import annotations

from preservation.app.parts import Parts
from preservation.formats.checks.checker import FormatChecker
from preservation.formats.identifier import FormatIdentifier
from preservation.formats.tool_workers import workers_here
from preservation.ingest.inspect import Tools
from preservation.ingest.virus import VirusScanner


def make(parts: Parts) -> Tools:
    """Tools that end with the open home."""
    home, ends = parts.home, parts.ends
    identifier = FormatIdentifier(workers_here(), known=home.known_formats, ahead=parts.ahead)
    return Tools(
        ends.enter_context(identifier),
        ends.enter_context(FormatChecker()),
        ends.enter_context(VirusScanner(home.clamd)),
    )
