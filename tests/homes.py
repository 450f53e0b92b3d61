"""Homes for tests: real parts on a small policy, a clock that only goes on, formats guessed."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy as copied
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import yaml
from folders import quick_folder

from preservation.app.create import create_home
from preservation.app.parts import Parts, open_home
from preservation.audit.service import AuditResult, summed
from preservation.files.walk import Kind, open_below, walk
from preservation.ingest.result import DepositResult
from preservation.model.event import Event
from preservation.model.identification import Basis, Identification, Toolchain
from preservation.model.progress import Progress, Silence
from preservation.policy.policy import Policy
from preservation.repair.result import RepairResult
from preservation.replication.result import ReplicaResult

COMMUNITY = "notes"
SILENCE = Silence()
_TIER = {"kind": "local", "site": "here", "operator": "us", "technology": "disk"}
_RULES: dict[str, Any] = {
    "version": 1,
    "community": COMMUNITY,
    "title": {"en": "Notes"},
    "intake": {
        "complete": {"quiet": "0s"},
        "lineage": ["doi", "cstr"],
        "limits": {
            "files": 5000,
            "size": "100 MiB",
            "file_size": "10 MiB",
            "path": 4096,
            "depth": 40,
            "ratio": 20,
        },
        "formats": {"refused": ["x-fmt/411"], "unidentified": "accept"},
    },
    "replicas": [
        {"tier": "vault", "packaging": "folder"},
        {"tier": "mirror", "packaging": "folder"},
        {"tier": "deep", "packaging": "tar"},
    ],
}


class GoingClock:
    """A second passes whenever somebody looks."""

    def __init__(self) -> None:
        self.at = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class Guesser:
    """Formats by extension, in no time: stands in for the tools that ``formats`` runs."""

    toolchain = Toolchain("0", "none", "")
    _known: ClassVar = {
        b"txt": Identification("x-fmt/111", "Plain Text", "", "text/plain", basis=Basis.EXTENSION),
        b"exe": Identification("x-fmt/411", "Windows Executable", basis=Basis.SIGNATURE),
    }

    def __init__(self, *_: object, **__: object) -> None:
        """Knows nothing that it could be told."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def identify(
        self, root: Path, paths: Sequence[bytes], digests: object = None, patience: object = None
    ) -> list[Identification]:
        assert all(os.path.lexists(os.path.join(os.fsencode(root), path)) for path in paths)
        return [self._known.get(path.rpartition(b".")[2], Identification()) for path in paths]


