"""The first screen of a survey: whether it can be taken in, what to mend first, what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from preservation.ingest.survey_result import Cost, SurveyFinding, Totals, Verdict
from preservation.model.finding import Severity
from preservation.model.units import counted, format_size

_NAMED = 4  # findings that a sentence names; the rest is counted


def judge(totals: Totals, findings: Sequence[SurveyFinding], cost: Cost, bag: str) -> Verdict:
    """Three sentences from everything that was found."""
    errors = [one for one in findings if one.severity is not Severity.WARNING]
    warnings = [one for one in findings if one.severity is Severity.WARNING]
    ready = not errors and totals.files > 0
    return Verdict(
        ready=ready,
        can=_can(totals, errors, bag),
        mend=_mend(errors, warnings),
        cost=_cost(cost, totals),
    )


def span(seconds: int) -> str:
    """A duration for people, rounded up to a unit that one would say."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return counted(-(-seconds // size), unit)
    return "less than two minutes" if seconds < 120 else "about two minutes"


def _can(totals: Totals, errors: list[SurveyFinding], bag: str) -> str:
    if not totals.files:
        return "There is nothing to take in: the folder holds no files."
    what = f"{counted(totals.files, 'file')}, {format_size(totals.octets)}"
    what += f", declared as {bag}" if bag else ""
    if errors:
        refused = counted(sum(one.count for one in errors), "thing")
        return f"Not as it is: {refused} in it would be refused. It holds {what}."
    return f"Yes, as it is: {what}, and nothing that would be refused."


def _mend(errors: list[SurveyFinding], warnings: list[SurveyFinding]) -> str:
    worth = counted(len(warnings), "thing is", "things are")
    more = f"{worth} worth knowing, listed below" if warnings else "nothing else stood out"
    if not errors:
        return f"Nothing has to be mended first; {more}."
    named = "; ".join(one.message for one in errors[:_NAMED])
    rest = f"; and {len(errors) - _NAMED} more" if len(errors) > _NAMED else ""
    return f"{named[:1].upper()}{named[1:]}{rest}; {more}."


def _cost(cost: Cost, totals: Totals) -> str:
    if not totals.files:
        return "It would cost nothing."
    disk = f"{format_size(cost.disk)} of disk for {counted(cost.replicas, 'replica')}"
    if not cost.octets_per_second:
        return f"Taking it in would need {disk}; how long it takes could not be measured."
    return f"Taking it in would take {span(cost.seconds)} on this machine and {disk}."
