"""What is held, as the catalogue knows it: versions, replicas and formats as rows.

Judged against the policy in force and nothing else. A replica on a tier that no audit rule
names has no due date; it is shown, and said to have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from preservation.catalogue.protocol import ReplicaRow, VersionRow
from preservation.model.names import display
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.policy import FormatRules, Policy
from preservation.reports.rows import FormatLine, ReplicaLine, VersionLine

KEPT, SHORT, NOT_DUE = "kept", "short", "not due yet"

Place = tuple[VersionKey, str]  # a replica's identity: version and tier


def shown(text: str) -> str:
    """Any text from outside, as one harmless line: escapes controls and lone surrogates."""
    return display(text.encode("utf-8", "backslashreplace"))


def due_at(row: ReplicaRow, policy: Policy) -> datetime | None:
    """Until when the evidence about a replica holds; None if no audit is promised there.

    Evidence weaker than the promised level counts as none: then it is due by its age since it
    was written.
    """
    rule = policy.audit.tiers.get(row.tier)
    if rule is None:
        return None
    strong = row.level is not None and row.level.reaches(rule.level)
    since = row.checked_at if strong and row.checked_at else row.written_at
    return since + rule.max_age


def replica_lines(
    rows: Iterable[ReplicaRow],
    policy: Policy,
    titles: Mapping[VersionKey, str],
    checked: AbstractSet[Place],
    now: datetime,
) -> Iterator[ReplicaLine]:
    """The replicas as they stand; ``checked`` are those that this run checked."""
    for row in rows:
        due = due_at(row, policy)
        yield ReplicaLine(
            aip=row.key.aip,
            version=row.key.version,
            title=titles.get(row.key, ""),
            tier=row.tier,
            packaging=row.packaging.value,
            state=row.state.value,
            bytes=row.octets,
            written_at=row.written_at,
            verified_at=row.verified_at,
            checked_at=row.checked_at,
            outcome="" if row.outcome is None else row.outcome.value,
            level="" if row.level is None else row.level.value,
            due_at=due,
            overdue=due is not None and due < now,
            checked_in_run=(row.key, row.tier) in checked,
            seal=str(row.seal),
        )


def domains_of(tiers: Iterable[str], observed: Mapping[str, str]) -> int:
    """In how many failure domains tiers lie. What was not observed promises no independence:
    all of it together counts as one at most, and only if nothing was observed at all.
    """
    seen = [observed.get(tier, "") for tier in tiers]
    return len({domain for domain in seen if domain}) or (1 if seen else 0)


def version_line(
    version: VersionRow,
    replicas: Sequence[ReplicaRow],
    policy: Policy,
    observed: Mapping[str, str],
    now: datetime,
) -> VersionLine:
    """One version, with its copies against the policy."""
    verified = [row.tier for row in replicas if row.state is ReplicaState.VERIFIED]
    domains = domains_of(verified, observed)
    sites = len({policy.tiers[tier].site for tier in verified if tier in policy.tiers})
    lacks = [*_bad_or_absent(version, replicas, policy, now)]
    least = policy.minimum
    low = [
        f"{has:,} {word}{'' if has == 1 else 's'} of {wanted}"
        for has, wanted, word in (
            (len(verified), least.replicas, "verified replica"),
            (domains, least.failure_domains, "failure domain"),
            (sites, least.sites, "site"),
        )
        if has < wanted
    ]
    if minimum_due(version.ingested_at, policy) < now:
        lacks += low
    return VersionLine(
        aip=version.key.aip,
        version=version.key.version,
        title=shown(version.title),
        identifier=shown(version.lineage),
        files=version.files,
        bytes=version.octets,
        ingested_at=version.ingested_at,
        verified=len(verified),
        promised=max(policy.minimum.replicas, len(policy.replicas)),
        failure_domains=domains,
        sites=sites,
        standing=SHORT if lacks else NOT_DUE if low else KEPT,
        lacks=tuple(lacks),
        seal=str(version.seal),
    )


def minimum_due(ingested: datetime, policy: Policy) -> datetime:
    """From when on the policy's minimum must be true: when so many replicas have fallen due."""
    ends = sorted(rule.within for rule in policy.replicas)
    if not ends:
        return ingested
    return ingested + ends[min(policy.minimum.replicas, len(ends)) - 1]


def _bad_or_absent(
    version: VersionRow, replicas: Sequence[ReplicaRow], policy: Policy, now: datetime
) -> Iterator[str]:
    """Replicas that are damaged, and those that should have been there, or verified, by now."""
    due = {r.tier for r in policy.replicas if version.ingested_at + r.within < now}
    there = {row.tier for row in replicas}
    for rule in policy.replicas:
        if rule.tier in due - there:
            yield f"no replica on {rule.tier}"
    for row in replicas:
        if row.state is ReplicaState.DAMAGED:
            yield f"{row.outcome.value if row.outcome else 'damaged'} on {row.tier}"
        elif row.state is ReplicaState.WRITTEN and row.tier in due:
            yield f"not read back on {row.tier}"


def format_lines(versions: Iterable[VersionRow], rules: FormatRules) -> list[FormatLine]:
    """All formats held, most files first."""
    files: Counter[tuple[str, str, str]] = Counter()
    octets: Counter[tuple[str, str, str]] = Counter()
    for version in versions:
        for held in version.formats:
            key = (held.puid, held.mime, held.name)
            files[key] += held.files
            octets[key] += held.octets
    lines = [
        FormatLine(puid, mime, shown(name), files[key], octets[key], _standing(puid, mime, rules))
        for key in files
        for puid, mime, name in (key,)
    ]
    return sorted(lines, key=lambda line: (-line.files, line.puid, line.mime))


def _standing(puid: str, mime: str, rules: FormatRules) -> str:
    if not puid and not mime:
        return "unidentified"
    for listed, word in ((rules.refused, "refused"), (rules.preferred, "preferred")):
        if puid in listed or (mime and mime in listed):
            return word
    return "accepted"