class Archive:
    """A home, opened anew for every act, as commands and tasks do."""

    def __init__(
        self,
        root: Path,
        rules: Mapping[str, Any] | None = None,
        tiers: Mapping[str, Mapping[str, Any]] | None = None,
        clock: Any = None,
    ) -> None:
        self.home = root / "home"
        self.instead = tiers or {}  # declarations of tiers that are not folders of the home
        self.policies = root / "policies"
        self.clock = clock or GoingClock()
        self.write_policies(rules or {})
        if tiers is None and clock is None and patterns.place is not None:
            patterns.copy(self, json.dumps(rules or {}, sort_keys=True))
        else:
            create_home(self.home, self.policies, "a test", self.clock)

    def copied_to(self, root: Path) -> Archive:
        """The same home once more, elsewhere."""
        copy = object.__new__(Archive)
        copy.home, copy.policies, copy.clock = root / "home", self.policies, copied(self.clock)
        copy.instead = self.instead
        shutil.copytree(self.home, copy.home, symlinks=True)
        return copy

    def write_policies(self, rules: Mapping[str, Any]) -> None:
        """Write the policy files; ``rules`` are laid over the community's own."""
        self.policies.mkdir(exist_ok=True)
        tiers = {
            name: self.instead.get(name, {**_TIER, "path": f"tiers/{name}"})
            for name in ("vault", "mirror", "deep")
        }
        audits = {name: {"level": "E3", "max_age": "90d"} for name in tiers}
        documents = {
            "tiers": {"version": 1, "tiers": tiers},
            "baseline": {"version": 1, "contact": "us", "audit": {"tiers": audits}},
            COMMUNITY: _laid_over(_RULES, rules),
        }
        for name, document in documents.items():
            (self.policies / f"{name}.yaml").write_text(yaml.safe_dump(document))

    @contextmanager
    def opened(self) -> Iterator[tuple[Parts, Policy]]:
        with open_home(self.home, agent="a test", clock=self.clock) as parts:
            yield parts, parts.store.governing(COMMUNITY)

    @property
    def inbox(self) -> Path:
        return self.home / "inbox" / COMMUNITY

    def tier(self, name: str) -> Path:
        return self.home / "tiers" / name

    def put(self, name: str, files: Mapping[str, bytes]) -> Path:
        """Put a folder into the inbox."""
        for path, data in files.items():
            place = self.inbox / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        return self.inbox / name

    def ingest(self, path: Path, progress: Progress = SILENCE) -> DepositResult:
        with self.opened() as (parts, policy):
            arrival = parts.ingest.arrive(policy, path)
            return parts.ingest.take(policy, arrival, progress, by_hand=True)

    def take_inbox(self) -> list[DepositResult]:
        with self.opened() as (parts, policy):
            waiting = parts.ingest.scan(policy)
            return [parts.ingest.take(policy, one, SILENCE) for one in waiting]

    def replicate(self) -> list[ReplicaResult]:
        with self.opened() as (parts, policy):
            shards = parts.replication.plan(policy)
            return [
                one for shard in shards for one in parts.replication.run(policy, shard, SILENCE)
            ]

    def audit(self, tier: str | None = None) -> AuditResult:
        with self.opened() as (parts, policy):
            shards = parts.audit.plan(policy, tier=tier, everything=True)
            runs = [parts.audit.run(policy, shard, SILENCE) for shard in shards]
            return summed(check for run in runs for check in run.checks)

    def repair(self, approved_by: str = "") -> list[RepairResult]:
        with self.opened() as (parts, policy):
            return [
                parts.repair.repair(policy, finding.id, SILENCE, approved_by)
                for finding in parts.repair.plan(policy)
            ]

    def events(self) -> list[Event]:
        with self.opened() as (parts, _):
            return list(parts.all_events())

    def told(self) -> Counter[tuple[str, str, str]]:
        """How many events of each type, outcome and tier there are."""
        return Counter((e.type.value, e.outcome, e.tier) for e in self.events())

    def bag(self, result: DepositResult, tier: str = "vault") -> Path:
        """The folder of a version on a tier."""
        aip = result.aip
        place = f"{COMMUNITY}/{aip[:2]}/{aip[2:4]}/{aip}/v{result.version}"
        return self.tier(tier) / place

    def unfinished(self) -> list[str]:
        """What work in progress left behind."""
        places = [self.home / "scratch", *(self.home / "tiers").glob("*/.incoming")]
        left = (path for place in places for path in place.iterdir())
        # A probe of the file system that was killed leaves an empty file of its own.
        return [str(path) for path in left if not path.name.startswith(".probe-")]

    def standing(self) -> dict[str, object]:
        """What there is in the end: replicas and their states, findings, sidecars on tiers."""
        with self.opened() as (parts, _):
            replicas = {
                (row.tier, row.key.version): row.state.value for row in parts.catalogue.replicas()
            }
            findings = sorted((f.code, f.tier, f.state) for f in parts.catalogue.findings())
            sidecars = sorted(
                (name, str(sidecar.seal) if hasattr(sidecar, "seal") else "bad")
                for name, tier in parts.tiers.items()
                for sidecar in tier.sidecars()
            )
            versions = list(parts.catalogue.versions())
        return {
            "replicas": replicas,
            "findings": findings,
            "versions": [(row.key.version, row.title, row.files, row.formats) for row in versions],
            "seals": len({seal for _, seal in sidecars}),
            "sidecars": [name for name, _ in sidecars],
        }


class Patterns:
    """Homes that were just made, by their rules: a copy costs a twentieth of making one.

    Attributes:
        place: where they lie; None outside a session of tests.
    """

    def __init__(self) -> None:
        self.place: Path | None = None
        self._made: dict[str, tuple[Path, GoingClock]] = {}

    def copy(self, archive: Archive, rules: str) -> None:
        """Give an archive its home, and the clock as it stood when the home was made."""
        assert self.place is not None
        if rules not in self._made:
            home, clock = self.place / str(len(self._made)), GoingClock()
            create_home(home, archive.policies, "a test", clock)
            self._made[rules] = home, clock
        home, clock = self._made[rules]
        shutil.copytree(home, archive.home, symlinks=True)
        archive.clock = copied(clock)


patterns = Patterns()


def snapshot(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Every name below a folder with its kind, mode, times and content; nothing is followed."""
    seen: dict[bytes, tuple[object, ...]] = {}
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for entry in walk(root):
            content = b""
            if entry.kind is Kind.FILE and entry.octets < 1 << 24:
                with os.fdopen(open_below(fd, entry.path, os.O_RDONLY), "rb") as file:
                    content = file.read()
            seen[entry.path] = (*entry[1:], content)
    finally:
        os.close(fd)
    return seen


def codes(result: DepositResult) -> set[str]:
    """The codes of a result's findings."""
    return {finding.code for finding in result.findings}


def _laid_over(base: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in rules.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        both = both and key != "complete"  # it says one thing or the other
        merged[key] = _laid_over(merged[key], value) if both else value
    return merged


@pytest.fixture(scope="session", autouse=True)
def pattern_homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Room for homes to copy."""
    patterns.place = quick_folder(tmp_path_factory.getbasetemp())
    yield
    shutil.rmtree(patterns.place)
    patterns.place = None


@pytest.fixture
def scenes(tmp_path: Path) -> Iterator[Path]:
    """A folder for hundreds of scenes, in memory: who is killed leaves the medium as it is."""
    place = quick_folder(tmp_path)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for homes, with formats guessed."""
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
    place = quick_folder(tmp_path)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def archive(ground: Path) -> Archive:
    """A home with one community and three tiers."""
    return Archive(ground)


def only(results: Iterable[Any]) -> Any:
    """The one result there is."""
    (one,) = results
    return one
