"""What the tasks do: the services' calls, with references in and references out.

Plain functions over the home's parts and JSON that fits into an XCom. Nothing here calls
Airflow; nothing here decides anything that a service does not.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from preservation.audit.outlook import shortages
from preservation.catalogue.brake import braked
from preservation.catalogue.turns import Aim
from preservation.errors import BusyError, SamarkandError, UsageError
from preservation.model.check import CheckResult
from preservation.model.clock import parse_stamp, stamp
from preservation.model.digest import Digest
from preservation.model.finding import Finding, is_fatal
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.model.sampling import Sample, together
from preservation.model.shard import MAX_SHARDS, Shard
from preservation.model.units import format_size, parse_size
from preservation.orchestration.settings import short
from preservation.orchestration.verdict import Verdict, verdict

if TYPE_CHECKING:
    from preservation.app import Parts
    from preservation.catalogue.protocol import FindingRow
    from preservation.notices.mail import MailSettings
    from preservation.policy.policy import Policy

Json = dict[str, Any]
_log = logging.getLogger(__name__)
_UNFINISHED = ("not made", "not now", "written", "busy")  # replicas that a retry may help


def policy_of(parts: Parts, ref: str) -> Policy:
    """The policy that a plan was made under: it governs the whole run, whatever is applied
    meanwhile.
    """
    return parts.store.policy(Digest.parse_tagged(ref))


def of_tier(planned: list[Json], tier: str) -> list[Json]:
    """Those of a plan that are about one tier."""
    return [one for one in planned if one["tier"] == tier]


def shard_json(shard: Shard) -> Json:
    """A shard, and what an archivist reads on its task: ``vault · 12 AIPs``."""
    return shard.to_json() | {"label": shard.label}


def tally(results: Json | Iterable[Json], field: str) -> Json:
    """How many results say which word, for the log and the XCom.

    Of a mapped group with one instance Airflow gives the one result, not a list of it.
    """
    rows = [results] if isinstance(results, dict) else results
    counts = dict(Counter(row[field] for row in rows))
    _log.info("%s", ", ".join(f"{count} {word}" for word, count in counts.items()) or "none")
    return counts


# -- ingest


def deposits(parts: Parts, community: str, name: str | None) -> list[Json]:
    """The complete deposits in a community's inbox, or the one of this name."""
    policy = parts.store.governing(community)
    return [
        {"arrival": seen.id, "label": short(seen.name), "policy": policy.ref}
        for seen in parts.ingest.scan(policy)
        if name in (None, seen.name)
    ]


def take_in(parts: Parts, found: Json, progress: Progress) -> Json:
    """Take one deposit in, and say in the log what the depositor is told."""
    arrival = parts.catalogue.arrival(found["arrival"])
    if arrival is None:
        raise UsageError(
            f"the arrival of {found['label']!r} is not noted any more",
            hint="nothing was lost: the next run finds the deposit again",
            code="DEP-ARRIVAL-GONE",
        )
    result = parts.ingest.take(policy_of(parts, found["policy"]), arrival, progress)
    for finding in result.findings:
        _tell(finding)
    _log.info("%s: %s %s v%s", found["label"], result.outcome, result.aip, result.version)
    return {"outcome": result.outcome, "aip": result.aip, "version": result.version}


def release(parts: Parts, community: str, progress: Progress) -> Json:
    """Move or delete deposits that were taken in, as the policy in force says."""
    results = parts.release(parts.store.governing(community), progress)
    return tally([{"outcome": result.outcome} for result in results], "outcome")


# -- replicate


def replicas_due(parts: Parts, community: str, *, together: bool) -> list[Json]:
    """The replicas that are promised and not there, as shards.

    Args:
        together: one worker can reach all tiers, so that one read may serve several.
    """
    planned = parts.replication.plan(parts.store.governing(community), together=together)
    return [shard_json(shard) for shard in planned]


def replicate(parts: Parts, data: Json, progress: Progress) -> Json:
    """Make a shard's replicas. Returns how many ended in which state.

    Raises:
        BusyError: all was tried, and some could not be made: worth a retry.
    """
    shard = Shard.from_json(data)
    results = parts.replication.run(policy_of(parts, shard.policy), shard, progress)
    for result in results:
        _log.info("%s on %s: %s %s", result.key, result.tier, result.state, result.reason)
    failed = [result for result in results if result.state in _UNFINISHED]
    if failed:
        first = f"{failed[0].key} on {failed[0].tier}: {failed[0].state}. {failed[0].reason}"
        raise BusyError(f"{len(failed)} of {len(results)}: {first}", code="REP-UNFINISHED")
    return tally([{"state": result.state} for result in results], "state")


