"""The power of a real file system fails while real ``preserve`` processes work on it: whatever was
on record, or had been told with exit code 0, is there, byte for byte; and the next run ends as if
nothing had been.

A few cuts of one command here; ``SAMARKAND_SOAK`` makes it many, of each command on ext4 and XFS
(``SAMARKAND_MOMENTS`` says how many of each, ``SAMARKAND_SEED`` which), with its figures printed.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from endings import ending, payload
from homes import SILENCE, Archive, Guesser
from power_rig import Rig, a_rig
from preloading import preloaded
from running import PRESERVE, PROJECT, preserve
from tiers import flip

from preservation.app.home import SystemClock
from preservation.app.sweeping import sweep
from preservation.app.upkeep import check_catalogue
from preservation.catalogue.columns import STATES
from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import SamarkandError
from preservation.model.replica import ReplicaState
from preservation.storage.tier import Tier

SOAK = bool(os.environ.get("SAMARKAND_SOAK"))
pytestmark = [pytest.mark.slow, *([pytest.mark.timeout(3 * 3600)] if SOAK else [])]
MOMENTS = int(os.environ.get("SAMARKAND_MOMENTS", "24" if SOAK else "3"))
AT_ONCE = 6 if SOAK else 3  # cuts of one run, the last one after its end
COMMITS = 8  # at most, between two cuts
ALL = 1 << 30
LOOK = 0.001  # seconds between two looks at a catalogue
SOON = 0.03  # seconds from a commit to a cut, at most
SEED = os.environ.get("SAMARKAND_SEED", "17")
LATER = 1.0 if SOAK else 0.1  # seconds after its end in which a command may be cut off, too
NOSYNC = Path(__file__).parent / "nosync.c"
DEPOSITS = {
    name: {"name.txt": name.encode(), "deep/er/b.bin": os.urandom(200_000)}
    | {f"many/{n:02}.txt": f"{name} {n}".encode() for n in range(20)}
    for name in ("first", "second", "third")[: 3 if SOAK else 2]
}


@dataclass(frozen=True)
class Scene:
    """What is done before, and the command that is cut off.

    Attributes:
        then: what completes the rest; ``ingest`` makes replicas of what it takes in itself.
        again: types of events that a second run may rightly give once more.
    """

    prepare: Callable[[Archive], None]
    words: Sequence[str]
    rules: Mapping[str, Any] | None = None
    then: Sequence[str] = ()
    again: frozenset[str] = frozenset()


def taken_in(archive: Archive) -> None:
    archive.take_inbox()


def replicated(archive: Archive) -> None:
    archive.take_inbox()
    archive.replicate()


def harmed(archive: Archive) -> None:
    """One byte changed on a folder tier, and one on a tar tier."""
    replicated(archive)
    flip(min(archive.tier("mirror").glob("notes/*/*/*/v1/data/deep/er/b.bin")), 70_000)
    flip(max(archive.tier("deep").glob("notes/*/*/*/v1.tar")), 100_000)
    assert len(archive.audit().findings) == 2


FOLDERS = {"replicas": [{"tier": name, "packaging": "folder"} for name in ("vault", "mirror")]}
INGEST = ["ingest", "--inbox", "--replicate"]
HEALED = frozenset({"fixity check", "repair begun", "quarantine"})
SCENES = {
    "ingest": Scene(lambda _: None, INGEST, FOLDERS),
    "ingest, a tar too": Scene(lambda _: None, INGEST, then=["replicate"]),
    "replicate": Scene(taken_in, ["replicate"]),
    "repair": Scene(harmed, ["repair"], again=HEALED),
    "drain": Scene(replicated, ["journal", "drain"]),
}


@dataclass(frozen=True)
class Told:
    """What a catalogue had on record.

    Attributes:
        replicas: that are verified.
        events: by their ids; also those that went into the journal.
    """

    replicas: frozenset[tuple[str, int, str]]
    events: frozenset[str]


def reading(archive: Archive) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{archive.home}/catalogue.sqlite?mode=ro", uri=True)


def told(archive: Archive) -> Told:
    """Read while others write: what one sees there has been called durable."""
    verified = "SELECT aip, version, tier FROM replica WHERE state = ?"
    events = "SELECT id FROM outbox UNION SELECT id FROM recorded"
    with closing(reading(archive)) as catalogue:
        catalogue.execute("BEGIN")
        return Told(
            frozenset(
                (str(UUID(bytes=aip)), version, tier)
                for aip, version, tier in catalogue.execute(verified, [STATES.index("verified")])
            ),
            frozenset(str(UUID(bytes=one)) for (one,) in catalogue.execute(events)),
        )


class DaysLater:
    """When what is left behind may be swept."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=2)


