"""``reports/index.html``: the reports of a folder, from what their documents say of themselves.

A document is read once: what the index needs of it is kept in ``index.json``, by its size and the
time it was written. Both are derived, and made again if they are deleted.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from preservation.files import durable
from preservation.reports.document import PERIOD_SCHEMA, REPORT_SCHEMA
from preservation.reports.holdings import shown
from preservation.reports.page import index_page

MOST = 3000  # reports that the page lists
_SCHEMA = "samarkand.report-index/1"
_COUNTS = ("checks", "overdue", "findings_open")


def write_index(out: Path) -> Path:
    """List the reports below ``out``, the newest first. A document that cannot be read is left out:
    the index is derived, and made again with the next report.
    """
    known = _known(out)
    entries = dict(_entries(out, known))
    if entries != known:
        document = {"schema": _SCHEMA, "reports": entries}
        durable.replace(out / "index.json", json.dumps(document, sort_keys=True).encode() + b"\n")
    told = [one["entry"] for one in entries.values() if one["entry"]]
    newest = heapq.nlargest(MOST, told, key=lambda entry: (entry["at"], entry["href"]))
    path = out / "index.html"
    durable.replace(path, index_page(newest, len(told)))
    return path


def _known(out: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        data = json.loads((out / "index.json").read_bytes())
        if data["schema"] == _SCHEMA:
            return dict(data["reports"])
    return {}


def _entries(out: Path, known: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each document, by its place: when it was written, and what it says; None if it is none."""
    for path in sorted(out.glob("*/*/report.json")):
        place = path.parent.relative_to(out).as_posix()
        try:
            facts = path.stat()
        except OSError:
            continue
        mark = f"{facts.st_size} {facts.st_mtime_ns}"
        before = known.get(quote(place))
        if isinstance(before, dict) and before.get("mark") == mark and _is_entry(before):
            yield quote(place), before
        else:
            yield quote(place), {"mark": mark, "entry": _read(path, place)}


def _is_entry(before: Mapping[str, Any]) -> bool:
    entry = before.get("entry")
    keys = {"href", "at", "title", "about", "sentences", "numbers"}
    return entry is None or (isinstance(entry, dict) and entry.keys() == keys)


def _read(path: Path, place: str) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
        if data["schema"] in (REPORT_SCHEMA, PERIOD_SCHEMA):
            return _entry(data, place)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return None


def _entry(data: dict[str, Any], place: str) -> dict[str, Any]:
    return {
        "href": quote(f"{place}/report.html"),
        "at": shown(data["run"]["at"]),
        "title": shown(data["title"].get("en", data["run"]["community"])),
        "about": shown(_about(data["run"])),
        "sentences": [
            {"word": shown(one["word"]), "mood": shown(one["mood"])} for one in data["sentences"]
        ],
        "numbers": [int(data["numbers"][key]) for key in _COUNTS],
    }


def _about(run: dict[str, Any]) -> str:
    """``Audit``, ``Holdings 2026-11``, ``Evidence 2026``."""
    return f"{run['kind'].capitalize()} {run['name']}" if "kind" in run else "Audit"
