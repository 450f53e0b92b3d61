"""Releasing deposits: what was taken in leaves its inbox, where a policy says so.

A deposit goes only if nothing in it changed since it was taken in, its AIP version has the
policy's minimum of verified replicas, and the event that tells of it is durable in the journal.
It is first renamed into a folder of its own, named after the AIP version, and looked at again:
whoever still wrote to it gets it back. ``delete`` then removes that folder.

What a crash leaves at each step (the next run goes on):

1. the event is in the journal               the deposit is where it was
2. the arrival says ``releasing``            the same
3. it is renamed                             it lies in the folder of its AIP
4. removed, with ``delete``                  part of it lies there
5. the arrival says ``released``             nothing is left to do
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Arrival, Catalogue
from preservation.errors import NotNowError
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.ingest.beside import paths_beside
from preservation.ingest.inbox import candidate, is_folder
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.event import EventMaker, EventType
from preservation.model.names import display
from preservation.model.progress import Progress
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy

ACCEPTED, RELEASING, RELEASED = "accepted", "releasing", "released"
ASIDE = ".released"  # in the inbox: what is about to be removed


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """What became of one deposit.

    Attributes:
        outcome: ``moved``, ``deleted``, or ``kept``: then ``reason`` says why.
        place: where it lies now; empty if it was deleted.
    """

    outcome: str
    deposit: str
    aip: str
    version: int
    place: str
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.release/1``."""
        return {
            "outcome": self.outcome,
            "deposit": self.deposit,
            "aip": self.aip,
            "version": self.version,
            "place": self.place,
            "reason": self.reason,
        }


class _Kept(Exception):  # noqa: N818 - no failure: the deposit stays, and why
    """The deposit stays where it is."""


