"""Deposits that would do harm: each comes to a verdict, with nothing else touched.

Every kind is one function that makes the deposit; its decorator says what must become of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hostile_bags
import hostile_folders
import hostile_lists
import hostile_streams
import hostile_tar_headers
import hostile_tars
import hostile_zip_records
import hostile_zips
import pytest
from homes import SILENCE, Archive, Guesser, codes, quick_folder, snapshot
from hostile_kinds import KINDS, NO

from preservation.app.parts import Parts
from preservation.files.remove import remove_tree
from preservation.policy.policy import Policy

pytestmark = pytest.mark.slow

MODULES = {
    hostile_bags,
    hostile_folders,
    hostile_lists,
    hostile_streams,
    hostile_tar_headers,
    hostile_tars,
    hostile_zip_records,
    hostile_zips,
}  # each registers its kinds


@dataclass(frozen=True)
class Ground:
    """One home for them all, and beside it canaries that links and names lead to."""

    archive: Archive
    parts: Parts
    policy: Policy
    root: Path

    @property
    def outside(self) -> dict[bytes, tuple[object, ...]]:
        return snapshot(self.root / "outside")


@pytest.fixture(scope="module")
def ground_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    root = quick_folder(tmp_path_factory.mktemp("hostile"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
        archive = Archive(root)
        for folder in ("outside/deeper", "a/b/c/deposits"):
            (root / folder).mkdir(parents=True)
        (root / "outside/canary").write_bytes(b"sings")
        (root / "outside/deeper/canary").write_bytes(b"sings too")
        with archive.opened() as (parts, policy):
            yield Ground(archive, parts, policy, root)
    remove_tree(root)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", KINDS)
def test_each_hostile_deposit_comes_to_a_verdict_and_harms_nothing(
    ground_of_all: Ground, name: str
) -> None:
    ground, hostile = ground_of_all, KINDS[name]
    place = ground.root / "a/b/c/deposits" / name
    place.mkdir()
    made = hostile.make(place / name) or place / name
    before, canaries = snapshot(place), ground.outside
    arrival = ground.parts.ingest.arrive(ground.policy, made)
    result = ground.parts.ingest.take(ground.policy, arrival, SILENCE)
    assert (result.outcome in hostile.outcome, hostile.codes - codes(result)) == (True, set())
    assert (hostile.outcome == NO) == any(f.severity.value == "error" for f in result.findings)
    assert snapshot(place) == before
    assert ground.outside == canaries
    assert sorted(path.name for path in (ground.root / "a/b/c").iterdir()) == ["deposits"]
    assert ground.archive.unfinished() == []
    assert not Path("/tmp/samarkand-was-here").exists()
    letter = ground.archive.home / f"receipts/notes/{result.arrival}.txt"
    assert all(line.isprintable() for line in letter.read_text("utf-8").split("\n"))
    remove_tree(place)


def test_there_are_many_kinds() -> None:
    assert len(KINDS) >= 340
    makers = {hostile.make.__module__ for hostile in KINDS.values()}
    assert makers == {module.__name__ for module in MODULES}
