"""Reports, notices, and how a community stands."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from preservation.errors import BusyError
from preservation.model.check import CheckResult
from preservation.model.outcome import Outcome
from preservation.model.replica import VersionKey
from preservation.notices.message import seen
from preservation.orchestration.verdict import Verdict, verdict
from preservation.orchestration.work.common import Json
from preservation.policy.terms import EVER

if TYPE_CHECKING:
    from preservation.app.parts import Parts
    from preservation.notices.mail import MailSettings

_log = logging.getLogger(__name__)


def report(parts: Parts, community: str, run: str, since: datetime | None, settled: Json) -> str:
    """Write the community's report under the name of the run; returns the page's path.

    What happened since then is told, or since its first policy; Airflow says it by a
    kind of moment of its own, which pyarrow does not take. ``settled`` is what
    :func:`summed` gave, or empty: checks that the run could not make left no event.
    """
    from preservation.app.reporting import write_report

    parts.drain()
    policy = parts.store.governing(community)
    known = [one.since for one in parts.store.past(policy) if one.since > EVER]
    at = since or min(known, default=parts.store.in_force()[community].at)
    began = datetime.fromisoformat(at.isoformat())
    checks = [_unchecked(row) for row in settled.get("unchecked", [])]
    written = write_report(parts, policy, run, began, unchecked=checks)
    for sentence in written.report.sentences:
        _log.info("%s %s: %s", sentence.question, sentence.word, sentence.text)
    return str(written.html)


def _unchecked(row: Json) -> CheckResult:
    key = VersionKey(row["community"], row["aip"], row["version"])
    return CheckResult(key, row["tier"], Outcome.UNCHECKED, row["bytes"], row["reason"])


def period_reports(parts: Parts) -> list[str]:
    """Write those that policies want and that are not there; returns their pages' paths."""
    from preservation.app.period_reporting import periods_due, write_period_report

    parts.drain()
    pages = []
    for name in sorted(parts.store.in_force()):
        policy = parts.store.governing(name)
        for kind, period in periods_due(parts, policy):
            written = write_period_report(parts, policy, kind, period)
            _log.info("%s %s of %s: %s", kind, period, name, written.html)
            pages.append(str(written.html))
    return pages


def notify(parts: Parts, community: str, mail: MailSettings | None) -> Json:
    """Tell people about one community, or about all where it is empty.

    Raises:
        BusyError: somebody was not reached, or another run is telling: worth a retry.
    """
    from preservation.app.notifying import notify

    names = [community] if community else sorted(parts.store.in_force())
    result = notify(parts, [parts.store.governing(name) for name in names], mail=mail)
    for message in result.sent:
        _log.info("told %s: %s", seen(message.to), message.subject)
    for failed in result.failed:
        _log.error("%s: %s. %s", seen(failed.to), failed.error.message, failed.error.hint)
    if result.failed:
        first = f"{seen(result.failed[0].to)}: {result.failed[0].error.message}"
        raise BusyError(f"{len(result.failed)} not reached: {first}", code="NOTE-UNDELIVERED")
    return {"sent": len(result.sent), "later": len(result.later)}


def standing(parts: Parts, community: str) -> Verdict:
    """Compare what was promised with what is known now."""
    findings = parts.catalogue.each_finding(community, state="open")
    return verdict(parts.standing(parts.store.governing(community)), findings)
