"""What every catalogue knows of other holders' statements; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from catalogues import START, an_event

from preservation.catalogue.sql import SqlCatalogue
from preservation.errors import MalformedError
from preservation.model.event import Event, EventType


def stated(package: str, outcome: str = "pass", tier: str = "partner", days: int = 0) -> Event:
    event = an_event(EventType.HOLDER_STATEMENT, outcome=outcome, package=package, message="")
    return replace(event, tier=tier, at=START + timedelta(days=days))


def test_the_newest_statement_about_a_package_counts_whatever_the_order(
    catalogue: SqlCatalogue,
) -> None:
    catalogue.record([stated("a", "fail", days=2), stated("a", days=1), stated("b")])
    catalogue.record([stated("b", "unclear", days=1), stated("a", tier="other")])
    rows = list(catalogue.statements.all("partner"))
    assert [(row.package, row.outcome) for row in rows] == [("a", "fail"), ("b", "unclear")]
    assert rows[0].at == START + timedelta(days=2)
    assert rows[0].detail["message"] == ""
    assert catalogue.statements.of("partner", ["b", "c"]) == {"b": rows[1]}
    assert [row.package for row in catalogue.statements.all("other")] == ["a"]


def test_more_statements_than_are_read_at_once_come_in_order(
    catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("preservation.catalogue.statements._AT_ONCE", 3)
    names = [f"{number:02}" for number in range(10)]
    catalogue.record([stated(name) for name in reversed(names)])
    assert [row.package for row in catalogue.statements.all("partner")] == names


def test_a_statement_about_no_package_is_refused(catalogue: SqlCatalogue) -> None:
    with pytest.raises(MalformedError):
        catalogue.record([stated("")])
