"""What a report says besides checks: samples, brakes, retention, access; over a real home."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

from homes import COMMUNITY, Archive

from preservation.app.keeping import access_of
from preservation.app.reporting import write_report
from preservation.catalogue.custody import AccessState
from preservation.model.event import EventType
from preservation.model.sampling import Sample


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
        samples = [Sample("deep", 1000, 300, 0)]
        files = write_report(parts, policy, "run", since, samples=samples)
    document = json.loads(files.json.read_bytes())
    told = {row["about"]: row["statement"] for row in document["tables"]["statements"]}
    assert told["sample"].startswith("deep: 300 of 1,000 replicas drawn by lot were read, none")
    assert "with 99 % confidence fewer than" in told["sample"]
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
    assert told == [f"{tier}: no sample was drawn in this run."]
