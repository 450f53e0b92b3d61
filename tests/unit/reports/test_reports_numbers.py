"""Every number of a report is counted from its rows, and its sentences say no more than they do."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from report_samples import NOW, SINCE, Archive, effective

from preservation.model.check import CheckResult
from preservation.model.event import EventType
from preservation.model.outcome import Level, Outcome
from preservation.policy.policy import Policy
from preservation.reports.document import Report
from preservation.reports.gather import gather
from preservation.reports.numbers import FIGURES
from preservation.reports.rows import Run


def report(archive: Archive, **changes: Any) -> Report:
    policy = archive.policy.ref
    run = Run("run-1", "silk-road", SINCE, NOW, "samarkand 0.1.0 on archive-1", policy)
    return gather(archive.sources(**changes), run)


def age(archive: Archive, place: int, days: int) -> None:
    """Let one replica's check be so old, and drop what the run did to it."""
    row = archive.replicas_[place]
    archive.replicas_[place] = dataclasses.replace(row, checked_at=NOW - timedelta(days=days))
    archive.events_ = [
        event for event in archive.events_ if (event.aip, event.tier) != (row.key.aip, row.tier)
    ]


def words(told: Report) -> list[str]:
    return [sentence.word for sentence in told.sentences]


def test_every_headline_number_can_be_counted_again_from_the_json_document() -> None:
    archive = Archive()
    archive.healed()
    archive.rejected()
    age(archive, 2, 45)
    told = report(archive).to_json()
    for figure in FIGURES:
        rows = told["tables"][figure.table]
        name, wanted = figure.where
        spelled = {True: "yes", False: "no"}
        rows = [r for r in rows if not name or spelled.get(r[name], r[name]) == wanted]
        column = [row[figure.column] for row in rows] if figure.column else [1] * len(rows)
        again = len(set(column)) if figure.distinct else sum(column)
        assert told["numbers"][figure.key] == again, figure.key
    assert told["numbers"]["checks"] == 16
    assert told["numbers"]["overdue"] == told["numbers"]["rejected"] == 1


def test_sums_over_tiers_and_ages_equal_the_sums_over_replicas_and_checks() -> None:
    archive = Archive()
    archive.healed()
    age(archive, 0, 45)
    age(archive, 4, 12)
    told = report(archive)
    numbers, tables = told.numbers, told.tables
    assert sum(line.replicas for line in tables.tiers) == numbers["replicas"]
    assert sum(line.checks for line in tables.tiers) == numbers["checks"]
    assert sum(line.bytes_read for line in tables.tiers) == numbers["bytes_read"]
    assert sum(line.not_checked for line in tables.tiers) == numbers["not_checked"] == 2
    assert sum(line.overdue for line in tables.ages) == numbers["overdue"] == 1
    parts = ("quarter_1", "quarter_2", "quarter_3", "quarter_4", "never", "overdue")
    aged = sum(getattr(line, part) for line in tables.ages for part in parts)
    assert aged == numbers["replicas"]
    assert [line.quarter_2 for line in tables.ages] == [1, 0, 0]


def test_all_kept_and_checked_says_yes_and_still_names_the_one_failure_domain() -> None:
    told = report(Archive())
    assert words(told) == ["Yes", "Nothing", "Nothing was left out"]
    assert told.sentences[0].more == (
        "3 replicas in 1 failure domain at 1 site: one disk failure loses all (device 254:0)."
    )
    names = {f"{one.title} ({one.aip} v1) on {one.tier}." for one in told.tables.replicas}
    text, _, name = told.sentences[1].text.partition(": ")
    assert text.endswith("The next check falls due on 22 December 2026")
    assert name in names


def test_nothing_checked_is_said_to_be_nothing_checked_never_all_well() -> None:
    archive = Archive()
    archive.events_ = []
    told = report(archive)
    assert told.sentences[2].word == "Nothing was checked"
    assert told.sentences[2].mood != "good"
    assert told.numbers["checks"] == 0


def test_replicas_that_nobody_read_back_are_not_shown_to_be_anything() -> None:
    told = report(Archive(checked=False))
    assert words(told) == ["Not shown", "By 23 November 2026", "Nothing was checked"]


