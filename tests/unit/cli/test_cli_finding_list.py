"""Findings are told page by page: there may be a hundred thousand."""

from __future__ import annotations

import json

import pytest
from homes import Archive

from preservation.catalogue import reading
from preservation.cli.streamed import Streamed
from preservation.model.event import EventType


def test_each_finding_comes_once_and_the_oldest_first(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 2)
    with archive.opened() as (parts, policy):
        for number in range(5):
            detail = {"finding": parts.events.new_id(), "code": "FIX-ALTERED", "severity": "error"}
            detail |= {"subject": f"{number}", "message": "m", "hint": "", "localised": {}}
            event = parts.events.of(policy.community, EventType.FINDING_OPENED, "fail", detail)
            parts.catalogue.record([event])
        told = list(parts.catalogue.each_finding(policy.community, "open"))
        assert told == parts.catalogue.findings(policy.community, "open")
        assert [one.subject for one in told] == ["0", "1", "2", "3", "4"]
        assert list(parts.catalogue.each_finding("nobody")) == []


def test_a_streamed_array_is_the_array_that_it_would_have_been() -> None:
    for rows in ([], [{"a": 1}], [{"a": 1}, {"b": [2]}]):
        streamed = json.dumps({"rows": Streamed(lambda rows=rows: iter(rows))}, indent=2)  # type: ignore[misc]
        assert streamed == json.dumps({"rows": rows}, indent=2)