# -- audit


def checks_due(parts: Parts, community: str, aim: Json) -> list[Json]:
    """Tonight's checks, or what the person who started the run aimed at."""
    policy = parts.store.governing(community)
    for sentence in shortages(policy, parts.audit.held().get(community, {})):
        _log.warning("%s", sentence)
    planned = parts.audit.plan(
        policy,
        tier=aim["tier"],
        aim=Aim(
            aip=aim["aip"],
            format=aim["format"],
            since=date.fromisoformat(aim["since"]) if aim["since"] else None,
        ),
        everything=aim["everything"],
        sample=aim["sample"] or 0,
        budget=parse_size(aim["budget"]) if aim["budget"] else None,
    )
    return [shard_json(shard) for shard in planned]


def check(parts: Parts, data: Json, progress: Progress) -> Json:
    """Check a shard. Damage is a finding, and the task that found it has succeeded."""
    shard = Shard.from_json(data)
    result = parts.audit.run(policy_of(parts, shard.policy), shard, progress)
    for finding in result.findings:
        _tell(finding)
    return {
        "checked": result.checked,
        "bytes": result.octets,
        "outcomes": dict(result.outcomes),
        "findings": len(result.findings),
        "unchecked": [row.to_json() for row in result.checks if row.outcome is Outcome.UNCHECKED],
        "samples": [sample.to_json() for sample in result.samples],
        "left": result.left,
    }


def outcomes_label(label: str, result: Json) -> str:
    """A label with the outcomes that there were: ``vault · 12 AIPs · 11 intact, 1 altered``."""
    counts = ", ".join(f"{count} {name}" for name, count in result["outcomes"].items() if count)
    return f"{label} · {counts or 'nothing was checked'}"


def summed(checked: Iterable[Sequence[Json] | None]) -> Json:
    """All shards' results together; those of failed shards are not there.

    Airflow's lazy sequences are read by a slice: read to their end one by one, they log an
    error where they end.
    """
    results = [result for tier in checked for result in (tier or ())[:]]
    outcomes: Counter[str] = Counter()
    for result in results:
        outcomes.update(result["outcomes"])
    total = {
        "checked": sum(result["checked"] for result in results),
        "bytes": sum(result["bytes"] for result in results),
        "outcomes": dict(outcomes),
        "findings": sum(result["findings"] for result in results),
        "unchecked": [row for result in results for row in result["unchecked"]],
        "left": sum(result["left"] for result in results),
    }
    parts = [Sample.from_json(one) for result in results for one in result["samples"]]
    samples = together(parts)
    total["samples"] = [sample.to_json() for sample in samples]
    for sample in samples:
        _log.info("%s", sample)
    if total["left"]:
        _log.warning("%s replicas wait for the next run: the hours were over", total["left"])
    _log.info("%s", outcomes_label(f"{format_size(total['bytes'])} read", total))
    return total


def refuse_unchecked(total: Json) -> None:
    """Fail if something that was planned is not known to be well or ill. What was recalled is
    read by a later run.

    Raises:
        UsageError: ``AUD-UNCHECKED``.
    """
    if unchecked := [row for row in total["unchecked"] if not row["ready_by"]]:
        raise UsageError(
            f"{len(unchecked)} replicas could not be checked",
            hint="the logs of the shards say why; `preserve tier list` looks at the tiers",
            code="AUD-UNCHECKED",
        )


def report(parts: Parts, community: str, run: str, since: datetime | None, settled: Json) -> str:
    """Write the community's report under the name of the run; returns the page's path.

    What happened since then is told, or since its policy came into force; Airflow says it by a
    kind of moment of its own, which pyarrow does not take. ``settled`` is what
    :func:`summed` gave, or empty: checks that the run could not make, and samples, left no event.
    """
    from preservation.app.reporting import write_report

    parts.drain()
    policy = parts.store.governing(community)
    at = since or parts.store.in_force()[community].at
    began = datetime.fromisoformat(at.isoformat())
    checks = [_unchecked(row) for row in settled.get("unchecked", [])]
    samples = [Sample.from_json(one) for one in settled.get("samples", [])]
    written = write_report(parts, policy, run, began, unchecked=checks, samples=samples)
    for sentence in written.report.sentences:
        _log.info("%s %s: %s", sentence.question, sentence.word, sentence.text)
    return str(written.html)