def test_an_empty_archive_does_not_say_yes() -> None:
    assert words(report(Archive(titles=()))) == ["Nothing held", "Nothing", "Nothing was checked"]


def test_an_overdue_check_is_a_number_with_a_name() -> None:
    archive = Archive()
    age(archive, 2, 45)
    told = report(archive)
    assert told.sentences[0].word == "No"
    assert "1 check overdue" in told.sentences[0].text
    assert told.sentences[1].word == "Now"
    assert archive.versions_[1].title in told.sentences[1].text
    assert told.tables.tasks[0].by == NOW - timedelta(days=15)


def test_a_check_that_falls_due_at_this_very_moment_is_not_overdue_yet() -> None:
    archive = Archive()
    age(archive, 0, 30)
    assert report(archive).numbers["overdue"] == 0


def test_damage_breaks_the_promise_until_it_is_healed() -> None:
    archive = Archive()
    archive.check(archive.replicas_[-1], Outcome.ALTERED)
    told = report(archive)
    assert told.sentences[0].word == "No"
    short = [line for line in told.tables.versions if line.standing == "short"]
    assert [line.lacks for line in short] == [("altered on deep",)]  # three are not due yet


def test_accepted_damage_is_a_broken_promise_that_says_how_it_can_be_mended() -> None:
    archive = Archive()
    archive.check(archive.replicas_[-1], Outcome.ALTERED)
    open_ = archive.found(len(archive.replicas_) - 1, files=1)
    archive.findings_ = [dataclasses.replace(open_, state="accepted", closed_at=NOW)]
    told = report(archive)
    assert words(told)[:2] == ["No", "In your own time"]
    assert "Let 1 replica with accepted damage be healed" in told.sentences[1].text
    (task,) = told.tables.tasks
    assert "preserve finding reopen" in task.next_step
    archive.findings_.append(dataclasses.replace(open_, id=open_.id[::-1]))  # other damage since
    assert [one.task[:6] for one in report(archive).tables.tasks] == ["Answer"]


def test_evidence_weaker_than_promised_breaks_the_promise() -> None:
    archive = Archive()
    archive.replicas_[0] = dataclasses.replace(archive.replicas_[0], level=Level.E1)
    told = report(archive)
    assert told.sentences[0].word == "No"
    assert [line.weak for line in told.tables.replicas].count(True) == 1


def test_a_tier_that_could_not_be_observed_is_a_broken_promise() -> None:
    archive = Archive()
    del archive.domains["deep"]
    told = report(archive)
    broken = [line for line in told.tables.promises if line.verdict == "broken"]
    assert [line.promise for line in broken] == ["Every tier can be looked at"]
    assert told.sentences[0].text == "1 promise broken: deep could not be looked at."


def test_too_few_failure_domains_break_the_promise_as_soon_as_it_cannot_be_kept() -> None:
    archive = Archive()
    archive.policy = Policy.from_effective(
        effective(minimum={"replicas": 3, "failure_domains": 2, "sites": 1})
    )
    told = report(archive)
    assert told.numbers["short"] == 5
    assert {line.lacks for line in told.tables.versions} == {("1 failure domain of 2",)}
    assert "Move a tier to a machine of its own" in told.sentences[1].text


def test_a_replica_that_is_late_is_told_and_one_that_is_not_due_is_not() -> None:
    archive = Archive()
    archive.replicas_ = [row for row in archive.replicas_ if row.tier != "deep"]
    assert report(archive).sentences[0].word == "So far"
    archive.versions_ = [
        dataclasses.replace(version, ingested_at=NOW - timedelta(days=8))
        for version in archive.versions_
    ]
    told = report(archive)
    assert told.sentences[0].word == "No"
    assert all("no replica on deep" in line.lacks for line in told.tables.versions)


