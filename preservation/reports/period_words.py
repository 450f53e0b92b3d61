"""The three sentences of a report about a month or a year, by how things stand when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from preservation.catalogue.promises import BROKEN_WORDS, Standing
from preservation.reports.holdings import shown
from preservation.reports.sentences import Sentence
from preservation.reports.words import count, day, short


def period_sentences(
    standing: Standing, numbers: Mapping[str, int], until: datetime
) -> tuple[Sentence, Sentence, Sentence]:
    """The three answers, in their order."""
    return (_promised(standing), _todo(standing), _unchecked(standing, numbers, until))


def _promised(standing: Standing) -> Sentence:
    question, more = "Is everything promised true?", f"{shown(standing.independence)}."
    held = standing.holdings.versions
    if not held:
        return Sentence(question, "Nothing held", "No AIP is held for this community.", "", "open")
    if standing.kept:
        whole = "The one AIP version is" if held == 1 else f"All {held:,} AIP versions are"
        text = f"{whole} kept as the policy says, and no check is overdue."
        return Sentence(question, "Yes", text, more, "good")
    told = [f"{number:,} {BROKEN_WORDS.get(code, code)}" for code, number in _totals(standing)]
    if standing.open_findings:
        told.append(f"{count(standing.open_findings, 'finding')} open")
    return Sentence(question, "No", f"Not kept: {', '.join(told)}.", more, "bad")


def _totals(standing: Standing) -> list[tuple[str, int]]:
    return list(standing.totals.items())


def _todo(standing: Standing) -> Sentence:
    question = "What must I do, by when?"
    if standing.open_findings:
        text = f"Answer {count(standing.open_findings, 'open finding')}: `preserve finding list`."
        return Sentence(question, "Now", text, _first(standing), "bad")
    if standing.broken:
        return Sentence(question, "Now", _first(standing), "", "bad")
    if standing.deadline is None:
        return Sentence(question, "Nothing", "Nothing is asked of you.", "", "good")
    next_ = standing.deadline
    text = (
        f"Nothing is asked of you. The next {next_.what} falls due on {day(next_.at)}: "
        f"{short(shown(next_.subject), 160)}."  # a title, a UUID, and where it is
    )
    return Sentence(question, "Nothing", text, "", "good")


def _first(standing: Standing) -> str:
    """The promise that has been broken longest, and what to do."""
    if not standing.broken:
        return ""
    one = standing.broken[0]
    what = BROKEN_WORDS.get(one.code, one.code)
    step = one.next_step[:1].upper() + one.next_step[1:].rstrip(".")
    return f"{step}: {short(shown(one.subject), 160)} is {what}, since {day(one.since)}."


def _unchecked(standing: Standing, numbers: Mapping[str, int], until: datetime) -> Sentence:
    question = "What was not checked?"
    held, ahead = numbers["replicas"], numbers["ahead"]
    left = held - numbers["fresh"]
    if not held:
        text = "There is no replica to check."
        return Sentence(question, "Nothing was checked", text, "", "open")
    more = "" if standing.at >= until else "The period is not over yet."
    if not numbers["checks"]:
        text = f"No fixity check was made in the period; there are {count(held, 'replica')}."
        return Sentence(question, "Nothing was checked", text, more, "bad")
    if not left:
        text = f"Each of {count(held, 'replica')} has evidence from within the period."
        return Sentence(question, "Nothing was left out", text, more, "good")
    told = []
    if left > ahead:
        whole = count(held, "replica")
        told.append(f"{left - ahead:,} of {whole} stand on evidence from before the period.")
    if ahead:
        told.append(f"The last check of {ahead:,} is dated later than now: nobody knows its age.")
    text = " ".join(told)
    return Sentence(question, f"{left:,} of {held:,}", text, more, "bad" if ahead else "open")
