"""The chart of ages: one bar a tier, cut as the table beside it is. Geometry only, no drawing."""

from __future__ import annotations

from collections.abc import Sequence

from preservation.model.deferred import dataclass
from preservation.reports.rows import AgeLine

WIDTH, ROW, BAR, TOP = 560, 58, 24, 4
PARTS = (
    ("quarter_1", "1st quarter of the promised age"),
    ("quarter_2", "2nd quarter"),
    ("quarter_3", "3rd quarter"),
    ("quarter_4", "4th quarter"),
    ("never", "never checked, not due yet"),
    ("overdue", "overdue"),
)
_DIGIT = 8  # units that a digit needs


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar, in units of the drawing; ``label`` is empty where it does not fit."""

    part: str
    x: int
    width: int
    number: int
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One tier's bar."""

    tier: str
    y: int
    total: int
    segments: tuple[Segment, ...]


def bars(lines: Sequence[AgeLine]) -> list[Bar]:
    """A bar for each tier, its segments in proportion to the replicas they stand for."""
    return [_bar(line, TOP + number * ROW) for number, line in enumerate(lines)]


def height(lines: Sequence[AgeLine]) -> int:
    """Of the whole drawing."""
    return TOP + ROW * len(lines)


def _bar(line: AgeLine, y: int) -> Bar:
    numbers = [(part, int(getattr(line, part))) for part, _ in PARTS]
    total = sum(number for _, number in numbers)
    segments, done = [], 0
    for part, number in numbers:
        if number:
            start, end = WIDTH * done // total, WIDTH * (done + number) // total
            label = f"{number:,}"
            fits = _DIGIT * (len(label) + 1) <= end - start
            segments.append(Segment(part, start, end - start, number, label if fits else ""))
            done += number
    return Bar(line.tier, y, total, tuple(segments))