def test_checks_that_could_not_be_made_count_as_neither_good_nor_bad() -> None:
    archive = Archive()
    row = archive.replicas_[0]
    archive.events_ = [event for event in archive.events_ if event.tier != row.tier]
    tried = CheckResult(row.key, row.tier, Outcome.UNCHECKED, 0, "permission denied")
    told = report(archive, unchecked=[tried])
    assert told.numbers["unchecked"] == 1
    assert told.numbers["not_checked"] == 5
    assert "1 check could not be made" in told.sentences[2].more


def test_a_check_that_memory_may_have_answered_is_admitted() -> None:
    archive = Archive()
    archive.events_ = [
        dataclasses.replace(event, detail={**event.detail, "cache_bypassed": False})
        for event in archive.events_
    ]
    assert "In 15 checks memory could have answered" in report(archive).sentences[2].more


def test_an_event_in_journal_and_outbox_is_counted_once() -> None:
    archive = Archive()
    assert report(archive, pending=archive.events_).numbers["checks"] == 15


def test_what_other_communities_did_is_not_told() -> None:
    archive = Archive()
    archive.events_ = [
        dataclasses.replace(event, community="field-notes") for event in archive.events_
    ]
    assert report(archive).numbers["checks"] == 0


def test_a_finding_tells_file_offset_octets_and_where_it_was_healed_from() -> None:
    archive = Archive()
    archive.healed()
    (finding,) = report(archive).tables.findings
    (file,) = finding.files
    assert (file.path, file.outcome) == ("data/stations.csv", "altered")
    (place,) = file.ranges
    assert (place.offset, place.bytes, place.damaged, place.intact) == (4096, 1, "2c", "2d")
    acts = [action.act for action in finding.actions]
    assert acts[0] == "found"
    assert "mirror healed from vault" in acts
    assert acts[-1] == "closed: the replica was read back intact"


def test_a_lost_difference_map_loses_the_offsets_and_nothing_else() -> None:
    archive = Archive()
    archive.healed()

    def gone(digest: Any) -> Any:
        raise FileNotFoundError(str(digest))

    archive.result = gone  # type: ignore[method-assign]
    (finding,) = report(archive).tables.findings
    assert [file.path for file in finding.files] == ["data/stations.csv"]
    assert finding.files[0].ranges == ()


def test_findings_closed_before_the_run_are_not_told_again() -> None:
    archive = Archive()
    old = archive.healed()
    archive.findings_ = [dataclasses.replace(old, closed_at=SINCE - timedelta(seconds=1))]
    assert report(archive).tables.findings == ()


@pytest.mark.parametrize(
    ("virus", "words", "unscanned"),
    [
        ({}, "not asked", 0),
        ({"clean": 3, "infected": 0, "not_scanned": {}}, "3 clean", 0),
        (
            {"clean": 1_349, "infected": 0, "not_scanned": {"size limit": 1, "encrypted": 2}},
            "1,349 clean, 3 not scanned (encrypted: 2, size limit: 1)",
            3,
        ),
    ],
)
def test_deposits_say_what_checks_and_virus_scans_came_to(virus, words, unscanned) -> None:
    archive = Archive()
    [event] = [one for one in archive.events_ if one.type is EventType.INGESTION][:1]
    found = {"checks": {"valid": 5, "invalid": 2}} | ({"virus": virus} if virus else {})
    changed = dataclasses.replace(event, detail={**event.detail, **found})
    archive.events_[archive.events_.index(event)] = changed
    told = report(archive)
    line = next(one for one in told.tables.deposits if one.aip == event.aip)
    assert (line.invalid, line.virus, line.unscanned) == (2, words, unscanned)
    assert told.numbers["unscanned"] == unscanned


@pytest.mark.parametrize("outcome", ["rejected", "accepted"])
def test_deposits_are_told_with_their_reasons(outcome: str) -> None:
    archive = Archive()
    archive.rejected("an odd deposit")
    lines = [line for line in report(archive).tables.deposits if line.outcome == outcome]
    if outcome == "accepted":
        assert [line.deposit for line in lines] == [v.title for v in archive.versions_]
    else:
        (line,) = lines
        assert line.reasons == (
            "DEP-LINK-ESCAPES: an odd deposit/passwd: the link leads out of the deposit",
        )
