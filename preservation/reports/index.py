"""``reports/index.html``: all reports of a folder, made again from their JSON documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from preservation.files import durable
from preservation.reports.document import PERIOD_SCHEMA, REPORT_SCHEMA
from preservation.reports.page import index_page

_COUNTS = ("checks", "overdue", "findings_open")


def write_index(out: Path) -> Path:
    """List every report below ``out``, the newest first. A document that cannot be read is
    left out: the index is derived, and made again with the next report.
    """
    entries = sorted(_entries(out), key=lambda entry: (entry["at"], entry["href"]), reverse=True)
    path = out / "index.html"
    durable.replace(path, index_page(entries))
    return path


def _entries(out: Path) -> Iterator[dict[str, Any]]:
    for path in out.glob("*/*/report.json"):
        try:
            data = json.loads(path.read_bytes())
            if data["schema"] in (REPORT_SCHEMA, PERIOD_SCHEMA):
                yield _entry(data, path.parent.relative_to(out))
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _entry(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {
        "href": quote(f"{folder.as_posix()}/report.html"),
        "at": data["run"]["at"],
        "title": data["title"].get("en", data["run"]["community"]),
        "about": _about(data["run"]),
        "sentences": [{"word": s["word"], "mood": s["mood"]} for s in data["sentences"]],
        "numbers": [int(data["numbers"][key]) for key in _COUNTS],
    }


def _about(run: dict[str, Any]) -> str:
    """``Audit``, ``Holdings 2026-11``, ``Evidence 2026``."""
    return f"{run['kind'].capitalize()} {run['name']}" if "kind" in run else "Audit"