def _unchecked(row: Json) -> CheckResult:
    key = VersionKey(row["community"], row["aip"], row["version"])
    return CheckResult(key, row["tier"], Outcome.UNCHECKED, row["bytes"], row["reason"])


# -- repair


def damage(parts: Parts, community: str, finding: str | None) -> list[Json]:
    """The open findings that a repair can answer, or the one of this id: the oldest, as many as
    one run can hold. Those that wait for an answer about a brake are left out, so that they take
    nobody's place.
    """
    policy = parts.store.governing(community)
    waiting = braked(parts.catalogue, community) if policy.repair.automatic else frozenset[str]()
    found = [
        row
        for row in parts.repair.plan(policy, again=finding is not None)
        if (row.tier not in waiting if finding is None else row.id == finding)
    ]
    return [
        {
            "finding": row.id,
            "tier": row.tier,
            "aip": row.aip,
            "version": row.version,
            "code": row.code,
            "label": f"{short(_title(parts, row))} on {row.tier}",
            "message": row.message,
            "opened": stamp(row.opened_at),
            "policy": policy.ref,
        }
        for row in found[:MAX_SHARDS]
    ]


def repair(parts: Parts, one: Json, progress: Progress) -> Json:
    """Repair one replica.

    Raises:
        BusyError: another run is at it, or it could not be finished: worth a retry.
    """
    policy = policy_of(parts, one["policy"])
    result = parts.repair.repair(policy, one["finding"], progress, approved_by=one["approved_by"])
    _log.info("%s: %s %s", one["label"], result.state, result.reason)
    if result.state in ("busy", "unfinished"):
        raise BusyError(f"{one['label']}: {result.state}. {result.reason}", code="REP-UNFINISHED")
    return result.to_json()


def first_opened(found: list[Json]) -> datetime:
    """A day before the oldest of these findings was opened: its check is in the report then."""
    return min(parse_stamp(one["opened"]) for one in found) - timedelta(days=1)


def verify(parts: Parts, one: Json, progress: Progress) -> Json:
    """Check the one replica again, as any audit would."""
    policy = policy_of(parts, one["policy"])
    shard = Shard(
        policy.community,
        one["tier"],
        policy.ref,
        items=((one["aip"], one["version"]),),
        octets=0,
        planned=stamp(parts.clock.now()),
    )
    return check(parts, shard.to_json(), progress)


def _tell(finding: Finding) -> None:
    _log.warning("%s %s: %s. %s", finding.code, finding.subject, finding.message, finding.hint)


def _title(parts: Parts, row: FindingRow) -> str:
    """The deposit's name, by which an archivist knows the AIP."""
    version = parts.catalogue.version(VersionKey(row.community, row.aip, row.version))
    return version.title if version else f"{row.aip} v{row.version}"


# -- formats


def inventories(parts: Parts, progress: Progress) -> list[Json]:
    """Bring each community's part of the central inventory up to date."""
    from preservation.app.holdings import inventory_of

    service = inventory_of(parts)
    done = [service.refresh(name, progress) for name in sorted(parts.store.in_force())]
    for one in done:
        _log.info("%s: %s AIP versions, %s read now", one.community, one.versions, one.taken)
        for finding in one.missing:
            _tell(finding)
    return [{"community": one.community, "missing": len(one.missing)} for one in done]


def refuse_missing(done: Iterable[Json]) -> None:
    """Fail if an AIP could not be read for the inventory.

    Raises:
        UsageError: ``INV-MISSING``.
    """
    if missing := sum(one["missing"] for one in done):
        raise UsageError(
            f"{missing} AIP versions are not in the central inventory",
            hint="`preserve formats refresh` names each, and why",
            code="INV-MISSING",
        )


def formats_due(parts: Parts) -> list[Json]:
    """The AIP versions to look at again, in pieces of a minute or more."""
    from preservation.app.holdings import review_of

    watch, pieces = review_of(parts), list[Json]()
    for name in sorted(parts.store.in_force()):
        policy = parts.store.governing(name)
        for some in watch.pieces(watch.plan(name)):
            label = f"{name} · {len(some)} AIP version{'' if len(some) == 1 else 's'}"
            items = [due.to_json() for due in some]
            pieces.append({"policy": policy.ref, "label": label, "items": items})
    return pieces[:MAX_SHARDS]


