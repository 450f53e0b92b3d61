"""The exchange: what is said before it, what it is, what is recorded after it.

The event that it begins is recorded first, so that the next run knows what a killed one may
have done; the damaged bytes stay in quarantine on their tier, with a map of where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from preservation.bags import sealed
from preservation.catalogue.checked import Check
from preservation.catalogue.protocol import Catalogue
from preservation.errors import ColdError, MalformedError
from preservation.files.held import Held
from preservation.fixity.engine import EngineSettings
from preservation.ledger.protocol import Journal
from preservation.model.check import CheckResult
from preservation.model.clock import stamp
from preservation.model.digest import Algorithm
from preservation.model.event import EventMaker, EventType
from preservation.model.outcome import Outcome
from preservation.model.replica import Sidecar, TarFacts
from preservation.repair.quarantining import Quarantining
from preservation.repair.result import RepairResult
from preservation.repair.task import Task
from preservation.storage.pace import paced


class Exchange:
    """Puts bytes that were read back in the place of damaged ones, on the record."""

    def __init__(
        self,
        catalogue: Catalogue,
        journal: Journal,
        events: EventMaker,
        engine: EngineSettings,
        check: Check,
    ) -> None:
        self._catalogue, self._events = catalogue, events
        self._quarantining = Quarantining(journal, events)
        self._engine, self._check = engine, check

    def run(
        self,
        task: Task,
        source: str,
        sidecar: Sidecar,
        put: Callable[[Sidecar, str], str],
        also: Mapping[str, Any] | None = None,
    ) -> tuple[RepairResult, CheckResult]:
        """Say it, do it, record it, and read the replica back where it lies.

        Args:
            source: the tier that the good bytes came from; several, with ``+`` between.
            sidecar: of the replica as it will be.
            put: does it, under a stamp.
            also: more for the event to say.

        Returns:
            What it came to, and what the check after it found.
        """
        row, finding = task.row, task.finding
        when = stamp(self._events.clock.now()).replace(":", "").replace("-", "")
        begun: dict[str, Any] = {
            "finding": finding.id,
            "source": source,
            "stamp": f"{when}-{self._events.new_id()[:8]}",
            "packaging": row.packaging.value,
            "tar": sidecar.to_json()["tar"],
            "approved_by": task.approved_by,
            **self._unrecorded(finding.id),
            **(also or {}),
        }
        event = task.about(self._events, EventType.REPAIR_BEGUN, begun)
        self._catalogue.record([event], task.lease)
        put(sidecar, begun["stamp"])
        quarantine, mapped = self.complete(task, begun)
        checked = self._check(task.policy, row, task.progress, lease=task.lease)
        state = "repaired" if checked.outcome is Outcome.INTACT else "unfinished"
        result = RepairResult(
            finding.id, row.key, row.tier, state, source, quarantine, mapped, checked.reason
        )
        return result, checked

    def _unrecorded(self, finding: str) -> dict[str, Any]:
        """What killed exchanges for a finding may have set aside: to be told with this one."""
        found = self._catalogue.finding(finding)
        killed = under_way(found.detail) if found is not None else None
        if killed is None:
            return {}
        this = {name: killed[name] for name in ("stamp", "files") if name in killed}
        return {"unrecorded": [*killed.get("unrecorded", []), this]}

    def was_done(self, task: Task) -> bool:
        """Whether an exchange that a killed run announced did happen."""
        row, tier = task.row, task.tier
        try:
            sidecar = tier.sidecar(row.key)
        except MalformedError:
            return False
        labelled = sidecar is not None and sidecar.seal == row.seal
        if not (labelled and tier.exists(row.key, row.packaging)):
            return False
        try:
            held = tier.held(row.key, row.packaging)
        except ColdError:  # what an exchange puts there can be read; the check recalls this
            return False
        return self.verified(task, held, row.tar) is Outcome.INTACT

    def verified(self, task: Task, held: Held, tar: TarFacts | None) -> Outcome:
        """What reading all of some bytes on the task's tier comes to, under the seal, by all
        digests: one of them alone may have found the damage.
        """
        verified = sealed.verify(
            held,
            task.row.seal,
            tar=tar,
            algorithms=tuple(Algorithm),
            settings=self._engine,
            progress=paced(task.progress, task.tier),
        )
        return verified.outcome

    def complete(self, task: Task, begun: Mapping[str, Any]) -> tuple[str, str]:
        """Put into the record what the exchange came to; protect what it put there, if a run that
        was killed did not.

        Returns:
            Where the damaged bytes lie, and the digest of their difference map.
        """
        row = task.row
        if task.tier.guarded(row.key) is False:
            task.tier.guard(row.key)
        place, mapped, events = self._quarantining.events(task, begun)
        detail = {**begun, "quarantine": place, "difference": mapped}
        events.append(task.about(self._events, EventType.RECOVERY, detail))
        self._catalogue.record(events, task.lease)
        task.progress.say(f"{row.key} on {row.tier}: healed from {begun['source']}")
        return place, mapped


def under_way(detail: Mapping[str, Any]) -> dict[str, Any] | None:
    """The exchange that a finding says was begun, if no event says that it came to its end."""
    begun: dict[str, Any] | None = detail.get("repair")
    return None if begun is None or "difference" in begun else begun
