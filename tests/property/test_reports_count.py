"""Whatever happened, a report's numbers are those of the rows that went in, counted by hand."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import NOW, SINCE, Archive

from preservation.model.outcome import Outcome
from preservation.model.replica import ReplicaState
from preservation.reports import sink
from preservation.reports.gather import gather
from preservation.reports.rows import Run

FOUND = [outcome for outcome in Outcome if outcome is not Outcome.UNCHECKED]
ACTS = st.lists(
    st.tuples(st.integers(0, 14), st.sampled_from(FOUND), st.integers(0, 120)), max_size=25
)


class _Nowhere:
    def write(self, table: str, rows: object) -> None:
        """Rows of long tables go to no file here."""


@settings(max_examples=60, deadline=None)
@given(ACTS, st.integers(0, 3), st.sampled_from([3, sink.MOST_ROWS]))
def test_numbers_are_those_of_what_went_in(acts, rejected, most) -> None:
    archive = Archive(checked=False)
    for place, outcome, days in acts:
        archive.check(archive.replicas_[place], outcome, NOW - timedelta(days=days))
    for number in range(rejected):
        archive.rejected(f"deposit {number}")
    run = Run("run", "silk-road", SINCE, NOW, "a test", archive.policy.ref)
    kept, sink.MOST_ROWS = sink.MOST_ROWS, most
    try:
        told = gather(archive.sources(), run, _Nowhere()).numbers
    finally:
        sink.MOST_ROWS = kept

    recent = [e for e in archive.events_ if e.type.value == "fixity check" and e.at >= SINCE]
    outcomes = Counter(event.outcome for event in recent)
    assert told["checks"] == len(recent)
    assert {word.value: told[word.value] for word in FOUND} == {
        word.value: outcomes[word.value] for word in FOUND
    }
    assert told["bytes_read"] == sum(event.detail["bytes_read"] for event in recent)
    seen = {(event.aip, event.tier) for event in recent}
    rows = archive.replicas_
    assert told["not_checked"] == sum((row.key.aip, row.tier) not in seen for row in rows)
    verified = [row for row in rows if row.state is ReplicaState.VERIFIED]
    assert told["verified"] == len(verified)
    ages = {tier: rule.max_age for tier, rule in archive.policy.audit.tiers.items()}
    late = [row for row in verified if NOW - row.checked_at > ages[row.tier]]
    assert told["overdue"] >= len(late)
    assert told["overdue"] <= len(late) + len(rows) - len(verified)
    assert (told["rejected"], told["accepted"]) == (rejected, 5)
    assert told["files"] == sum(version.files for version in archive.versions_)
    assert told["bytes"] == sum(version.octets for version in archive.versions_)
