"""What a holder states about its own package, read from what ``fixity`` told of it.

The program's exit status says little (it is 0 after a check that never ran), so it decides
nothing: the line about the package and the report have to say the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from preservation.model.names import display
from preservation.storage.source import Statement

LISTED = 20  # files that are named
_TEXT = 500  # characters of a message
_LINE = re.compile(
    r"(?:\[.*?\] )?Fixity scan (succeeded|failed|didn't run|returned an unknown status) "
    r"for AIP: ([0-9a-f-]{36})(?: \((.*)\))?"
)
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_KINDS = ("missing", "changed", "untracked")
_AGREE = {("succeeded", True): "pass", ("failed", False): "fail"}


def read_statement(
    package: str, told: str, report: bytes | None, program: str, status: int | None
) -> Statement:
    """Make a statement of the lines that the program wrote and the report that it posted.

    Args:
        told: its standard error.
        report: the JSON that it posted after the check; None if it posted none.
        status: its exit status; None if it had to be stopped.
    """

    def unclear(reason: str) -> Statement:
        return Statement(package, "unclear", program=program, exit=status, reason=reason)

    if status is None:
        return unclear("it did not come to an end in time")
    lines = [_LINE.fullmatch(line) for line in told.splitlines() if line.strip()]
    about = [line for line in lines if line is not None and line[2] == package]
    if len(about) != 1:
        first = next((line for line in told.splitlines() if line.strip()), "it said nothing")
        return unclear(f"no line about the package: {_plain(first)}")
    if len(lines) != 1:
        return unclear("it said other things beside the line about the package")
    verdict = about[0][1]
    if verdict == "didn't run":
        message = _plain(about[0][3] or "")
        return Statement(package, "not run", message=message, program=program, exit=status)
    document = _document(report)
    if document is None:
        return unclear("no report came with the line, or one that is no JSON object")
    success = document.get("success")
    outcome = _AGREE.get((verdict, success)) if isinstance(success, bool) else None
    if outcome is None:
        return unclear(f"the line says {verdict}, the report {_plain(success)}")
    counts, files = _failures(document)
    if outcome == "pass" and any(counts.values()):
        return unclear("the report says success, and names files that fail")
    stamp = document.get("timestamp")
    return Statement(
        package,
        outcome,
        stamp if isinstance(stamp, str) and _STAMP.fullmatch(stamp) else "",
        _plain(document.get("message") or ""),
        counts,
        files,
        program,
        status,
    )


def _document(report: bytes | None) -> dict[str, Any] | None:
    try:
        document = json.loads(report or b"")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _failures(document: Mapping[str, Any]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Counts by kind, and the first paths; what is not made as the API says counts as none."""
    failures = document.get("failures")
    listed = failures.get("files") if isinstance(failures, dict) else None
    listed = listed if isinstance(listed, dict) else {}
    rows = {kind: listed.get(kind) for kind in _KINDS}
    counts = {kind: len(found) for kind, found in rows.items() if isinstance(found, list)}
    named = [
        f"{kind}: {_plain(one.get('path', ''))}"
        for kind, found in rows.items()
        if isinstance(found, list)
        for one in found[:LISTED]
        if isinstance(one, dict)
    ]
    return counts, tuple(named[:LISTED])


def _plain(text: Any) -> str:
    """Somebody else's words, safe to show and bounded."""
    return display(str(text)[:_TEXT].encode("utf-8", "replace"))
