"""Which seal holds, where sidecars disagree and no event tells it: a person answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from preservation.catalogue.authority import SEAL_DISPUTED, told
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, FindingRow, ReplicaRow, VersionRow
from preservation.errors import BusyError, SourceDamagedError, UsageError
from preservation.model.clock import stamp
from preservation.model.digest import Digest
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.replica import Sidecar, VersionKey
from preservation.policy.policy import Policy
from preservation.storage.tier import Tier

Facts = Callable[[Tier, Sidecar], VersionRow | None]


def dispute(catalogue: Catalogue, key: VersionKey) -> FindingRow | None:
    """The open finding that says that nobody knows a version's seal."""
    found = catalogue.findings(key.community, state="open", aip=key.aip)
    return next(
        (one for one in found if one.code == SEAL_DISPUTED and one.version == key.version), None
    )


def disputed(catalogue: Catalogue) -> Callable[[Policy, ReplicaRow], str]:
    """An objection to a repair: what is right is not known."""

    def objects(_policy: Policy, row: ReplicaRow) -> str:
        found = dispute(catalogue, row.key)
        if found is None:
            return ""
        return f"{found.message} Answer it: preserve finding settle {found.id[:8]} --seal …"

    return objects


class SettlingService:
    """Records what a person says about a disputed seal."""

    def __init__(
        self, catalogue: Catalogue, tiers: Mapping[str, Tier], events: EventMaker, facts: Facts
    ) -> None:
        self._catalogue = catalogue
        self._tiers = tiers
        self._events = events
        self._facts = facts

    def settle(
        self, policy: Policy, finding: FindingRow, seal: Digest, by: str, reason: str
    ) -> VersionRow:
        """Say which of the claimed seals holds.

        The bag of a replica that claims it must verify under it, as far as its tag files go.

        Args:
            by: an account; one of the policy's approvers, where repairs want an approval.

        Raises:
            UsageError: not a dispute (``FND-UNKNOWN``), not one of the claims
                (``FND-NO-SUCH-SEAL``), or not entitled (``REP-NOT-APPROVED``).
            SourceDamagedError: no replica under that seal says what the version is.
            BusyError: somebody is at the version.
        """
        key = VersionKey(finding.community, finding.aip, finding.version)
        claims = self._claims(policy, finding, seal, by)
        row = self._row(key, seal, claims)
        detail = {
            "finding": finding.id,
            "seal": str(seal),
            "claims": {tier: str(claimed) for tier, claimed in claims.items()},
            "by": by,
            "reason": reason,
            "title": row.title,
            "previous_seal": None if row.previous_seal is None else str(row.previous_seal),
            "content_digest": str(row.content_digest),
            "lineage": row.lineage,
            "files": row.files,
            "bytes": row.octets,
            "ingested_at": stamp(row.ingested_at),
            "ingest_policy": row.policy,
        }
        closing = {"finding": finding.id, "by": by, "reason": reason, "event": ""}
        with hold(self._catalogue, f"finding:{key}", self._events.clock) as lease:
            if lease is None:
                raise BusyError(f"{key}: another run is at it", code="FND-BUSY")
            settled = self._about(policy, key, EventType.SEAL_SETTLED, detail)
            closed = self._about(
                policy, key, EventType.FINDING_RESOLVED, {**closing, "event": settled.id}
            )
            self._catalogue.record([settled, closed], lease)
        return row

    def _claims(
        self, policy: Policy, finding: FindingRow, seal: Digest, by: str
    ) -> dict[str, Digest]:
        if finding.code != SEAL_DISPUTED or finding.state != "open":
            raise UsageError(
                f"finding {finding.id} asks for no seal",
                hint="`preserve finding list` shows what is open",
                code="FND-UNKNOWN",
            )
        if not policy.repair.automatic and by not in policy.repair.approvers:
            raise UsageError(
                f"{by} is not one of the policy's approvers",
                hint=f"{' or '.join(policy.repair.approvers)} can say it",
                code="REP-NOT-APPROVED",
            )
        said = finding.detail.get("claims", {})
        claims = {tier: Digest.parse_tagged(text) for tier, text in said.items()}
        if seal not in claims.values():
            raise UsageError(
                f"no sidecar carries {seal}", hint=told(claims), code="FND-NO-SUCH-SEAL"
            )
        return claims

    def _row(self, key: VersionKey, seal: Digest, claims: Mapping[str, Digest]) -> VersionRow:
        reasons = []
        for name in (tier for tier, claimed in claims.items() if claimed == seal):
            tier = self._tiers.get(name)
            sidecar = None if tier is None else tier.sidecar(key)
            if tier is None or sidecar is None or sidecar.seal != seal:
                reasons.append(f"{name}: its sidecar is gone, or says something else now")
                continue
            try:
                row = self._facts(tier, sidecar)
            except SourceDamagedError as error:
                reasons.append(f"{name}: {error.message}")
                continue
            if row is not None:
                return row
        raise SourceDamagedError(
            f"{key}: no replica under {seal} says what it is ({'; '.join(reasons)})",
            hint="mend one of them by hand from another copy, or name another seal",
        )

    def _about(
        self, policy: Policy, key: VersionKey, type_: EventType, detail: Mapping[str, Any]
    ) -> Event:
        return self._events.about(key, type_, "success", detail, policy=policy.ref)
