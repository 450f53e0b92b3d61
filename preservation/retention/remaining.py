"""Of a replica that is retired: whether enough is left, read back and not only remembered."""

from __future__ import annotations

from datetime import datetime, timedelta

from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import BusyError
from preservation.model.outcome import Level, Outcome
from preservation.model.progress import Progress
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.retention.books import Means, leases
from preservation.retention.review import promised

FRESH = timedelta(hours=1)  # a removal may come so long after the reading that allowed it


class Remaining:
    """Reads promised replicas back until they make the minimum."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._catalogue = means.catalogue

    def too_little(
        self, policy: Policy, key: VersionKey, progress: Progress, *, within: timedelta
    ) -> str:
        """Why the promised replicas do not make the minimum; empty if they do.

        Args:
            within: what was read so shortly before, and found intact, is not read again.
        """
        independence = Independence(policy, self._means.observed())
        verified: list[str] = []
        tried: list[str] = []
        for tier in promised(policy):
            reason = self._read_back(policy, key, tier, progress, within)
            if reason:
                tried.append(f"{tier}: {reason}")
                continue
            verified.append(tier)
            if not independence.is_short(verified):
                return ""
        return f"the remaining minimum does not verify now ({'; '.join(tried) or 'too few'})"

    def _read_back(
        self, policy: Policy, key: VersionKey, tier: str, progress: Progress, within: timedelta
    ) -> str:
        """Read one replica back; what is wrong, if anything is."""
        with leases(self._means, key, [tier]) as held:
            row = self._catalogue.replica(key, tier)
            if held is None or row is None:
                return "another run is at it" if held is None else "there is no replica"
            began = self._means.events.clock.now()
            if within and self._was_read(row, began - within):
                return ""
            try:
                result = self._means.check(policy, row, progress, lease=held[tier])
            except BusyError as error:
                return error.message
            if result.outcome is not Outcome.INTACT:
                return result.reason or result.outcome.value
            now = self._catalogue.replica(key, tier)
        return "" if now is not None and self._was_read(now, began) else "it was not read"

    def _was_read(self, row: ReplicaRow, since: datetime) -> bool:
        """Whether every byte was read since, and is believed to be intact."""
        now = self._means.events.clock.now()
        fresh = row.checked_at is not None and since <= row.checked_at <= now
        strong = row.level is not None and row.level.reaches(Level.E3)
        return fresh and strong and row.state is ReplicaState.VERIFIED
