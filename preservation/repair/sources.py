"""Where intact bytes of a damaged replica's version may be had: the other replicas of it."""

from __future__ import annotations

from collections.abc import Mapping

from preservation.catalogue.checked import Check
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, ReplicaRow
from preservation.errors import BusyError, TierUnavailableError
from preservation.files.held import Held
from preservation.model.clock import Clock
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import Packaging
from preservation.repair.task import Task
from preservation.storage.pace import paced
from preservation.storage.tier import Tier


class Sources:
    """The replicas that a repair may read.

    Args:
        holders: where they lie, by id; also tiers where none is promised any more.
        check: finds out, and records, what is wrong with one of them.
    """

    def __init__(
        self, catalogue: Catalogue, holders: Mapping[str, Tier], clock: Clock, check: Check
    ) -> None:
        self._catalogue, self._holders = catalogue, holders
        self._clock, self._check = clock, check

    def others(self, row: ReplicaRow) -> list[ReplicaRow]:
        """The other replicas, those last found intact first, folders before tars."""
        others = [
            other
            for other in self._catalogue.replicas(row.key.community, aip=row.key.aip)
            if other.key == row.key and other.tier != row.tier
        ]
        return sorted(others, key=_promise)

    def held(self, source: ReplicaRow) -> Held | None:
        """A source's bytes; None if they are not there.

        Raises:
            TierUnavailableError: nothing can be said about them now.
        """
        tier = self._holders.get(source.tier)
        if tier is None:
            raise TierUnavailableError("there is no such tier in this home")
        there = tier.exists(source.key, source.packaging)
        return tier.held(source.key, source.packaging) if there else None

    def paced(self, progress: Progress, *tiers: str) -> Progress:
        """Progress held back to the bandwidth of those of these tiers that are known."""
        return paced(progress, *(self._holders[one] for one in tiers if one in self._holders))

    def is_damaged(self, task: Task, source: ReplicaRow) -> bool:
        """Check a source that failed; False if nothing could be found out about it."""
        name = f"replica:{source.key}:{source.tier}"
        with hold(self._catalogue, name, self._clock) as lease:
            if lease is None:
                return False
            try:
                checked = self._check(task.policy, source, task.progress, lease=lease)
            except BusyError:  # another run took it over, and will say it
                return False
        return checked.outcome not in (Outcome.UNCHECKED, Outcome.INTACT)


def _promise(row: ReplicaRow) -> tuple[bool, bool]:
    return row.outcome is not Outcome.INTACT, row.packaging is not Packaging.FOLDER
