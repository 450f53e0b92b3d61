"""kill -9 in the middle of ingest, replication and repair; then the same work again.

Points are every call that writes (files, folders, names, catalogue); a seeded sample of them
here, all of them with ``SAMARKAND_SOAK`` in the environment (``make soak``).
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from homes import Archive, Guesser, quick_folder, snapshot
from killing import killed_at, trace
from tiers import flip

from preservation.catalogue.sql import SqlCatalogue
from preservation.files.remove import remove_tree

pytestmark = pytest.mark.slow

COMMITS = [(SqlCatalogue, name) for name in ("record", "arrive", "settle_arrival", "release")]
SOAK = bool(os.environ.get("SAMARKAND_SOAK"))
SAMPLE = 14  # points of each act
MOMENTS = 50 if not SOAK else 500
FILES = {"a.txt": b"one", "deep/er/b.txt": b"two" * 1000, "c.bin": b""}


@dataclass
class Act:
    """Work to be killed, on copies of a home where it is due."""

    template: Archive
    run: Callable[[Archive], object]
    repeated: frozenset[str]  # types of events that a second run rightly gives again

    def told(self, archive: Archive) -> Counter[tuple[str, str, str]]:
        """Events, without those about checks that found damage and repairs that began."""
        return Counter(
            {
                key: n
                for key, n in archive.told().items()
                if f"{key[0]} {key[1]}" not in self.repeated
            }
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    ground = quick_folder(tmp_path_factory.mktemp("kills"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
        yield ground
    remove_tree(ground)


@pytest.fixture(
    scope="module", params=["ingest", "next version", "replicate", "repair", "repair tar"]
)
def act(request: pytest.FixtureRequest, place: Path) -> Act:
    root = place / request.param
    root.mkdir()
    archive = Archive(root)
    path = archive.put("first", FILES | DOI)
    if request.param == "ingest":
        return Act(archive, ingest_first, frozenset())
    result = archive.ingest(path)
    if request.param == "next version":
        archive.put("second", FILES | DOI | {"new.txt": b"three"})
        return Act(archive, ingest_second, frozenset())
    if request.param == "replicate":
        return Act(archive, Archive.replicate, frozenset())
    archive.replicate()
    if request.param == "repair":
        flip(archive.bag(result, "mirror") / "data/a.txt")
    else:
        flip(archive.bag(result, "deep").with_suffix(".tar"), 3000)
    assert len(archive.audit().findings) == 1
    return Act(archive, Archive.repair, frozenset({"repair begun success", "fixity check altered"}))


DOI = {"datacite.json": b'{"doi": "10.1234/kills"}'}


def ingest_first(archive: Archive) -> None:
    archive.ingest(archive.inbox / "first")


def ingest_second(archive: Archive) -> None:
    archive.ingest(archive.inbox / "second")


def visible(archive: Archive) -> dict[bytes, object]:
    """The bytes of every replica that has a sidecar; those must never change."""
    seen: dict[bytes, object] = {}
    for sidecar in (archive.home / "tiers").glob("*/notes/*/*/*/v*.seal.json"):
        name = sidecar.name.removesuffix(".seal.json")
        folder = sidecar.with_name(name)
        if folder.is_dir():
            seen.update({bytes(folder) + b"/" + k: v[-1] for k, v in snapshot(folder).items()})
        else:
            seen[bytes(folder)] = folder.with_suffix(".tar").read_bytes()
    return seen


def finished_as_if_undisturbed(act: Act, archive: Archive, wanted: tuple[object, ...]) -> None:
    """The end of every test here: run again, and compare all there is."""
    before = visible(archive)
    deposits = snapshot(archive.inbox)
    act.run(archive)
    assert (archive.standing(), act.told(archive)) == wanted
    if act.run is not Archive.repair:
        after = visible(archive)
        assert {path: after[path] for path in before} == before
    assert snapshot(archive.inbox) == deposits
    assert archive.unfinished() == []


def undisturbed(act: Act, root: Path) -> tuple[object, ...]:
    archive = act.template.copied_to(root)
    act.run(archive)
    return archive.standing(), act.told(archive)


def points(act: Act, root: Path) -> list[int]:
    """The points to die at: all, or a seeded sample with the first and the last."""
    archive = act.template.copied_to(root)
    many = len(trace(lambda: act.run(archive), COMMITS))
    assert many > SAMPLE
    if SOAK:
        return list(range(1, many + 1))
    middle = random.Random(7).sample(range(2, many), SAMPLE - 2)
    return sorted([1, *middle, many])


def test_invariant_6_killed_at_any_write_and_run_again_it_ends_as_if_undisturbed(
    act: Act, place: Path
) -> None:
    roots = (place / f"{id(act)}-{number}" for number in itertools.count())
    wanted = undisturbed(act, next(roots))
    ways = points(act, next(roots))
    deaths = 0
    for n in ways:
        root = next(roots)
        archive = act.template.copied_to(root)
        deaths += killed_at(lambda: act.run(archive), n, COMMITS)  # noqa: B023 (runs at once)
        finished_as_if_undisturbed(act, archive, wanted)
        remove_tree(root)
    # A deposit that changed just now is looked at twice: then there are a few more calls, and
    # in a run without that the last points are never reached.
    assert deaths > len(ways) * 0.8


def test_invariant_6_killed_at_any_moment_and_run_again_it_ends_as_if_undisturbed(
    act: Act, place: Path
) -> None:
    roots = (place / f"{id(act)}-at-{number}" for number in itertools.count())
    began = time.monotonic()
    wanted = undisturbed(act, next(roots))
    whole = time.monotonic() - began
    draw = random.Random(11)
    for _ in range(MOMENTS // 5):
        root = next(roots)
        archive = act.template.copied_to(root)
        child = os.fork()
        if child == 0:
            try:
                act.run(archive)
            finally:
                os._exit(0)
        time.sleep(draw.uniform(0, whole))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        finished_as_if_undisturbed(act, archive, wanted)
        remove_tree(root)
