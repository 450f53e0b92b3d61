"""What shows a requirement, and what only looks as if it did."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from preservation.model.virus_scan import Demand
from preservation.reports import judges
from preservation.reports.judges import Facts, Judged


def facts(months: dict[str, int] | None = None, **changes: Any) -> Facts:
    """An archive with one AIP version in three places, all well."""
    tiers = [SimpleNamespace(unverified=0)] * 3
    holdings = SimpleNamespace(versions=1, aips=1)
    intake = SimpleNamespace(virus_scan=Demand.REQUIRED, formats=SimpleNamespace(check=True))
    place = {"tier": "deep", "replicas": 1, "verified": 1, "damaged": 0, "fresh": 1, "medium": "x"}
    place["ahead"] = 0
    cover = SimpleNamespace(replicas=3, failure_domains=3, sites=3, versions=1)
    month = {"accepted": 1, "rejected": 0, "checks": 3, "repaired": 0, "virus_checks": 1}
    month |= {"found": 0, "told": 0, "format_reviews": 0} | (months or {})
    known: dict[str, Any] = {
        "policy": SimpleNamespace(intake=intake, notify=("ann",), ref="sha256:0"),
        "standing": SimpleNamespace(tiers=tiers, holdings=holdings, overdue=0, kept=True),
        "places": (SimpleNamespace(**place, failure_domain="device 8:0"),),
        "copies": (cover,),
        "months": (SimpleNamespace(**month),),
        "formats": (SimpleNamespace(id="fmt/18", files=5, invalid=0, risk="low"),),
        "identified": 1,
        "uncounted": 0,
        "keepers": 2,
        "keeper_sites": 2,
        "acts": 10,
        "cited": 10,
    }
    return Facts(**{**known, **changes})


def place(**changes: Any) -> tuple[Any, ...]:
    return tuple(SimpleNamespace(**{**vars(line), **changes}) for line in facts().places)


UNKNOWN = (SimpleNamespace(id="", files=1, invalid=0, risk="unknown"),)


@pytest.mark.parametrize(
    ("judge", "known", "verdict"),
    [
        (judges.diverse, facts(), "met"),
        (judges.diverse, facts(places=place(failure_domain="")), "not met"),
        (judges.journal_copies, facts(), "met"),
        (judges.journal_copies, facts(keeper_sites=1), "not met"),
        (judges.no_overdue, facts(), "met"),
        (judges.no_overdue, facts(places=place(ahead=1)), "not met"),
        (judges.virus_scans, facts(), "met"),
        (judges.virus_scans, facts({"virus_checks": 0}), "not met"),
        (judges.virus_scans, facts({"accepted": 0}), "nothing to judge"),
        (judges.formats_known, facts(), "met"),
        (judges.formats_known, facts(formats=UNKNOWN), "not met"),
        (judges.incidents_told, facts({"found": 2, "told": 1}), "met"),
        (judges.incidents_told, facts({"found": 2}), "not met"),
        (judges.policies_cited, facts(), "met"),
        (judges.policies_cited, facts(cited=9), "met in part"),
        (judges.policies_cited, facts(cited=0), "not met"),
        (judges.repaired, facts(), "met"),
        (judges.repaired, facts(places=place(verified=0)), "nothing to judge"),
        (judges.repaired, facts(places=place(damaged=1)), "not met"),
    ],
)
def test_what_is_not_shown_is_not_called_met(judge: Any, known: Facts, verdict: str) -> None:
    judged: Judged = judge(known)
    assert judged.verdict == verdict, judged.evidence
    assert judged.evidence
