"""Making the catalogue again from the tiers' sidecars and the journal.

First every sidecar is believed, then the journal is replayed over it, so that an event finds
the replica it is about even where the event that made the replica was never drained. What
only sidecars speak for at the end is reported: those acts have no durable event.

Where sidecars disagree about a seal, the journal decides; without it ``authority`` does, and where
nobody can, the version is left out until a person has said which seal holds.

Nothing here touches the catalogue that is replaced: see ``aside``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from preservation.catalogue.authority import SEAL_DISPUTED, judge, told
from preservation.catalogue.keys import chunks
from preservation.catalogue.protocol import VersionRow
from preservation.catalogue.sql import SqlCatalogue
from preservation.errors import SamarkandError
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.event import Event
from preservation.model.finding import Finding, Severity
from preservation.model.replica import Sidecar, VersionKey

_ADOPTED_AT_ONCE = 200


class Shelf(Protocol):
    """What rebuilding needs of a tier."""

    def sidecars(self) -> Iterable[Sidecar | Finding]: ...

    def sidecar(self, key: VersionKey, /) -> Sidecar | None: ...

    def tombstoned(self, key: VersionKey, /) -> bytes | None: ...


class History(Protocol):
    """What rebuilding needs of the journal."""

    def events(
        self,
        since: datetime | None = None,
        damaged: Callable[[SamarkandError], None] | None = None,
    ) -> Iterator[Event]: ...


AnyShelf = TypeVar("AnyShelf", bound=Shelf)


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild found.

    Attributes:
        sidecars: by tier, how many were read.
        versions, replicas: rows in the new catalogue.
        events: read from the journal.
        applied: of those, how many changed a row.
        undrained_versions, undrained_replicas: no event in the journal made them; they are
            here by their sidecars alone.
        orphans: replicas of versions about which nothing else could be read.
        disputes: versions whose sidecars disagree, with nobody to decide: tier -> claimed seal.
        findings: sidecars, bags, journal files and tiers that could not be read, and seals
            that disagree.
    """

    sidecars: Mapping[str, int]
    versions: int
    replicas: int
    events: int
    applied: int
    undrained_versions: tuple[VersionKey, ...]
    undrained_replicas: tuple[tuple[VersionKey, str], ...]
    orphans: tuple[tuple[VersionKey, str], ...]
    disputes: Mapping[VersionKey, Mapping[str, Digest]]
    findings: tuple[Finding, ...]

    def counts(self) -> dict[str, Any]:
        """What the event of the rebuild carries."""
        return {
            "sidecars": dict(self.sidecars),
            "versions": self.versions,
            "replicas": self.replicas,
            "events": self.events,
            "applied": self.applied,
            "undrained_versions": len(self.undrained_versions),
            "undrained_replicas": len(self.undrained_replicas),
            "orphans": len(self.orphans),
            "disputes": len(self.disputes),
            "findings": len(self.findings),
        }


def rebuild(
    new: SqlCatalogue,
    tiers: Mapping[str, AnyShelf],
    journal: History,
    facts: Callable[[AnyShelf, Sidecar], VersionRow | None],
    clock: Clock,
    keepers: Mapping[str, str] | None = None,
) -> RebuildReport:
    """Fill an empty catalogue.

    Args:
        new: empty, made aside (:func:`preservation.catalogue.aside.begin`).
        tiers: by id; one that cannot be read is a finding, and its replicas are known from
            the journal alone.
        journal: the home's, complete (``ledger.drain.fetch_missing`` first).
        facts: reads a version from a replica's tag files; None where they do not verify.
        clock: for replicas that no event dates.
        keepers: tier -> with what it can be written (``authority.judge``).

    Raises:
        CatalogueUnavailableError, NoSpaceError: the new catalogue cannot be written.
    """
    findings: list[Finding] = []
    sidecars = {
        id: _adopt(new, id, tier, facts, clock, findings) for id, tier in sorted(tiers.items())
    }
    history = _Counted(
        journal.events(damaged=lambda error: findings.append(_unreadable("journal", error)))
    )
    applied = new.replay(history)
    _bury(new, tiers, findings)
    disputes = _decide(new, tiers, facts, keepers or {}, findings)
    return RebuildReport(
        sidecars=sidecars,
        versions=new.count_versions(),
        replicas=new.count_replicas(),
        events=history.count,
        applied=applied,
        undrained_versions=tuple(new.adopted_versions()),
        undrained_replicas=tuple(new.adopted_replicas()),
        orphans=tuple(new.orphans()),
        disputes=disputes,
        findings=tuple(findings),
    )


def _bury(new: SqlCatalogue, tiers: Mapping[str, AnyShelf], findings: list[Finding]) -> None:
    """Leave out what only sidecars speak for and a tombstone says was disposed of: the journal
    has lost how it ended, and a tier that was away then, or a backup, still shows it.
    """
    for key in new.adopted_versions():
        for id, tier in sorted(tiers.items()):
            try:
                if tier.tombstoned(key) is None:
                    continue
            except (SamarkandError, OSError):
                continue  # that the tier can't be read was told when its sidecars were
            new.leave_out(key)
            findings.append(
                Finding(
                    "CAT-TOMBSTONE",
                    str(key),
                    f"no event tells of it, and a tombstone on {id} says that it was disposed of",
                    f"read {key.tombstone} there; look for the part of the journal that is lost",
                )
            )
            break