@dataclass(frozen=True)
class Cut:
    """A file system as a power cut left it.

    Attributes:
        when: in seconds since the command began.
        told: what was on record just before.
    """

    image: Path
    when: float
    told: Told
    ended: bool


@pytest.fixture(scope="module", params=["ext4", "xfs"] if SOAK else ["ext4"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_rig(request.param, tmp_path_factory.mktemp("rig")) as made:
        yield made


@pytest.fixture(scope="module")
def nosync(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library by which nothing is synced."""
    return preloaded(NOSYNC, tmp_path_factory.mktemp("preloaded"))


@pytest.fixture(autouse=True)
def guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Formats, in this process alone."""
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)


def prepared(rig: Rig, scene: Scene) -> tuple[Path, Archive]:
    """An image of a home in which the command is due."""
    image = rig.new("kept")
    with rig.powered(image):
        archive = Archive(rig.place, scene.rules, clock=SystemClock())
        for name, files in DEPOSITS.items():
            archive.put(name, files)
        scene.prepare(archive)
    return image, archive


def start(
    archive: Archive, words: Sequence[str], more: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    places = ["--home", str(archive.home), "--policies", str(archive.policies)]
    return subprocess.Popen(
        [str(PRESERVE), *places, *words],
        env=os.environ | (more or {}),
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def cut_off(rig: Rig, live: Path, archive: Archive, scene: Scene, draw: random.Random) -> list[Cut]:
    """What cuts leave soon after something was recorded by a command, which goes on and ends well;
    and what a cut leaves soon after that.
    """
    cuts: list[Cut] = []
    with closing(reading(archive)) as catalogue:
        process = start(archive, scene.words)
        began = time.monotonic()
        try:
            while not cuts or not cuts[-1].ended:
                last = len(cuts) == AT_ONCE - 1
                commits(catalogue, process, ALL if last else draw.randint(1, COMMITS))
                ended = process.poll() is not None
                time.sleep(draw.uniform(0, LATER if ended else SOON))
                before = told(archive)
                image = rig.clone(live, f"cut-{len(cuts)}")
                cuts.append(Cut(image, time.monotonic() - began, before, ended))
        finally:
            said = process.communicate()[1]
    assert process.returncode == 0, said
    return cuts


def commits(catalogue: sqlite3.Connection, process: subprocess.Popen[str], many: int) -> None:
    """Wait until so much was recorded, or the process has ended."""
    version = data_version(catalogue)
    while many and process.poll() is None:
        time.sleep(LOOK)
        if (now := data_version(catalogue)) != version:
            version, many = now, many - 1


def data_version(catalogue: sqlite3.Connection) -> int:
    """Another one after each commit of another process."""
    return int(catalogue.execute("PRAGMA data_version").fetchone()[0])


def lost(archive: Archive, before: Told) -> list[str]:
    """What was told and is not there, or is on record and not there byte for byte."""
    now = told(archive)
    gone = [f"not on record: {one}" for one in before.replicas - now.replicas]
    with archive.opened() as (parts, _):
        try:
            held = {event.id for event in parts.all_events()}
        except SamarkandError as error:
            held = set()
            gone.append(str(error))
        gone += [f"no event {one}" for one in before.events | now.events if one not in held]
        titles = {row.key: row.title for row in parts.catalogue.versions()}
        for row in parts.catalogue.replicas():
            if row.state is ReplicaState.VERIFIED and not is_whole(
                parts.tiers[row.tier], row, DEPOSITS[titles[row.key]]
            ):
                gone.append(f"falsely called intact: {titles[row.key]} on {row.tier}")
    return gone


def is_whole(tier: Tier, row: ReplicaRow, files: dict[str, bytes]) -> bool:
    """Whether a replica is there with its sidecar, read without any of our readers."""
    try:
        return tier.sidecar(row.key) is not None and payload(tier, row) == files
    except (OSError, tarfile.TarError, SamarkandError):
        return False


def completed(archive: Archive, scene: Scene, wanted: dict[str, object]) -> None:
    """The same command once more, and all is as if nothing had been."""
    for words in filter(None, (scene.words, scene.then)):
        done = preserve(archive.home, archive.policies, *words)
        assert done.returncode == 0, done.stderr
    assert ending(archive, scene.again) == wanted
    later = copy(archive)
    later.clock = DaysLater()
    with later.opened() as (parts, _):
        sweep(parts, SILENCE)  # removals are not synced: scratch may have come back
    assert archive.unfinished() == []
    if SOAK:
        done = preserve(archive.home, archive.policies, "audit", "--all")
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        assert archive.audit().outcomes["intact"] == len(told(archive).replicas)
    assert lost(archive, told(archive)) == []
    with archive.opened() as (parts, _):
        parts.drain()
    _, different = check_catalogue(archive.home)
    assert different == []


@pytest.mark.parametrize("name", SCENES if SOAK else ["ingest"])
def test_a_power_cut_loses_nothing_that_was_told(rig: Rig, name: str) -> None:
    scene, draw = SCENES[name], random.Random(f"{rig.flavour} {name} {SEED}")
    kept, archive = prepared(rig, scene)
    seen: Counter[str] = Counter()
    while seen["cuts"] < MOMENTS:
        live = rig.clone(kept, "live")
        with rig.powered(live):
            cuts = cut_off(rig, live, archive, scene, draw)
            wanted = ending(archive, scene.again)
        live.unlink()
        for cut in cuts:
            seen += Counter(
                cuts=1,
                working=not cut.ended,
                ended=cut.ended,
                replicas=len(cut.told.replicas),
                events=len(cut.told.events),
            )
            try:
                with rig.powered(cut.image):
                    assert lost(archive, cut.told) == []
                    completed(archive, scene, wanted)
            except Exception as error:
                error.add_note(f"cut {cut.when:.3f} s after the beginning, {cut.ended=}")
                raise
            cut.image.unlink()
    kept.unlink()
    print(f"{name} on {rig.flavour}: {dict(seen)}")


@pytest.mark.parametrize("spared", ["", "/catalogue"] if SOAK else ["/catalogue"])
def test_what_was_never_synced_is_seen_to_be_lost(rig: Rig, nosync: Path, spared: str) -> None:
    """What the rig must be able to see."""
    kept, archive = prepared(rig, SCENES["ingest"])
    words = {"LD_PRELOAD": str(nosync)} | ({"NOSYNC_BUT": spared} if spared else {})
    with rig.powered(kept):
        process = start(archive, SCENES["ingest"].words, words)
        assert process.wait() == 0
        before = told(archive)
        cut = rig.clone(kept, "cut")
    kept.unlink()
    with rig.powered(cut):
        gone = lost(archive, before)
    cut.unlink()
    kinds = Counter(" ".join(one.split()[:2]) for one in gone)
    print(f"{rig.flavour}, {spared=}: {len(before.replicas)} replicas told; {dict(kinds)}")
    assert gone
