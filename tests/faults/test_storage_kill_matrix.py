"""kill -9 at seeded moments of replication to several targets, of tars sent in parts, of export and
of reconcile; then the same work again: nothing lost, nothing twice, no false ``intact``.

A few moments of each here; ``SAMARKAND_SOAK`` in the environment makes it a thousand altogether
(``SAMARKAND_MOMENTS`` says another number, ``SAMARKAND_SEED`` which), with its figures printed.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from buckets import KEYS, Server, described, serving
from homes import SILENCE, Archive, Guesser, quick_folder, snapshot

from preservation.cli.aip_commands import _export
from preservation.errors import NotNowError
from preservation.files.remove import remove_tree

SOAK = bool(os.environ.get("SAMARKAND_SOAK"))
pytestmark = [pytest.mark.slow, *([pytest.mark.timeout(3 * 3600)] if SOAK else [])]

MOMENTS = int(os.environ.get("SAMARKAND_MOMENTS", "1000" if SOAK else "8"))
SEED = int(os.environ.get("SAMARKAND_SEED", "0"))
SMALL = {f"{n:03}.txt": os.urandom(700) for n in range(60)}
# Large ones are copied by threads beside helpers, which start where there are many small ones.
MIXED = SMALL | {f"{n}.bin": os.urandom(1 << 20) for n in range(4)}
if SOAK:
    MIXED |= {f"more/{n:03}.txt": os.urandom(700) for n in range(300)}
LARGE = {"a.bin": os.urandom(9 << 20), "b.bin": os.urandom(9 << 20), "c.txt": b"three"}


@dataclass
class Scene:
    """A home in which some work is due, copied for each moment."""

    template: Archive
    work: Callable[[Archive], object]
    judge: Callable[[Archive], None]
    prepare: Callable[[], None] = lambda: None
    seen: Counter[str] = field(default_factory=Counter)

    def moments(self, count: int, seed: int, place: Path) -> None:
        """Kill so many times, each at a moment drawn by lot, and judge what the next run makes."""
        whole = self._undisturbed(place / "whole")
        draw = random.Random(seed + 100 * SEED)
        for number in range(count):
            self.prepare()
            archive = self.template.copied_to(place / f"m{number}")
            self.seen["killed" if self._killed(archive, draw.uniform(0, whole)) else "ended"] += 1
            archive.clock.at = archive.clock.at.replace(year=archive.clock.at.year + 1)
            with suppress(NotNowError):
                self.work(archive)
            self.judge(archive)
            remove_tree(place / f"m{number}")

    def _undisturbed(self, root: Path) -> float:
        self.prepare()
        archive = self.template.copied_to(root)
        began = time.monotonic()
        self.work(archive)
        took = time.monotonic() - began
        self.judge(archive)
        remove_tree(root)
        return took

    def _killed(self, archive: Archive, after: float) -> bool:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                self.work(archive)
                status = 0
            finally:
                os._exit(status)
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    ground = quick_folder(tmp_path_factory.mktemp("matrix"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield ground
    remove_tree(ground)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


def all_is_there_once(archive: Archive, *, left_over: frozenset[str] = frozenset()) -> None:
    """Three verified replicas that read back, one event for each, nothing else lying about."""
    standing = archive.standing()
    assert set(standing["replicas"].values()) == {"verified"}
    assert len(standing["sidecars"]) == 3
    assert standing["findings"] == []
    assert archive.audit().outcomes["intact"] == 3
    told = archive.told()
    assert [told["replication", "success", tier] for tier in ("mirror", "deep")] == [1, 1]
    assert archive.unfinished() == []
    with archive.opened() as (parts, policy):
        for tier in parts.tiers.values():
            seen = parts.reconcile.reconcile(tier, {"notes": policy}, SILENCE)
            assert {found.code for found in seen.findings} <= left_over


def test_killed_replication_to_several_targets_is_completed(place: Path) -> None:
    (place / "several").mkdir()
    template = Archive(place / "several")
    template.ingest(template.put("first", MIXED))
    scene = Scene(template, Archive.replicate, all_is_there_once)
    scene.moments(MOMENTS // 3, 3, place / "several")
    print(f"several targets: {dict(scene.seen)}")


def test_killed_sending_of_parts_is_gone_on_with(place: Path, server: Server) -> None:
    root = place / "parts"
    root.mkdir()
    bucket = described(server.endpoint, "kills", object_limit="8 MiB")
    template = Archive(root, tiers={"deep": bucket})
    template.ingest(template.put("first", LARGE))
    client = server.client()

    def emptied() -> None:
        listed = client.list_objects_v2(Bucket="keeping", Prefix="kills/notes/")
        for one in listed.get("Contents", ()):
            client.delete_object(Bucket="keeping", Key=one["Key"])
        for one in client.list_multipart_uploads(Bucket="keeping").get("Uploads", ()):
            client.abort_multipart_upload(
                Bucket="keeping", Key=one["Key"], UploadId=one["UploadId"]
            )

    # What a writer had sent in full and not named is gone on with, or told; never a replica.
    judge = lambda archive: all_is_there_once(  # noqa: E731
        archive, left_over=frozenset({"TIER-HALF-WRITTEN"})
    )
    scene = Scene(template, Archive.replicate, judge, emptied)
    scene.moments(MOMENTS // 6, 5, root)
    print(f"parts to a bucket: {dict(scene.seen)}")


def test_a_killed_export_leaves_a_whole_bag_or_none(place: Path) -> None:
    root = place / "export"
    root.mkdir()
    template = Archive(root)
    template.ingest(template.put("first", SMALL))
    template.replicate()
    numbers = itertools.count()
    at: list[Path] = []

    def fresh() -> None:
        at[:] = [root / "out" / str(next(numbers))]

    def export(archive: Archive) -> None:
        dest = at[0] / "bag"
        if dest.exists():
            return  # whole, as the judge sees: it has its name by one rename
        with archive.opened() as (parts, _):
            (version,) = parts.catalogue.versions()
            _export(parts, version, dest, SILENCE, frozenset(), payload=False)

    def judge(archive: Archive) -> None:
        names = {path.name for path in at[0].iterdir()}
        assert {name for name in names if not name.startswith(".export-")} == {"bag"}
        bag = next((archive.tier("vault")).glob("notes/*/*/*/v1"))
        assert _contents(at[0] / "bag") == _contents(bag)
        assert set(archive.standing()["replicas"].values()) == {"verified"}
        remove_tree(at[0])

    scene = Scene(template, export, judge, fresh)
    scene.moments(MOMENTS // 4, 7, root)
    print(f"export: {dict(scene.seen)}")


def test_a_killed_reconcile_says_the_same_when_it_is_run_again(place: Path) -> None:
    root = place / "reconcile"
    root.mkdir()
    template = Archive(root)
    for name in "abc":
        template.ingest(template.put(name, SMALL | {"name.txt": name.encode()}))
    template.replicate()
    sidecars = sorted(template.tier("mirror").glob("notes/*/*/*/v1.seal.json"))
    sidecars[0].unlink()
    (sidecars[1].parent / "v2").mkdir()
    (sidecars[1].parent / "v2" / "bagit.txt").write_text("half")

    def reconcile(archive: Archive) -> None:
        with archive.opened() as (parts, policy):
            for tier in parts.tiers.values():
                parts.reconcile.reconcile(tier, {"notes": policy}, SILENCE)

    before = {name: snapshot(template.tier(name)) for name in ("vault", "mirror", "deep")}

    def judge(archive: Archive) -> None:
        found = [(code, tier, state) for code, tier, state in archive.standing()["findings"]]
        assert found == [
            ("TIER-HALF-WRITTEN", "mirror", "open"),
            ("TIER-NO-SIDECAR", "mirror", "open"),
        ]
        for name, seen in before.items():
            now = snapshot(archive.tier(name))
            assert {path: row[-1] for path, row in now.items()} == {
                path: row[-1] for path, row in seen.items()
            }

    scene = Scene(template, reconcile, judge)
    scene.moments(MOMENTS // 4, 11, root)
    print(f"reconcile: {dict(scene.seen)}")


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
