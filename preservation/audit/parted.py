"""Very large replicas are read in parts, by several workers and over more than one night.

Each part is kept once it was read, so that what was killed goes on inside the replica. Together
they are one check: there is an outcome only when all parts were read within ``SPAN``, and after the
last of them everything is looked at again from outside. What has changed since its part was read
makes the check begin anew. Damage that is known is told at the end of the run, whatever is left to
be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from preservation.audit.check import Checker
from preservation.audit.part_seen import mark_of, part_of, together, which
from preservation.audit.recalling import recalled
from preservation.audit.seen import Seen, There, nothing, reach
from preservation.bags import sealed
from preservation.bags.parted import Part, UndividedError
from preservation.catalogue.check_parts import CheckPart
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Lease, ReplicaRow
from preservation.catalogue.sql import SqlCatalogue
from preservation.errors import BusyError, ColdError, NotNowError
from preservation.fixity.engine import EngineSettings
from preservation.fixity.rate import RateLimit
from preservation.model.check import CheckResult
from preservation.model.event import EventMaker
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.model.sampling import Drawing
from preservation.policy.policy import Policy
from preservation.storage.pace import paced
from preservation.storage.tier import Tier

SHARE = 4  # a part is so much of what the policy reads as a whole, or more
MOST = 256  # parts of one replica; larger ones have larger parts
SPAN = timedelta(days=7)  # from the beginning of the first part to the end of the check
_CHANGED = "it changed while it was read in parts; the next run reads it anew"
_NEVER = datetime.min.replace(tzinfo=UTC)


class PartedChecks:
    """Reads replicas part by part, and puts the parts together."""

    def __init__(
        self,
        catalogue: SqlCatalogue,
        checker: Checker,
        events: EventMaker,
        tiers: Mapping[str, Tier],
    ) -> None:
        self._catalogue, self._parts = catalogue, catalogue.check_parts
        self._checker, self._events, self._tiers = checker, events, tiers

    def left(self, key: VersionKey, tier: str, octets: int, above: int) -> list[Part]:
        """The parts of a replica that are not read yet; none where it is read as a whole.

        Args:
            octets: of its payload.
            above: what is not larger than this is read as a whole.
        """
        if octets <= above:
            return []
        version, row = self._catalogue.version(key), self._catalogue.replica(key, tier)
        of = min(MOST, -(-octets * SHARE // above), 0 if version is None else version.files)
        if row is None or of < 2:
            return []
        read = {one.part for one in self._valid(row, of)}
        parts = [Part(number, of) for number in range(1, of + 1)]
        return [part for part in parts if part.number not in read] or parts[-1:]

    def begun(self, policy: Policy) -> dict[tuple[str, str, int], int]:
        """How many octets are left to read of replicas that were read in part, by tier, AIP and
        version.
        """
        rest: dict[tuple[str, str, int], int] = {}
        above = policy.audit.split_above
        for key, tier in self._parts.begun(policy.community):
            row = self._catalogue.replica(key, tier)
            parts = [] if row is None else self.left(key, tier, row.octets, above)
            if row is not None and parts:
                rest[tier, key.aip, key.version] = row.octets * len(parts) // parts[0].of
        return rest

    def check(
        self,
        policy: Policy,
        row: ReplicaRow,
        part: Part,
        progress: Progress,
        rate: RateLimit | None,
        drawn: Drawing | None,
    ) -> tuple[int, CheckResult | None]:
        """Read a part that is not read yet, and end the check if it was the last.

        Returns:
            The octets that were read now, and the result: None while other parts are to come.
        """
        engine, octets = self._checker.engine(rate), 0
        if part.number not in {one.part for one in self._valid(row, part.of)}:
            try:
                there = reach(self._tiers, row)
                if isinstance(there, Seen):
                    return 0, self._ended(policy, row, there, progress, drawn)
                octets, seen = self._read(policy, row, part, there, engine, progress)
            except UndividedError as error:
                return self._undivided(policy, row, part, f"{error}", progress, rate, drawn)
            except ColdError:
                tier = self._tiers[row.tier]
                return 0, recalled(policy, row, tier, self._catalogue, self._events)
            except NotNowError as error:
                seen = nothing(Outcome.UNCHECKED, error.message)
            if seen is not None:
                return octets, self._not_read(policy, row, part, seen, progress, drawn)
        else:
            progress.skip(row.octets // part.of)
        return octets, self._end(policy, row, part.of, engine, progress, drawn)

    def settle(self, policy: Policy, progress: Progress) -> tuple[list[CheckResult], int]:
        """At the end of a run: end what is read to its end, and tell damage that is known.

        Returns:
            The results, and how many replicas are read in part, nothing being wrong so far.
        """
        results, waiting = list[CheckResult](), 0
        for key, tier in self._parts.begun(policy.community):
            row = self._catalogue.replica(key, tier)
            parts = [] if row is None else self._valid(row)
            if row is None or not parts:
                self._parts.forget(key, tier)
                continue
            result = None
            if len(parts) == parts[0].of:
                engine = self._checker.engine(None)
                result = self._end(policy, row, parts[0].of, engine, progress, None)
            elif _is_damaged(parts):
                result = self._told(policy, row, parts, progress, None)
            results += [] if result is None else [result]
            waiting += result is None
        return results, waiting

    def _read(
        self,
        policy: Policy,
        row: ReplicaRow,
        part: Part,
        there: There,
        engine: EngineSettings,
        progress: Progress,
    ) -> tuple[int, Seen | None]:
        """Read a part and keep it; or what was seen, if that is nothing to keep."""
        began = self._events.clock.now()
        # Not fewer for a later part, or what all were compared by would be fewer, too.
        wanted = self._checker.digests(policy, row, ahead=SPAN)
        seen = sealed.verify_part(
            there.held,
            row.seal,
            part,
            row.key.top,
            tar=row.tar,
            algorithms=wanted,
            settings=engine,
            progress=paced(progress, there.tier),
        )
        verified = seen.verified
        if verified.outcome is Outcome.UNCHECKED:
            reason = verified.files[0].reason if verified.files else "part of it could not be read"
            return verified.octets_read, nothing(Outcome.UNCHECKED, reason)
        if verified.outcome.is_damage:
            there.tier.check()  # a tier that vanished meanwhile looks like damage
            progress.say(f"{row.key} on {row.tier}: part {part.number}: {verified.outcome.value}")
        ended = self._events.clock.now()
        self._parts.keep(part_of(row, part, began, ended, seen, there.held))
        return verified.octets_read, None

    def _undivided(
        self,
        policy: Policy,
        row: ReplicaRow,
        part: Part,
        reason: str,
        progress: Progress,
        rate: RateLimit | None,
        drawn: Drawing | None,
    ) -> tuple[int, CheckResult | None]:
        """What can't be cut is read as a whole by whoever was to read the first part."""
        if self._valid(row, part.of):  # it could be cut when these were read
            self._parts.forget(row.key, row.tier)
            return 0, self._unchecked(policy, row, _CHANGED, progress)
        if part.number != 1:
            progress.say(f"{row.key} on {row.tier}: left to the first part: {reason}")
            return 0, None
        progress.say(f"{row.key} on {row.tier}: read as a whole: {reason}")
        with hold(self._catalogue, _lease(row), self._events.clock) as lease:
            if lease is None:
                return 0, None
            self._parts.forget(row.key, row.tier)
            try:
                check = self._checker.check(
                    policy, row, progress, rate=rate, drawn=drawn, lease=lease
                )
            except BusyError as error:
                _not_recorded(row, error, progress)
                return 0, None
            return check.octets, check

    def _not_read(
        self,
        policy: Policy,
        row: ReplicaRow,
        part: Part,
        seen: Seen,
        progress: Progress,
        drawn: Drawing | None,
    ) -> CheckResult | None:
        """A part could not be read: damage of another one is told all the same."""
        parts = self._valid(row, part.of)
        if _is_damaged(parts):
            return self._told(policy, row, parts, progress, drawn)
        return self._checker.record(policy, row, seen, self._events.clock.now(), progress, drawn)

    def _end(
        self,
        policy: Policy,
        row: ReplicaRow,
        of: int,
        engine: EngineSettings,
        progress: Progress,
        drawn: Drawing | None,
    ) -> CheckResult | None:
        """Make one check of the parts, if all are there. Where another run is at it, it is that
        one's, or that of the end of the run.
        """
        if len(self._valid(row, of)) < of:
            return None
        with hold(self._catalogue, _lease(row), self._events.clock) as lease:
            parts = [] if lease is None else self._valid(self._now(row), of)
            if len(parts) < of:
                return None
            try:
                there = reach(self._tiers, row)
                if isinstance(there, Seen):
                    seen = there
                else:
                    seen = self._again(row, parts, there, engine, progress)
            except ColdError as error:  # it is cold again: its parts wait for the next recall
                return self._unchecked(policy, row, error.message, progress)
            except NotNowError as error:
                return self._unchecked(policy, row, error.message, progress)
            return self._recorded(policy, row, seen, parts[0].began, progress, drawn, lease)

    def _again(
        self,
        row: ReplicaRow,
        parts: list[CheckPart],
        there: There,
        engine: EngineSettings,
        progress: Progress,
    ) -> Seen:
        """All parts together, if everything still looks as it did when it was read."""
        changed = nothing(Outcome.UNCHECKED, _CHANGED)
        try:
            marks, strangers = sealed.look_again(
                there.held, row.seal, len(parts), settings=engine, progress=progress
            )
        except UndividedError:
            return changed
        if [one.mark for one in parts] != [mark_of(row, mark) for mark in marks]:
            return changed
        return together(parts, there.label, strangers)

    def _told(
        self,
        policy: Policy,
        row: ReplicaRow,
        parts: list[CheckPart],
        progress: Progress,
        drawn: Drawing | None,
    ) -> CheckResult | None:
        """Record damage that is known, though not all was read: the rest counts as unchecked."""
        with hold(self._catalogue, _lease(row), self._events.clock) as lease:
            if lease is None or not self._valid(self._now(row), parts[0].of):
                return None
            version = self._catalogue.version(row.key)
            files = 0 if version is None else version.files
            seen = together(parts, "", None, files)
            return self._recorded(policy, row, seen, parts[0].began, progress, drawn, lease)

    def _ended(
        self,
        policy: Policy,
        row: ReplicaRow,
        seen: Seen,
        progress: Progress,
        drawn: Drawing | None,
    ) -> CheckResult | None:
        """Nothing is there to be read: each part sees it, and one of them records it."""
        if seen.outcome is Outcome.UNCHECKED:
            return self._unchecked(policy, row, seen.reason, progress)
        with hold(self._catalogue, _lease(row), self._events.clock) as lease:
            if lease is None or self._now(row).checked_at != row.checked_at:
                return None
            began = self._events.clock.now()
            return self._recorded(policy, row, seen, began, progress, drawn, lease)

    def _recorded(
        self,
        policy: Policy,
        row: ReplicaRow,
        seen: Seen,
        began: datetime,
        progress: Progress,
        drawn: Drawing | None,
        lease: Lease | None,
    ) -> CheckResult | None:
        now = self._now(row)
        try:
            result = self._checker.record(policy, now, seen, began, progress, drawn, lease)
        except BusyError as error:
            _not_recorded(row, error, progress)
            return None
        self._parts.forget(row.key, row.tier)
        return result

    def _unchecked(
        self, policy: Policy, row: ReplicaRow, reason: str, progress: Progress
    ) -> CheckResult:
        seen = nothing(Outcome.UNCHECKED, reason)
        return self._checker.record(policy, row, seen, self._events.clock.now(), progress)

    def _now(self, row: ReplicaRow) -> ReplicaRow:
        """The replica as it stands in the catalogue by now."""
        return self._catalogue.replica(row.key, row.tier) or row

    def _valid(self, row: ReplicaRow, of: int = 0) -> list[CheckPart]:
        """The parts that count: of this replica, of one cut, read after its last check and not
        too long ago, by a clock that has not gone back since.
        """
        now = self._events.clock.now()
        checked = row.checked_at if row.checked_at and row.checked_at <= now else _NEVER
        since = max(checked, now - SPAN)
        found = [
            one
            for one in self._parts.of(row.key, row.tier)
            if since < one.began <= now and one.mark.startswith(which(row))
        ]
        cut = of or (found[0].of if found else 0)
        return [one for one in found if one.of == cut]


def _lease(row: ReplicaRow) -> str:
    return f"replica:{row.key}:{row.tier}"


def _not_recorded(row: ReplicaRow, error: BusyError, progress: Progress) -> None:
    progress.say(f"{row.key} on {row.tier}: not recorded: {error.message}")


def _is_damaged(parts: list[CheckPart]) -> bool:
    return any(Outcome(one.outcome).is_damage for one in parts)
