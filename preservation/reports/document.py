"""One report as a value, and as the JSON document ``samarkand.report/1``.

Source: ``docs/reference/report.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from preservation.model.canonical import canonical
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.reports.rows import Run, Tables
from preservation.reports.sentences import Sentence

REPORT_SCHEMA = "samarkand.report/1"
PERIOD_SCHEMA = "samarkand.period-report/1"


@dataclass(frozen=True, slots=True)
class Report:
    """What one run for one community came to.

    Attributes:
        title: language tag -> the community's name; ``en`` is always there.
        numbers: counted from ``tables`` (``preservation.reports.numbers``).
        policy_words: what the promises' table leaves out, a sentence each.
        totals: how many rows each table has; of a long one ``tables`` keeps the first.
        uncounted: AIP versions whose files are not in the table of formats.
    """

    run: Run
    title: Mapping[str, str]
    contact: str
    sentences: tuple[Sentence, Sentence, Sentence]
    numbers: Mapping[str, int]
    policy_words: tuple[str, ...]
    tables: Tables
    totals: Mapping[str, int]
    uncounted: int = 0

    def to_json(self) -> dict[str, Any]:
        """The document: no floats, times as ``preservation.model.clock.stamp`` spells them."""
        return {
            "schema": REPORT_SCHEMA,
            "run": plain(self.run),
            "title": dict(self.title),
            "contact": self.contact,
            "sentences": [plain(sentence) for sentence in self.sentences],
            "numbers": dict(self.numbers),
            "policy_words": list(self.policy_words),
            "uncounted": self.uncounted,
            "totals": dict(self.totals),
            "tables": {name: [plain(row) for row in rows] for name, rows in self.tables.named()},
        }

    def encode(self) -> bytes:
        """Canonical JSON and a newline: the same rows give the same bytes."""
        return canonical(self.to_json()) + b"\n"


def plain(value: Any) -> Any:
    """A row, or what stands in one, as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value