class ReleaseService:
    """Lets deposits of one community go.

    Args:
        observed: tier -> failure domain, as seen now.
        drain: makes recorded events durable in the journal.
        home: what relative folders of policies begin at.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        events: EventMaker,
        observed: Callable[[], Mapping[str, str]],
        drain: Callable[[], object],
        home: Path,
    ) -> None:
        self._catalogue = catalogue
        self._events = events
        self._observed = observed
        self._drain = drain
        self._home = home

    def due(self, policy: Policy) -> list[Arrival]:
        """Deposits in the inbox that were taken in long enough ago, and those half released."""
        rule, now = policy.intake.release, self._events.clock.now()
        if rule.mode == "keep":
            return []
        inbox = self._home / policy.intake.inbox
        return [
            one
            for one in self._catalogue.arrivals(policy.community)
            if _path(one).parent == inbox
            and one.settled_at is not None
            and (one.state == RELEASING or (one.state == ACCEPTED and _exists(_path(one))))
            and one.settled_at + rule.after <= now
        ]

    def run(self, policy: Policy, progress: Progress) -> list[ReleaseResult]:
        """Release what is due. Safe to run again after any crash, and twice at once.

        Raises:
            NotNowError: a folder is in the way (``REL-FOLDER``), or the journal cannot be written.
        """
        due = self.due(policy)
        if not due:
            return []
        independence = Independence(policy, self._observed())
        results = []
        for arrival in due:
            with hold(self._catalogue, f"deposit:{arrival.id}", self._events.clock) as lease:
                current = self._catalogue.arrival(arrival.id)
                if lease is None or current is None or current.state != arrival.state:
                    continue  # somebody else is at it, or was
                results.append(self._release(policy, current, independence))
            progress.say(f"{arrival.name}: {results[-1].outcome} {results[-1].reason}".rstrip())
        return results

    def _release(
        self, policy: Policy, arrival: Arrival, independence: Independence
    ) -> ReleaseResult:
        mode = policy.intake.release.mode
        path, place = _path(arrival), self._place(policy, arrival)
        try:
            self._expect_minimum(arrival, independence)
            if _exists(path):
                self._expect_unchanged(policy, arrival, path)
            if arrival.state == ACCEPTED:
                self._announce(policy, arrival, place)
            with durable.plain_errors(place):
                self._move(policy, arrival, path, place)
                if mode == "delete":
                    remove_tree(place)
        except _Kept as why:
            aip, version = arrival.aip, arrival.version
            return ReleaseResult("kept", arrival.name, aip, version, _shown(path), str(why))
        self._note(arrival, RELEASED)
        outcome, now_at = ("deleted", "") if mode == "delete" else ("moved", _shown(place))
        return ReleaseResult(outcome, arrival.name, arrival.aip, arrival.version, now_at)

    def _place(self, policy: Policy, arrival: Arrival) -> Path:
        rule = policy.intake.release
        inbox = self._home / policy.intake.inbox
        parent = inbox / ASIDE if rule.mode == "delete" else self._home / rule.to
        return parent / f"{arrival.aip}.v{arrival.version}"

    def _expect_minimum(self, arrival: Arrival, independence: Independence) -> None:
        key = VersionKey(arrival.community, arrival.aip, arrival.version)
        verified = [
            row.tier
            for row in self._catalogue.replicas(key.community, aip=key.aip)
            if row.key == key and row.state is ReplicaState.VERIFIED
        ]
        if independence.is_short(verified):
            told = independence.sentence(verified)
            raise _Kept(f"the AIP has less than the policy's minimum of verified replicas: {told}")

    def _expect_unchanged(self, policy: Policy, arrival: Arrival, path: Path) -> None:
        # Its first line alone: what lay beside a container may have been moved by a killed run.
        seen = candidate(path, policy.intake.limits).examined.signature.partition("\n")[0]
        if seen != arrival.signature.partition("\n")[0]:
            raise _Kept("it changed since it was taken in: it will be looked at as a new deposit")

    def _announce(self, policy: Policy, arrival: Arrival, place: Path) -> None:
        """Put it on record, durably, before anything is touched."""
        rule = policy.intake.release
        detail = {
            "deposit": arrival.name,
            "arrival": arrival.id,
            "mode": rule.mode,
            "place": _shown(place) if rule.mode == "move" else "",
            "taken_in": "" if arrival.settled_at is None else stamp(arrival.settled_at),
        }
        key = VersionKey(arrival.community, arrival.aip, arrival.version)
        about = self._events.about(
            key, EventType.DEPOSIT_RELEASE, "success", detail, policy=policy.ref
        )
        self._catalogue.record([about])
        self._drain()
        self._note(arrival, RELEASING)

    def _move(self, policy: Policy, arrival: Arrival, path: Path, place: Path) -> None:
        """Rename the deposit and what belongs to it into ``place``, and look at it again there."""
        moved = place / path.name
        _make(place)
        if _exists(path):
            before = path.lstat()
            for one in _belonging(path, policy.intake.marker):
                _rename(one, place / one.name)
            if not self._is_same(policy, arrival, moved, before):
                self._give_back(arrival, path, place)
        durable.fsync_dir(place)
        durable.fsync_dir(path.parent)

    def _is_same(
        self, policy: Policy, arrival: Arrival, moved: Path, before: os.stat_result
    ) -> bool:
        """Whether a renamed deposit is what was taken in: a folder by all that is in it, a file by
        itself, without its change time, which the renaming set.
        """
        if is_folder(moved):
            return candidate(moved, policy.intake.limits).examined.signature == arrival.signature
        facts = moved.lstat()
        names = ("st_size", "st_mtime_ns", "st_ino")
        return all(getattr(facts, name) == getattr(before, name) for name in names)

    def _give_back(self, arrival: Arrival, path: Path, place: Path) -> None:
        self._note(arrival, ACCEPTED)
        for one in sorted(place.iterdir()):
            _rename(one, path.parent / one.name)
        raise _Kept("somebody wrote to it just now: it will be looked at as a new deposit")

    def _note(self, arrival: Arrival, state: str) -> None:
        now = self._events.clock.now()
        at = now if state == RELEASED else arrival.settled_at or now
        self._catalogue.settle_arrival(
            arrival.id, state, arrival.version, arrival.aip, arrival.receipt, at
        )


def _path(arrival: Arrival) -> Path:
    return Path(os.fsdecode(bytes.fromhex(arrival.path)))


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _shown(path: Path) -> str:
    return display(os.fsencode(path))


def _make(place: Path) -> None:
    """Make the folder of one deposit; a link in its place would lead to somebody else's."""
    place.mkdir(parents=True, exist_ok=True)
    for folder in (place, place.parent):
        if not is_folder(folder):
            raise NotNowError(
                f"{_shown(folder)} is not a folder",
                hint="take away what has its name, or choose another folder for `release: to`",
                code="REL-FOLDER",
            )


def _belonging(path: Path, marker: str) -> Iterator[Path]:
    """The deposit, last, after what lies beside it on its behalf."""
    if not is_folder(path):
        yield from paths_beside(path)
        if marker:
            beside = path.with_name(path.name + marker)
            if _exists(beside):
                yield beside
    yield path


def _rename(old: Path, new: Path) -> None:
    try:
        durable.rename_exclusive(old, new)
    except OSError as error:
        hint = "look at what lies there, and at its permissions"
        if error.errno == errno.EXDEV:
            hint = "choose a folder on the inbox's file system for `release: to`"
        raise NotNowError(
            f"{_shown(old)} cannot be moved to {_shown(new)}: {error.strerror}",
            hint=hint,
            code="REL-FOLDER",
        ) from error
