"""The page of a report about a month or a year."""

from __future__ import annotations

from collections.abc import Sequence

from preservation.model.deferred import dataclass
from preservation.model.units import format_size
from preservation.reports.columns import VIEWS as NIGHTLY
from preservation.reports.columns import Column, View
from preservation.reports.judges import NOT_SOFTWARE
from preservation.reports.page import draw_table, render
from preservation.reports.period import PERIOD_FIGURES, PeriodReport
from preservation.reports.period_rows import MonthLine

WIDTH, HEIGHT, FOOT = 560, 150, 26
_TIER = Column("tier", "Tier", "code")

VIEWS = (
    View(
        "requirements",
        "Clause by clause: what is asked, and what shows it",
        (
            Column("framework", "Standard"),
            Column("clause", "Clause"),
            Column("asks", "Asks, in our words", "name"),
            Column("verdict", "Verdict", "word"),
            Column("evidence", "What shows it", "step"),
            Column("figure", "Figure", "number"),
            Column("shown_in", "Counted in", "table"),
        ),
        "This report judges no requirement.",
    ),
    View(
        "places",
        "Tiers, and what stands on them now",
        (
            _TIER,
            Column("technology", "Technology"),
            Column("medium", "Medium"),
            Column("site", "Site"),
            Column("operator", "Operator"),
            Column("failure_domain", "Failure domain, as observed", "observed"),
            Column("replicas", "Replicas", "number"),
            Column("verified", "Verified", "number"),
            Column("damaged", "Damaged", "alarm_number"),
            Column("bytes", "Payload", "bytes"),
            Column("fresh", "With evidence from the period", "number"),
            Column("overdue", "Checks overdue", "alarm_number"),
            Column("ahead", "Dated later than now", "alarm_number"),
            Column("oldest", "Oldest evidence", "time"),
        ),
        "No tier keeps anything for this community.",
    ),
    View(
        "copies",
        "AIP versions by the tiers that hold verified replicas of them",
        (
            Column("tiers", "Tiers", "names"),
            Column("replicas", "Replicas", "number"),
            Column("failure_domains", "Failure domains", "number"),
            Column("sites", "Sites", "number"),
            Column("versions", "AIP versions", "number"),
        ),
        "No AIP version is old enough to be judged.",
    ),
    View(
        "overdue",
        "Checks that are overdue, the first 100",
        (
            Column("subject", "Replica", "name"),
            Column("since", "Since", "time"),
            Column("next_step", "Next step", "step"),
        ),
        "No check is overdue.",
    ),
    View(
        "months",
        "What happened, month by month",
        (
            Column("month", "Month"),
            Column("checks", "Checks", "number"),
            Column("intact", "Intact", "number"),
            Column("altered", "Altered", "alarm_number"),
            Column("missing", "Missing", "alarm_number"),
            Column("unreadable", "Unreadable", "alarm_number"),
            Column("bytes_read", "Read", "bytes"),
            Column("accepted", "Deposits accepted", "number"),
            Column("rejected", "Rejected", "number"),
            Column("files_in", "Files taken in", "number"),
            Column("bytes_in", "Taken in", "bytes"),
            Column("written", "Replicas written", "number"),
            Column("repaired", "Repaired", "number"),
            Column("virus_checks", "Virus scans, whole", "number"),
            Column("format_reviews", "Formats looked at again", "number"),
            Column("found", "Findings", "number"),
            Column("closed", "Closed", "number"),
            Column("told", "Messages", "number"),
        ),
        "The period has not begun.",
    ),
    View(
        "incidents",
        "Findings that were open at some moment of the period, by code",
        (
            Column("code", "Finding", "code"),
            Column("findings", "Findings", "number"),
            Column("opened", "Opened in it", "number"),
            Column("resolved", "Resolved", "number"),
            Column("accepted", "Accepted", "number"),
            Column("open", "Open now", "alarm_number"),
            Column("longest_hours", "Longest open, hours", "number"),
        ),
        "There was no finding.",
    ),
    View(
        "acts",
        "Every act of the period, as the journal has it",
        (
            Column("type", "Act"),
            Column("outcome", "Outcome"),
            Column("events", "Events", "number"),
            Column("bytes", "Bytes", "bytes"),
        ),
        "Nothing was done.",
    ),
    next(view for view in NIGHTLY if view.id == "formats"),
)


@dataclass(frozen=True, slots=True)
class Pillar:
    """One month of a chart, in units of the drawing; ``bad`` is the upper part."""

    month: str
    x: int
    width: int
    good: int
    bad: int
    label: str


def period_page(report: PeriodReport, files: Sequence[str]) -> bytes:
    """Draw the report.

    Args:
        report: what is told.
        files: names of the data files that will lie beside the page.
    """
    rows = dict(report.tables.named())
    sums = ("bytes_read", "bytes_in")
    return render(
        "period.html.j2",
        report=report,
        tables={view.id: draw_table(view, rows[view.source], PERIOD_FIGURES) for view in VIEWS},
        figures={figure.key: figure for figure in PERIOD_FIGURES},
        sizes={key: format_size(report.numbers[key]) for key in sums},
        pillars=pillars(report.tables.months),
        chart={"width": WIDTH, "height": HEIGHT + FOOT, "floor": HEIGHT},
        not_software=NOT_SOFTWARE,
        files=files,
    )


def pillars(months: Sequence[MonthLine]) -> list[Pillar]:
    """The checks of each month as a pillar: what was intact, and what was not above it."""
    most = max((line.checks for line in months), default=0)
    if not most:
        return []
    room = WIDTH // len(months)
    return [
        Pillar(
            month=line.month,
            x=number * room + 4,
            width=min(room - 8, 90),
            good=_height(line.intact, most),
            bad=_height(line.checks - line.intact, most),
            label=f"{line.checks:,}" if len(months) < 2 or line.checks else "",
        )
        for number, line in enumerate(months)
    ]


def _height(number: int, most: int) -> int:
    """In proportion, but never too small to be seen."""
    return max((HEIGHT - 24) * number // most, 2) if number else 0