def _decide(
    new: SqlCatalogue,
    tiers: Mapping[str, AnyShelf],
    facts: Callable[[AnyShelf, Sidecar], VersionRow | None],
    keepers: Mapping[str, str],
    findings: list[Finding],
) -> dict[VersionKey, Mapping[str, Digest]]:
    """Settle what sidecars say against each other, or leave the version out."""
    disputes: dict[VersionKey, Mapping[str, Digest]] = {}
    disagreeing: dict[VersionKey, list[str]] = {}
    for key, tier in new.disagreeing():
        disagreeing.setdefault(key, []).append(tier)
    unspoken = set(new.adopted_versions())
    for key in disagreeing:
        claims = new.claims(key)
        if key in unspoken:
            judged = judge(claims, keepers)
            row = _sealed_by(judged.seal, key, claims, tiers, facts, findings)
            if row is None:
                new.leave_out(key)
                disputes[key] = claims
                findings.append(disputed(key, claims, judged.proposal))
                continue
            new.take(row)
        findings += [_disagrees(key, tier) for tier in new.overrule(key)]
    return disputes


def _sealed_by(
    seal: Digest | None,
    key: VersionKey,
    claims: Mapping[str, Digest],
    tiers: Mapping[str, AnyShelf],
    facts: Callable[[AnyShelf, Sidecar], VersionRow | None],
    findings: list[Finding],
) -> VersionRow | None:
    """What a bag with the seal that holds says about itself; None if none says anything."""
    for tier in (name for name, claimed in claims.items() if claimed == seal):
        sidecar = tiers[tier].sidecar(key)
        row = None if sidecar is None else _facts(tiers[tier], sidecar, facts, findings)
        if row is not None and row.seal == seal:
            return row
    return None


def disputed(key: VersionKey, claims: Mapping[str, Digest], proposal: Digest | None) -> Finding:
    """What is said of a version whose sidecars disagree, with nobody to decide."""
    most = f" Most say {proposal}; that proves nothing." if proposal else ""
    return Finding(
        code=SEAL_DISPUTED,
        subject=str(key),
        message=f"no event tells its seal, and the sidecars disagree: {told(claims)}.{most}",
        hint="find out which seal is right (a receipt, an earlier report, another copy), then run "
        "`preserve finding settle`; nothing is repaired or copied until then",
    )


class _Counted:
    """An iterator that knows how far it came."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self.count = 0

    def __iter__(self) -> Iterator[Event]:
        for event in self._events:
            self.count += 1
            yield event


def _adopt(
    new: SqlCatalogue,
    id: str,
    tier: AnyShelf,
    facts: Callable[[AnyShelf, Sidecar], VersionRow | None],
    clock: Clock,
    findings: list[Finding],
) -> int:
    """Believe one tier's sidecars; how many there were."""
    count = 0
    for batch in chunks(_read(id, tier, findings), _ADOPTED_AT_ONCE):
        unknown = new.unknown([sidecar.key for sidecar in batch])
        shown: list[tuple[Sidecar, VersionRow | None]] = []
        for sidecar in batch:
            row = None
            if sidecar.key in unknown:
                row = _facts(tier, sidecar, facts, findings)
            shown.append((sidecar, row))
        new.adopt_many(shown, id, clock.now())
        count += len(batch)
    return count


def _read(id: str, tier: Shelf, findings: list[Finding]) -> Iterator[Sidecar]:
    try:
        for shown in tier.sidecars():
            if isinstance(shown, Finding):
                findings.append(shown)
            else:
                yield shown
    except (SamarkandError, OSError) as error:
        findings.append(_unreadable(f"tier {id}", error))


def _facts(
    tier: AnyShelf,
    sidecar: Sidecar,
    facts: Callable[[AnyShelf, Sidecar], VersionRow | None],
    findings: list[Finding],
) -> VersionRow | None:
    try:
        return facts(tier, sidecar)
    except (SamarkandError, OSError) as error:
        findings.append(_unreadable(str(sidecar.key), error))
        return None


def _unreadable(subject: str, error: Exception) -> Finding:
    return Finding(
        code=getattr(error, "code", "RBD-UNREADABLE"),
        subject=subject,
        message=f"not used for the rebuild: {error}",
        hint=getattr(error, "hint", ""),
        severity=Severity.WARNING,
    )


def _disagrees(key: VersionKey, tier: str) -> Finding:
    return Finding(
        code="RBD-SEAL-DISAGREES",
        subject=f"{key} on {tier}",
        message="the sidecar has another seal than the version has; it is not believed",
        hint="audit the AIP on all its tiers: the audit opens a finding, and repair mends it",
    )