def review_formats(parts: Parts, one: Json, progress: Progress) -> Json:
    """Look again at some AIP versions.

    Raises:
        BusyError: all was tried, and some could not be looked at: worth a retry.
    """
    from preservation.app.holdings import review_of
    from preservation.audit.format_review import DueVersion

    policy, watch = policy_of(parts, one["policy"]), review_of(parts)
    due = [DueVersion.from_json(item) for item in one["items"]]
    files = sum(some.files for some in due)
    progress.begin(f"formats {one['label']}, {files:,} files", None)
    results = [watch.review(policy, some, progress) for some in due]
    for result in results:
        for finding in result.findings:
            _tell(finding)
    undone = [result for result in results if result.state in ("busy", "not now")]
    if undone:
        first = f"{undone[0].key}: {undone[0].reason}"
        raise BusyError(f"{len(undone)} of {len(results)}: {first}", code="FMT-UNFINISHED")
    return {
        "looked_at": sum(result.looked_at for result in results),
        "changed": sum(result.changed for result in results),
    }


# -- drills


def drills_due(parts: Parts) -> list[Json]:
    """The communities whose policy asks for a drill now."""
    from preservation.app.drilling import drill_is_due

    policies = [parts.store.governing(name) for name in sorted(parts.store.in_force())]
    return [
        {"community": policy.community, "label": policy.title["en"], "policy": policy.ref}
        for policy in policies
        if drill_is_due(parts, policy)
    ]


def drill(parts: Parts, one: Json, progress: Progress) -> Json:
    """Hold one drill. What it missed is a finding, and the task that found it has succeeded."""
    from preservation.app import drilling

    policy = policy_of(parts, one["policy"])
    if not drilling.drill_is_due(parts, policy):  # a retry of what was held
        return {"passed": True, "said": "was held already"}
    done = drilling.drill(parts, policy, progress)
    if not done.score.passed:
        _tell(drilling.failed(policy.community, done.score))
    return {"passed": done.score.passed, "said": done.score.sentence}


def sweep(parts: Parts, progress: Progress) -> int:
    """Remove what was left behind; how many things that were."""
    from preservation.app.sweeping import sweep as swept

    return len(swept(parts, progress))


# -- statements of others


def holders(parts: Parts) -> list[Json]:
    """The others' tiers that policies in force ask for statements."""
    return [{"tier": name, "label": name} for name in sorted(parts.sources)]


def ask_holder(parts: Parts, one: Json, progress: Progress) -> Json:
    """Ask one holder about the packages whose last statement is old."""
    from preservation.audit.statements import last_statements

    name = one["tier"]
    lines = sorted(parts.store.in_force())
    policies = (parts.store.governing(community) for community in lines)
    policy = next(policy for policy in policies if name in policy.statements)
    known = last_statements(parts.all_events(), name)
    asked = parts.statements.ask(policy, parts.sources[name], known, progress)
    for finding in asked.findings:
        _tell(finding)
    return {"outcomes": dict(asked.outcomes), "fresh": asked.fresh}


# -- journal


def drain(parts: Parts) -> Json:
    """Make events durable outside the catalogue.

    Raises:
        SamarkandError: ``JRN-DIFFERS``: a copy on a tier is not what we wrote. A tier that is
            away is served by the next drain, and only logged.
    """
    drained = parts.drain()
    for finding in drained.findings:
        _tell(finding)
    if is_fatal(drained.findings):
        raise SamarkandError(
            "the journal and a copy of it say different things",
            hint="the findings above name the files: compare them before anything else",
            code="JRN-DIFFERS",
        )
    return {"events": drained.events, "copied": dict(drained.copied)}


# -- reports about months and years


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


# -- notices


def notify(parts: Parts, community: str, mail: MailSettings | None) -> Json:
    """Tell people about one community, or about all where it is empty.

    Raises:
        BusyError: somebody was not reached, or another run is telling: worth a retry.
    """
    from preservation.app.notifying import notify

    names = [community] if community else sorted(parts.store.in_force())
    result = notify(parts, [parts.store.governing(name) for name in names], mail=mail)
    for message in result.sent:
        _log.info("told %s: %s", message.to, message.subject)
    for failed in result.failed:
        _log.error("%s: %s. %s", failed.to, failed.error.message, failed.error.hint)
    if result.failed:
        first = f"{result.failed[0].to}: {result.failed[0].error.message}"
        raise BusyError(f"{len(result.failed)} not reached: {first}", code="NOTE-UNDELIVERED")
    return {"sent": len(result.sent), "later": len(result.later)}


# -- standing


def standing(parts: Parts, community: str) -> Verdict:
    """Compare what was promised with what is known now."""
    findings = parts.catalogue.findings(community, state="open")
    return verdict(parts.standing(parts.store.governing(community)), findings)
