"""Format watch: what newer tools say of files that older ones identified.

A plan names the AIP versions and formats whose answer could be another one
(``preservation.formats.watch`` has the rule). A review asks the tools about those files, where they
lie in a verified replica as a folder, or fetched from a tar, and records one event for each AIP
version, with result documents for what changed. Sealed inventories are never touched; the central
one shows both.

A file whose answer changed is read and compared with its sealed digest before it counts: damaged
bytes have no format to speak of.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from preservation.audit.inventory import InventoryService
from preservation.audit.review_reach import Fetched, InFolder, Reach, Restore
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, VersionRow
from preservation.errors import (
    NotNowError,
    SourceDamagedError,
    TierUnavailableError,
    UsageError,
)
from preservation.files.held import HeldFolder
from preservation.files.workers import Patience
from preservation.fixity.engine import EngineSettings, measure
from preservation.formats.inventory.questions import answers
from preservation.formats.inventory.schema import ANSWER
from preservation.formats.inventory.versions import Key
from preservation.formats.patience import DepositPatience
from preservation.formats.watch import PARENTS, PROBES, is_weak, only_libmagic, spelled
from preservation.ledger.protocol import Journal
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.event import Event, EventMaker, EventType
from preservation.model.finding import Finding, Severity
from preservation.model.identification import Identification, Toolchain
from preservation.model.names import display, unescaped
from preservation.model.progress import Progress, Silence
from preservation.model.replica import Packaging, ReplicaState, VersionKey
from preservation.model.shard import SHARD_ITEMS
from preservation.model.units import counted
from preservation.policy.formats import Standing
from preservation.policy.policy import Policy
from preservation.storage.tier import Tier

SCHEMA = "samarkand.format-review/1"
LISTED = 2000  # changed files in one result document
PIECE = 50_000  # files of one piece of work: about a minute
TOLD = 20  # findings of one AIP version
_EXAMPLES = 3


class Asked(Protocol):
    """Says what files are: ``preservation.formats``."""

    @property
    def toolchain(self) -> Toolchain: ...

    def identify(
        self, root: Path, paths: Sequence[bytes], *, patience: Patience | None = None
    ) -> list[Identification]: ...


@dataclass(frozen=True, slots=True)
class DueVersion:
    """One AIP version to look at again.

    Attributes:
        formats: whose files are looked at, all of them; weak answers are in any case.
        files: how many that are.
    """

    aip: str
    version: int
    formats: tuple[str, ...]
    files: int

    def to_json(self) -> dict[str, Any]:
        """A reference that fits into an XCom."""
        return {
            "aip": self.aip,
            "version": self.version,
            "formats": list(self.formats),
            "files": self.files,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DueVersion:
        """Read what :meth:`to_json` gave."""
        return cls(data["aip"], data["version"], tuple(data["formats"]), data["files"])


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What looking again at one AIP version came to.

    Attributes:
        state: ``changed``, ``unchanged``, ``busy``, or ``not now`` with a reason.
        unchecked: files about which the tools gave no answer, or whose bytes are not sealed.
    """

    key: VersionKey
    state: str
    looked_at: int = 0
    changed: int = 0
    unchecked: int = 0
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.formats-review/1``."""
        return {
            "community": self.key.community,
            "aip": self.key.aip,
            "version": self.key.version,
            "state": self.state,
            "looked_at": self.looked_at,
            "changed": self.changed,
            "unchecked": self.unchecked,
            "reason": self.reason,
            "findings": [finding.to_json() for finding in self.findings],
        }


@dataclass(slots=True)
class _Pile:
    """Files of one format in one AIP version, answered by other tools."""

    weak: int = 0
    formats: Counter[str] = field(default_factory=Counter)


class FormatReview:
    """Plans and makes later identifications."""

    def __init__(
        self,
        catalogue: Catalogue,
        journal: Journal,
        tiers: Mapping[str, Tier],
        events: EventMaker,
        identifier: Asked,
        inventory: InventoryService,
        restore: Restore,
        scratch: Path,
    ) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._tiers = tiers
        self._events = events
        self._identifier = identifier
        self._inventory = inventory
        self._restore = restore
        self._scratch = scratch

    def plan(self, community: str, *, everything: bool = False) -> list[DueVersion]:
        """The AIP versions with files whose answer could be another one now.

        Args:
            everything: whatever the rule says, all that other tools answered.
        """
        now = spelled(self._identifier.toolchain)
        piles, probed = self._piles(community, now)
        wanted = _wanted(piles, probed, everything)
        due = []
        for key, pile in sorted(piles.items()):
            formats = tuple(sorted(wanted.get(key, ())))
            files = pile.weak + sum(pile.formats[name] for name in formats)
            if files:
                due.append(DueVersion(*key, formats, files))
        return due

    @staticmethod
    def pieces(due: Sequence[DueVersion]) -> Iterator[list[DueVersion]]:
        """Cut a plan into pieces of work of a minute or more."""
        piece: list[DueVersion] = []
        files = 0
        for one in due:
            if piece and (files + one.files > PIECE or len(piece) >= SHARD_ITEMS):
                yield piece
                piece, files = [], 0
            piece.append(one)
            files += one.files
        if piece:
            yield piece

    def _piles(self, community: str, now: str) -> tuple[dict[Key, _Pile], dict[str, bool]]:
        """What other tools answered; and the formats already looked at, with whether any moved."""
        piles: dict[Key, _Pile] = {}
        probed: dict[str, bool] = {}
        for one in answers(self._inventory.of(community)):
            if one.toolchain == now:
                if one.reviewed and one.sealed_id:
                    moved = one.sealed_id != one.format_id
                    probed[one.sealed_id] = probed.get(one.sealed_id, False) or moved
                continue
            pile = piles.setdefault(one.key, _Pile())
            if one.weak:
                pile.weak += one.files
            elif not only_libmagic(one.toolchain, now):
                pile.formats[one.format_id] += one.files
        return piles, probed

    def review(self, policy: Policy, due: DueVersion, progress: Progress) -> Reviewed:
        """Look again at the files of one AIP version, and record what came of it."""
        key = VersionKey(policy.community, due.aip, due.version)
        with hold(self._catalogue, f"formats:{key}", self._events.clock) as lease:
            if lease is None:
                return Reviewed(key, "busy", reason="another run is at it")
            row = self._catalogue.version(key)
            if row is None:
                return Reviewed(key, "not now", reason="it is not in the catalogue")
            look = _Look(self._identifier, self._journal, policy, key)
            asked = self._asked(key, due, spelled(self._identifier.toolchain))
            try:
                look.at(asked, self._reach(row), progress)
            except (SourceDamagedError, TierUnavailableError, UsageError) as error:
                return Reviewed(key, "not now", reason=error.message)
            events = self._recorded(policy, due, look)
            self._catalogue.record(events, lease)
        state = "changed" if look.changed else "unchanged"
        found = tuple(look.findings())
        return Reviewed(key, state, look.looked_at, look.changed, look.unchecked, "", found)

    def _asked(self, key: VersionKey, due: DueVersion, now: str) -> Iterator[Mapping[str, Any]]:
        for row in self._inventory.of(key.community).rows([(key.aip, key.version)]):
            if row["toolchain"] != now and (is_weak(row) or row["format_id"] in due.formats):
                yield row

    def _reach(self, row: VersionRow) -> Reach:
        """How the files of a version are had: where a verified replica lies as a folder, else
        from whatever replica gives them.
        """
        for replica in self._catalogue.replicas(row.key.community, aip=row.key.aip):
            verified = replica.key == row.key and replica.state is ReplicaState.VERIFIED
            tier = self._tiers.get(replica.tier)
            if not verified or replica.packaging is not Packaging.FOLDER or tier is None:
                continue
            with suppress(NotNowError):
                tier.check()
                held = tier.held(row.key, replica.packaging)
                if isinstance(held, HeldFolder):
                    return InFolder(held.path)
        self._scratch.mkdir(parents=True, exist_ok=True)
        return Fetched(self._restore, row, self._scratch)

    def _recorded(self, policy: Policy, due: DueVersion, look: _Look) -> list[Event]:
        detail = {
            "toolchain": spelled(self._identifier.toolchain),
            "formats": list(due.formats),
            "looked_at": look.looked_at,
            "changed": look.changed,
            "unchecked": look.unchecked,
            "changes": look.told_changes(),
            "results": look.results,
        }
        outcome = "changed" if look.changed else "unchanged"
        kind = EventType.FORMAT_IDENTIFICATION
        event = self._events.about(look.key, kind, outcome, detail, policy=policy.ref)
        standing = self._catalogue.findings(look.key.community, state="open", aip=look.key.aip)
        open_ = {(row.code, row.subject, row.message) for row in standing}
        new = [one for one in look.findings() if (one.code, one.subject, one.message) not in open_]
        return [event, *(self._opened(policy, look.key, one, event) for one in new)]

    def _opened(self, policy: Policy, key: VersionKey, finding: Finding, event: Event) -> Event:
        detail = {"finding": self._events.new_id(), **finding.to_json()}
        detail["localised"] = {"review": event.id, "results": event.detail["results"]}
        return self._events.about(key, EventType.FINDING_OPENED, "fail", detail, policy=policy.ref)


def _wanted(
    piles: Mapping[Key, _Pile], probed: Mapping[str, bool], everything: bool
) -> dict[Key, set[str]]:
    """Of each AIP version, the formats with strong answers that are looked at all the same."""
    wanted: dict[Key, set[str]] = {}
    fewest: dict[str, list[tuple[int, Key]]] = {}
    for key, pile in piles.items():
        for name, files in pile.formats.items():
            if everything or name in PARENTS or probed.get(name):
                wanted.setdefault(key, set()).add(name)
            elif name not in probed:
                fewest.setdefault(name, []).append((files, key))
    for name, some in fewest.items():
        for _, key in heapq.nsmallest(PROBES, some):
            wanted.setdefault(key, set()).add(name)
    return wanted


class _Look:
    """One look at one AIP version: asks, compares, keeps what changed."""

    def __init__(
        self, identifier: Asked, journal: Journal, policy: Policy, key: VersionKey
    ) -> None:
        self._identifier = identifier
        self._journal = journal
        self._patience = DepositPatience()
        self._rules = policy.intake.formats
        self._changed: list[dict[str, Any]] = []
        self._groups: dict[tuple[str, str, bool], list[str]] = {}
        self._counts: Counter[tuple[str, str, bool]] = Counter()
        self.key = key
        self.results: list[str] = []
        self.looked_at = self.changed = self.unchecked = 0

    def at(self, rows: Iterator[Mapping[str, Any]], reach: Reach, progress: Progress) -> None:
        """Ask about these rows, in their order."""
        for root, some, paths in reach.portions(rows):
            # Without digests: what these bytes are is not kept as an answer about sealed ones.
            found = self._identifier.identify(root, paths, patience=self._patience)
            moved = []
            for row, path, now in zip(some, paths, found, strict=True):
                self.looked_at += 1
                if now.unchecked:
                    self.unchecked += 1
                elif (now.id, now.puid, now.doubtful) != _known(row):
                    moved.append((row, path, now))
            sound = self._sound(root, {path: row["sha256"] for row, path, _ in moved})
            for row, path, now in moved:
                if path in sound:
                    self._take(row, now)
                else:
                    self.unchecked += 1
            progress.advance(sum(row["bytes"] for row in some))
        self._flush()

    def told_changes(self) -> list[dict[str, Any]]:
        """What became what, and how many files each."""
        return [
            {"from": before, "to": after, "files": count}
            for (before, after, _), count in self._counts.most_common(50)
        ]

    def findings(self) -> Iterator[Finding]:
        """A warning for each change that somebody should know of: not for what became known."""
        told = ((key, count) for key, count in self._counts.most_common() if key[0])
        for (before, after, refused), count in islice(told, TOLD):
            files = counted(count, "file")
            code = "FMT-REFUSED" if refused else "FMT-CHANGED" if after else "FMT-LOST"
            message = f"{files} known as {before} at ingest: now {after or 'unknown'}"
            message += ", which the policy in force refuses" if refused else ""
            if before == after:
                message = f"{files} known as {before}: what speaks against it has changed"
            where = ", ".join(self._groups[before, after, refused])
            hint = "look at a file; accept the finding if the newer answer is right"
            yield Finding(code, f"{self.key}: {where}", message, hint, Severity.WARNING)

    def _sound(self, root: Path, sealed: Mapping[bytes, str]) -> set[bytes]:
        """Of the files whose answer changed, those that hold the sealed bytes."""
        only, settings = (Algorithm.SHA256,), EngineSettings(workers=1, abreast=False)
        return {
            one.path
            for one in measure(root, sealed, only, settings, Silence())
            if one.digests and one.digests[Algorithm.SHA256].hex == sealed[one.path]
        }

    def _take(self, row: Mapping[str, Any], now: Identification) -> None:
        after = _answer(now)
        self._changed.append(
            {
                "path": row["path"],
                "sha256": row["sha256"],
                "before": {name: row[name] for name in ANSWER},
                "after": after,
            }
        )
        refused = self._standing(now) is Standing.REFUSED and row["policy"] != "refused"
        group = (row["format_id"], now.id, refused)
        self._counts[group] += 1
        examples = self._groups.setdefault(group, [])
        if len(examples) < _EXAMPLES:
            examples.append(display(unescaped(row["path"])))
        self.changed += 1
        if len(self._changed) >= LISTED:
            self._flush()

    def _standing(self, now: Identification) -> Standing:
        return self._rules.ruling(now.local, now.puid, now.mime).standing

    def _flush(self) -> None:
        if not self._changed:
            return
        document = {
            "schema": SCHEMA,
            "aip": self.key.aip,
            "version": self.key.version,
            "files": self._changed,
        }
        self.results.append(str(self._journal.put_result(document)))
        self._changed = []


def _known(row: Mapping[str, Any]) -> tuple[str, str, bool]:
    return row["format_id"], row["puid"], row["doubtful"]


def _answer(now: Identification) -> dict[str, str]:
    return {
        "format_id": now.id,
        "puid": now.puid,
        "mime": now.mime,
        "format": now.name,
        "format_version": now.version,
        "basis": now.basis.value,
        "mime_libmagic": now.mime_magic,
        "candidates": " ".join(now.candidates),
        "flags": " ".join(now.flags),
        "warnings": " | ".join(now.warnings),
    }
