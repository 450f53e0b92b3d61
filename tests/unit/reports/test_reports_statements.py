"""What a report says besides checks: samples, brakes, retention, access; over a real home."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from clocks import FakeClock
from homes import COMMUNITY, SILENCE, Archive
from report_samples import effective

from preservation.app.granting import access_of
from preservation.app.reporting import write_report
from preservation.catalogue.custody import AccessState
from preservation.model.event import EventMaker, EventType
from preservation.model.replica import VersionKey
from preservation.model.sampling import Drawing
from preservation.policy.policy import Policy
from preservation.reports.drawn import Drawn


def test_samples_brakes_retention_and_access_have_a_section_of_their_own(archive: Archive) -> None:
    archive.ingest(archive.put("first", {"a.txt": b"one"}))
    with archive.opened() as (parts, policy):
        (version,) = parts.catalogue.versions(COMMUNITY)
        access_of(parts).set(
            COMMUNITY, version.key.aip, 0, AccessState.WITHDRAWN, None, "bo", "asked for"
        )
        brake = {
            "finding": parts.events.new_id(),
            "code": "AUD-BRAKE",
            "severity": "error",
            "subject": "mirror",
            "message": "40 of 40 are missing </td><script>",
            "hint": "run `preserve tier list`",
        }
        opened = parts.events.of(COMMUNITY, EventType.FINDING_OPENED, "fail", brake)
        parts.catalogue.record([replace(opened, tier="mirror")])
        since = parts.clock.now().replace(year=2020)
        drawn = parts.audit.plan(policy, tier="vault", sample=1)
        for shard in drawn:
            parts.audit.run(policy, replace(shard, drawn=Drawing(1000)), SILENCE)
        files = write_report(parts, policy, "run", since)
    document = json.loads(files.json.read_bytes())
    told = {row["about"]: row["statement"] for row in document["tables"]["statements"]}
    assert told["sample"].startswith("vault: 1 of 1,000 replicas drawn by lot were read, none")
    assert told["brake"].startswith("Automatic repair on mirror waits for an answer since ")
    assert "kept for ever" in told["retention"]
    assert told["access"].startswith("Of AIPs or single versions 1 withdrawn: ")
    page = files.html.read_text("utf-8")
    assert '<section id="besides"' in page
    assert "</td><script>" not in page
    with (files.html.parent / "statements.csv").open(encoding="utf-8", newline="") as file:
        assert {row["about"]: row["statement"] for row in csv.DictReader(file)} == told


def test_a_sample_that_the_policy_wants_and_nobody_drew_is_said(archive: Archive) -> None:
    with archive.opened() as (parts, policy):
        tier, rule = next(iter(policy.audit.tiers.items()))
        wanted = replace(policy.audit, tiers={tier: replace(rule, sample=300)})
        since = parts.clock.now()
        files = write_report(parts, replace(policy, audit=wanted), "run", since)
    told = [one.statement for one in files.report.tables.statements if one.about == "sample"]
    assert told == [f"{tier}: no sample was read in this run."]


def test_what_was_drawn_is_told_from_the_journal_drawing_by_drawing() -> None:
    """Whoever drew it, and however often one replica was drawn by hand."""
    moment, events = (
        datetime(2030, 1, 2, tzinfo=UTC),
        EventMaker(FakeClock(), "by hand", lambda: str(uuid4())),
    )
    drawn = Drawn()
    for number, outcome, lot, at, agent in [
        (1, "intact", Drawing(1000), 0, "by hand"),
        (1, "intact", Drawing(1000), 1, "by hand"),
        (2, "altered", Drawing(1000), 2, "by hand"),
        (3, "intact", Drawing(1000), 3, "a night"),
        (4, "intact", None, 4, "by hand"),  # not by lot
        (5, "intact", Drawing(1000, "aimed at PDF"), 5, "by hand"),
        (6, "intact", Drawing(1000, "aimed at TIFF"), 6, "by hand"),
    ]:
        key = VersionKey(COMMUNITY, f"{number:08}-0000-4000-8000-000000000000", 1)
        detail = {"level": "E3", **(lot.to_json() if lot else {})}
        event = events.about(key, EventType.FIXITY_CHECK, outcome, detail, tier="deep")
        drawn.see(replace(event, at=moment + timedelta(hours=at), agent=agent))
    told = [line.statement for line in drawn.lines(Policy.from_effective(effective()))]
    assert [one.partition(":")[2].partition(":")[0] for one in told] == [
        *3 * [" 1 of 1,000 replicas drawn by lot were read, none damaged"],
        " 2 of 1,000 replicas drawn by lot were read, 1 damaged",
    ]
    assert all(one.endswith(" (2030-01-02).") for one in told)
