"""Reconcile: hold what lies on a tier against what the catalogue says of it, both ways.

Names, sizes and sidecars are looked at (level E0), no replica is read. What does not agree
becomes a finding with a life of its own; nothing is ever removed. A replica that is missing is
told by the same check that an audit makes, so that a repair knows of it.

Writers do in steps what is looked at here, and others look too. So what was seen in passing is
looked at again under the lease on its replica, and recorded under it, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field, replace
from typing import Any

from preservation.catalogue.checked import LeasedCheck
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, FindingRow, Lease, ReplicaRow
from preservation.errors import BusyError
from preservation.model.check import CheckResult
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import Finding
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.policy.policy import Policy
from preservation.replication.odd import CODES, Odd, by_aip, is_held, of_version, strangers
from preservation.storage.listing import Lying, Version, versions
from preservation.storage.tier import Tier


@dataclass(slots=True)
class Reconciled:
    """What a tier came to.

    Attributes:
        agreed: replicas of which listing, sidecar and catalogue say the same.
        checks: of replicas that were not listed, by the audit's own check.
        accepted: things that do not agree, of which somebody said that they may stay.
        unfinished: in words; no finding, since a writer may be at it.
        going: of the community that is looked at, what is being removed from the tier.
    """

    tier: str
    agreed: int = 0
    findings: list[Finding] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    accepted: int = 0
    resolved: int = 0
    going: set[VersionKey] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many things do not agree."""
        return len(self.findings) + sum(len(check.findings) for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """One tier of ``samarkand.reconcile/1``."""
        missing = [found.to_json() for check in self.checks for found in check.findings]
        return {
            "tier": self.tier,
            "agreed": self.agreed,
            "findings": [found.to_json() for found in self.findings] + missing,
            "unfinished": self.unfinished,
            "accepted": self.accepted,
            "resolved": self.resolved,
        }


class ReconcileService:
    """Looks at one tier at a time."""

    def __init__(self, catalogue: Catalogue, events: EventMaker, check: LeasedCheck) -> None:
        self._catalogue = catalogue
        self._events = events
        self._check = check

    def reconcile(
        self, tier: Tier, policies: Mapping[str, Policy], progress: Progress
    ) -> Reconciled:
        """Look at everything on a tier, and at everything that should be there.

        Args:
            policies: in force, by community; a community without one is looked at all the same.

        Raises:
            TierUnavailableError: the tier can't be listed; nothing is known, nothing is told.
        """
        tier.check()
        result = Reconciled(tier.id, unfinished=list(tier.unfinished()))
        names = sorted({*self._catalogue.communities(), *tier.communities(), *policies})
        for community in names:
            progress.say(f"{tier.id}: {community}")
            self._community(tier, community, policies.get(community), result, progress)
        return result

    def _community(
        self,
        tier: Tier,
        community: str,
        policy: Policy | None,
        result: Reconciled,
        progress: Progress,
    ) -> None:
        told: set[tuple[str, str]] = set()
        for odd in self._odd(tier, community, policy, result, progress):
            finding = odd.finding(tier.id)
            if odd.key is None:
                result.findings.append(finding)
                continue
            with hold(self._catalogue, _lease(odd.key, tier.id), self._events.clock) as lease:
                if lease is not None and odd not in self._now(tier, odd.key):
                    continue
                told.add((finding.code, finding.subject))
                if lease is not None:  # else whoever is at work on it has the last word
                    with suppress(BusyError):
                        self._tell(tier, odd.key, finding, policy, result, lease)
        result.resolved += self._resolve(tier, community, told)

    def _tell(
        self,
        tier: Tier,
        key: VersionKey,
        finding: Finding,
        policy: Policy | None,
        result: Reconciled,
        lease: Lease,
    ) -> None:
        """Note a finding; open it, unless it is open, or somebody accepted it.

        Raises:
            BusyError: the lease was lost.
        """
        states = self._states(tier, key, finding)
        if "accepted" in states:
            result.accepted += 1
            return
        if "open" not in states:
            detail = {"finding": self._events.new_id(), **finding.to_json(), "localised": {}}
            opened = self._about(tier, key, EventType.FINDING_OPENED, detail, policy)
            self._catalogue.record([opened], lease)
        result.findings.append(finding)

    def _odd(
        self,
        tier: Tier,
        community: str,
        policy: Policy | None,
        result: Reconciled,
        progress: Progress,
    ) -> Iterator[Odd]:
        """Two sequences in one order, AIP by AIP; memory stays flat."""
        result.going = self._catalogue.removing(community, tier.id)
        rows = by_aip(self._catalogue.replicas(community, tier=tier.id))
        due = next(rows, None)
        for lying in tier.lying(community):
            if not lying.aip:
                yield from strangers(lying, lying.names)
                continue
            while due is not None and due[0] < lying.aip:
                self._missing(due[1].values(), policy, result, progress)
                due = next(rows, None)
            known: dict[int, ReplicaRow] = {}
            if due is not None and due[0] == lying.aip:
                known, due = due[1], next(rows, None)
            yield from self._aip(tier, lying, known, policy, result, progress)
        while due is not None:
            self._missing(due[1].values(), policy, result, progress)
            due = next(rows, None)

    def _aip(
        self,
        tier: Tier,
        lying: Lying,
        known: Mapping[int, ReplicaRow],
        policy: Policy | None,
        result: Reconciled,
        progress: Progress,
    ) -> Iterator[Odd]:
        there, strange = versions(lying)
        yield from strangers(lying, strange)
        gone = [row for number, row in known.items() if not is_held(there.get(number))]
        self._missing(gone, policy, result, progress)
        for number, one in there.items():
            if one.key in result.going:
                place = f"{lying.folder}/v{number}"
                result.unfinished.append(f"{place}: being removed by `preserve retention dispose`")
                continue
            odd = list(self._of_version(tier, lying.folder, one, known.get(number)))
            result.agreed += not odd and number in known and one.is_held
            yield from odd

    def _missing(
        self,
        rows: Iterable[ReplicaRow],
        policy: Policy | None,
        result: Reconciled,
        progress: Progress,
    ) -> None:
        """Replicas that no listing shows: checked as an audit does it, with what follows."""
        for row in rows:
            if policy is None:  # no level to check at, and nobody who was promised one
                place = row.key.place(row.packaging)
                result.findings.append(Odd("TIER-NOT-LISTED", place).finding(row.tier))
                continue
            with hold(self._catalogue, _lease(row.key, row.tier), self._events.clock) as lease:
                # It was retired meanwhile, or whoever is at work on it has the last word.
                now = None if lease is None else self._catalogue.replica(row.key, row.tier)
                if lease is not None and now is not None:
                    with suppress(BusyError):
                        result.checks.append(self._check(policy, now, progress, lease=lease))

    def _now(self, tier: Tier, key: VersionKey) -> set[Odd]:
        """What does not agree about a version now; whoever asks has its lease."""
        lying = next((one for one in tier.lying(key.community, key.aip) if one.aip), None)
        there = versions(lying)[0].get(key.version) if lying else None
        if lying is None or there is None:
            return set()
        row = self._catalogue.replica(key, tier.id)
        return set(self._of_version(tier, lying.folder, there, row))

    def _of_version(
        self, tier: Tier, folder: str, one: Version, row: ReplicaRow | None
    ) -> Iterator[Odd]:
        """What does not agree; octets of what was disposed of are told as that."""
        for odd in of_version(tier, folder, one, row):
            if row is None and odd.key is not None and self._catalogue.is_disposed(odd.key):
                yield replace(odd, code="TIER-DISPOSED")
            else:
                yield odd

    def _states(self, tier: Tier, key: VersionKey, finding: Finding) -> set[str]:
        """The states of the findings that say just this."""
        known = self._catalogue.findings(key.community, aip=key.aip, tier=tier.id)
        said = (finding.code, finding.subject)
        return {one.state for one in known if (one.code, one.subject) == said}

    def _resolve(self, tier: Tier, community: str, told: set[tuple[str, str]]) -> int:
        """Close what an earlier look found and this one does not."""
        closed = 0
        for one in self._catalogue.findings(community, state="open", tier=tier.id):
            if one.code not in CODES or (one.code, one.subject) in told:
                continue
            key = VersionKey(one.community, one.aip, one.version)
            with hold(self._catalogue, _lease(key, tier.id), self._events.clock) as lease:
                if lease is not None:
                    with suppress(BusyError):
                        closed += self._close(tier, key, one, lease)
        return closed

    def _close(self, tier: Tier, key: VersionKey, found: FindingRow, lease: Lease) -> bool:
        """Close one; not if it is so now: somebody may have found it after we had passed.

        Raises:
            BusyError: the lease was lost.
        """
        known = self._catalogue.finding(found.id)
        if known is None or known.state != "open":
            return False
        findings = [odd.finding(tier.id) for odd in self._now(tier, key)]
        if (found.code, found.subject) in [(each.code, each.subject) for each in findings]:
            return False
        detail = {
            "finding": found.id,
            "by": self._events.agent,
            "reason": "a later look at the tier does not find it any more",
            "event": "",
        }
        event = self._about(tier, key, EventType.FINDING_RESOLVED, detail, None)
        self._catalogue.record([event], lease)
        return True

    def _about(
        self,
        tier: Tier,
        key: VersionKey,
        type_: EventType,
        detail: Mapping[str, Any],
        policy: Policy | None,
    ) -> Event:
        outcome = "fail" if type_ is EventType.FINDING_OPENED else "success"
        ref = policy.ref if policy else ""
        return self._events.about(key, type_, outcome, detail, tier=tier.id, policy=ref)


def _lease(key: VersionKey, tier: str) -> str:
    return f"replica:{key}:{tier}"
