"""A damaged replica replaced whole: by a copy of one that verifies, or put together by files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from preservation.catalogue.protocol import Catalogue, ReplicaRow, VersionRow
from preservation.errors import ColdError, SourceDamagedError, TierUnavailableError
from preservation.files.held import Held
from preservation.files.tar_index import Index
from preservation.model.event import EventMaker
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, Sidecar, TarFacts
from preservation.repair.exchanging import Exchange
from preservation.repair.gathering import Source
from preservation.repair.hopeless import hopeless
from preservation.repair.result import RepairResult
from preservation.repair.salvage import Salvage
from preservation.repair.sources import Sources
from preservation.repair.task import Task
from preservation.storage.steps import tier_errors
from preservation.storage.tier import Incoming

Write = Callable[
    [VersionRow, Packaging, Held, ReplicaRow, Incoming, Progress, TarFacts | None, Index], Sidecar
]


class Replacing:
    """Replaces replicas.

    Args:
        write: writes a replica's bytes from a source's, verifying each file on the way.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        events: EventMaker,
        sources: Sources,
        exchange: Exchange,
        write: Write,
        salvage: Salvage,
    ) -> None:
        self._catalogue, self._events = catalogue, events
        self._sources, self._exchange = sources, exchange
        self._write, self._salvage = write, salvage

    def replace(self, task: Task) -> RepairResult:
        """Replace the bytes from the first of the other replicas that verifies."""
        row, tried, unknown = task.row, [], False
        left: list[Source] = []
        cold: list[ReplicaRow] = []
        for source in self._sources.others(row):
            try:
                held = self._sources.held(source)
            except TierUnavailableError as error:
                tried.append(f"{source.tier}: {error.message}")
                unknown = True
                if isinstance(error, ColdError):
                    cold.append(source)
                continue
            if held is None:
                tried.append(f"{source.tier}: the replica is not there")
                unknown |= not self._sources.is_damaged(task, source)
                continue
            try:
                return self._replace_from(task, source, held)
            except SourceDamagedError as error:
                tried.append(f"{source.tier}: {error.message}")
                unknown |= not self._sources.is_damaged(task, source)
                left.append(Source(source.tier, held))
        for source in cold:  # only now that no other gives the bytes: recalls cost
            self._sources.is_damaged(task, source)
        reason = "; ".join(tried) or "there is no other replica"
        return self._put_together(task, left, reason, unknown=unknown)

    def _replace_from(self, task: Task, source: ReplicaRow, held: Held) -> RepairResult:
        row = task.row
        octets = row.octets if row.tar is None else row.tar.octets
        incoming = task.tier.incoming(row.key, row.packaging, octets, replacing=True)
        try:
            sidecar = self._copied_aside(task, source, held, incoming)
            result, _ = self._exchange.run(task, source.tier, sidecar, incoming.swap)
            return result
        finally:
            incoming.discard()

    def _copied_aside(
        self, task: Task, source: ReplicaRow, held: Held, incoming: Incoming
    ) -> Sidecar:
        """Nothing is replaced before its replacement was read back under the seal."""
        row, expected = task.row, task.row.tar or source.tar
        # Of what was put together at home no tier is the source.
        pace = self._sources.paced(task.progress, source.tier, row.tier)
        index = Index(row.key.top)
        with tier_errors(row.tier):
            sidecar = self._write(
                task.version, row.packaging, held, source, incoming, pace, expected, index
            )
        incoming.settle()
        outcome = self._exchange.verified(task, incoming.held(), sidecar.tar)
        if outcome is not Outcome.INTACT:
            raise not_kept(task, outcome)
        if sidecar.tar is not None:
            task.tier.keep_index(row.key, index)
        return sidecar

    def _put_together(
        self, task: Task, left: Sequence[Source], reason: str, *, unknown: bool
    ) -> RepairResult:
        """No replica is intact, but each file may be so somewhere, the damaged one included."""
        row = task.row
        if unknown and not left:  # the damaged replica alone is not a whole
            return task.result("unfinished", reason)
        sources = [*left, *self._own(task)]
        pace = self._sources.paced(task.progress, *(one.tier for one in sources))
        with self._salvage.gathered(row, sources, pace) as (held, gathered):
            if gathered.whole:
                given = "+".join(sorted(gathered.taken))
                source = replace(row, tier=given, packaging=Packaging.FOLDER, tar=None)
                return self._replace_from(task, source, held)
            if unknown:
                return task.result("unfinished", reason)
            return hopeless(
                self._catalogue,
                self._events,
                task,
                reason,
                lambda: self._salvage.keep(row, held, gathered, task.progress),
            )

    def _own(self, task: Task) -> list[Source]:
        """The damaged bytes themselves: most of their files may be what they should be."""
        try:
            held = self._sources.held(task.row)
        except TierUnavailableError:
            return []
        return [] if held is None else [Source(task.row.tier, held)]


def not_kept(task: Task, outcome: Outcome) -> TierUnavailableError:
    """What was written does not read back as what it is."""
    return TierUnavailableError(
        f"tier {task.row.tier}: what was written for {task.row.key} reads back {outcome.value}",
        hint="the medium does not keep what it is given: replace it; nothing was changed",
        code="REP-NOT-KEPT",
    )
