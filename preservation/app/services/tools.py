"""What looks into files: formats, their checks, viruses. Processes start when they are asked."""

from __future__ import annotations

import os

from preservation.app.parts import Parts
from preservation.formats.checks.checker import FormatChecker
from preservation.formats.identifier import FormatIdentifier
from preservation.ingest.inspect import Tools
from preservation.ingest.virus import VirusScanner

# Most of what taking in a deposit costs is to say what its files are; one worker would let the
# other cores wait. More than two would be in the way of copying, and each holds up to 250 MB.
_IDENTIFYING = min(2, len(os.sched_getaffinity(0)))


def make(parts: Parts) -> Tools:
    """Tools that end with the open home."""
    home, ends = parts.home, parts.ends
    return Tools(
        ends.enter_context(FormatIdentifier(_IDENTIFYING, known=home.known_formats)),
        ends.enter_context(FormatChecker()),
        ends.enter_context(VirusScanner(home.clamd)),
    )
