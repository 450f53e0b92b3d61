"""What is held, as the catalogue knows it: versions, replicas and formats as rows.

Judged against the policy in force, by the rules of ``preservation.catalogue.standing``: what
that says of a community as a whole, these rows say one by one. A replica on a tier that no
audit rule names has no due date; it is shown, and said to have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from preservation.catalogue.protocol import ReplicaRow, VersionRow
from preservation.formats.risk import risk_of
from preservation.model.deferred import dataclass
from preservation.model.names import display
from preservation.model.replica import ReplicaState, VersionKey
from preservation.model.units import counted
from preservation.policy.formats import FormatRules
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.reports.rows import FormatLine, ReplicaLine, VersionLine

SKEW = timedelta(hours=1)  # that clocks of two hosts may differ
KEPT, SHORT, NOT_DUE = "kept", "short", "not due yet"

Place = tuple[VersionKey, str]  # a replica's identity: version and tier


def shown(text: str) -> str:
    """Any text from outside, as one harmless line: escapes controls and lone surrogates."""
    return display(text.encode("utf-8", "backslashreplace"))


def due_at(row: ReplicaRow, policy: Policy) -> datetime | None:
    """Until when the evidence about a replica holds; None if no audit is promised there."""
    rule = policy.audit.tiers.get(row.tier)
    return None if rule is None else (row.checked_at or row.written_at) + rule.max_age


def is_ahead(at: datetime, now: datetime) -> bool:
    """Whether something is dated by a clock that was wrong: nobody knows how old it is."""
    return at > now + SKEW


def is_weak(row: ReplicaRow, policy: Policy) -> bool:
    """Whether its last check was weaker than promised. One that never was is not weak, but due."""
    rule = policy.audit.tiers.get(row.tier)
    return rule is not None and row.level is not None and not row.level.reaches(rule.level)


def replica_lines(
    rows: Iterable[ReplicaRow],
    policy: Policy,
    title: str,
    checked: AbstractSet[Place],
    now: datetime,
    compared: Mapping[str, datetime],
) -> Iterator[ReplicaLine]:
    """A version's replicas as they stand.

    Args:
        checked: those that this run checked.
        compared: by tier, since when all digests are to have been compared.
    """
    for row in rows:
        due = due_at(row, policy)
        yield ReplicaLine(
            aip=row.key.aip,
            version=row.key.version,
            title=title,
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
            weak=is_weak(row, policy),
            all_digests_at=row.all_digests_at,
            part_compared=row.tier in compared
            and (row.all_digests_at or row.written_at) < compared[row.tier],
            checked_in_run=(row.key, row.tier) in checked,
            seal=str(row.seal),
        )


def shortfall(
    tiers: Iterable[str], policy: Policy, independence: Independence
) -> tuple[tuple[int, int, int], list[str]]:
    """Replicas, failure domains and sites that verified replicas on these tiers come to, and
    which of the three are less than the policy's minimum, in words.

    A tier that could not be observed counts as a domain of its own; that it could not is a
    broken promise by itself.
    """
    known = [tier for tier in tiers if tier in policy.tiers]
    has = independence.counts(known)
    least = policy.minimum
    wanted = (least.replicas, least.failure_domains, least.sites)
    words = ("verified replica", "failure domain", "site")
    low = [
        f"{counted(number, word)} of {enough}"
        for number, enough, word in zip(has, wanted, words, strict=True)
        if number < enough
    ]
    return has, low


def grace(policy: Policy, independence: Independence) -> timedelta:
    """How long after ingest the policy's own replicas make its minimum; no time if never."""
    by_time = sorted(policy.replicas, key=lambda rule: rule.within)
    for number, rule in enumerate(by_time, 1):
        if not shortfall((r.tier for r in by_time[:number]), policy, independence)[1]:
            return rule.within
    return timedelta()


def version_line(
    version: VersionRow,
    replicas: Sequence[ReplicaRow],
    policy: Policy,
    independence: Independence,
    called: str,
    now: datetime,
) -> VersionLine:
    """One version, with its copies against the policy; ``called`` are its identifiers."""
    verified = [row.tier for row in replicas if row.state is ReplicaState.VERIFIED]
    (copies, domains, sites), low = shortfall(verified, policy, independence)
    lacks = [*_bad_or_absent(version, replicas, policy, now)]
    if version.ingested_at + grace(policy, independence) < now:
        lacks += low
    return VersionLine(
        aip=version.key.aip,
        version=version.key.version,
        title=shown(version.title),
        identifier=shown(called),
        files=version.files,
        bytes=version.octets,
        ingested_at=version.ingested_at,
        verified=copies,
        promised=max(policy.minimum.replicas, len(policy.replicas)),
        failure_domains=domains,
        sites=sites,
        standing=SHORT if lacks else NOT_DUE if low else KEPT,
        lacks=tuple(lacks),
        seal=str(version.seal),
    )


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


@dataclass(frozen=True, slots=True)
class HeldFormat:
    """One format that is held, as the central inventory counts it; see ``FormatLine``."""

    id: str
    puid: str
    name: str
    version: str
    mime: str
    files: int
    octets: int
    doubtful: int = 0
    invalid: int = 0
    changed: int = 0


class FormatsByCatalogue:
    """What is held where no inventory is asked: known formats count as beyond doubt."""

    def __init__(self) -> None:
        self._files: Counter[tuple[str, str, str]] = Counter()
        self._octets: Counter[tuple[str, str, str]] = Counter()

    def add(self, version: VersionRow) -> None:
        """Count a version's files."""
        for held in version.formats:
            key = (held.puid, held.mime, held.name)
            self._files[key] += held.files
            self._octets[key] += held.octets

    def held(self) -> Iterator[HeldFormat]:
        """Each format."""
        for (id, mime, name), count in self._files.items():
            unknown = 0 if id else count
            puid = id if "fmt/" in id else ""
            octets = self._octets[id, mime, name]
            yield HeldFormat(id, puid, name, "", mime, count, octets, unknown)


def format_lines(held: Iterable[HeldFormat], rules: FormatRules) -> list[FormatLine]:
    """All formats held, most files first."""
    lines = [
        FormatLine(
            id=one.id,
            name=shown(one.name),
            version=shown(one.version),
            mime=one.mime,
            files=one.files,
            bytes=one.octets,
            doubtful=one.doubtful,
            invalid=one.invalid,
            changed=one.changed,
            risk=risk_of(one.id).risk.value,
            standing=_standing(one, rules),
        )
        for one in held
    ]
    return sorted(lines, key=lambda line: (-line.files, line.id, line.mime, line.version))


def _standing(held: HeldFormat, rules: FormatRules) -> str:
    if not held.id:
        return "unidentified"
    local = "" if held.id == held.puid else held.id
    return rules.ruling(local, held.puid, held.mime).standing.value
