"""Deposits that would do harm: each comes to a verdict, with nothing else touched.

Every kind is one function that makes the deposit; its decorator says what must become of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hostile_bags
import hostile_folders
import hostile_tars
import hostile_zips
import pytest
from homes import Archive, Guesser, codes, quick_folder, snapshot
from hostile_kinds import KINDS, NO

from preservation.files.remove import remove_tree

pytestmark = pytest.mark.slow

MODULES = (hostile_bags, hostile_folders, hostile_tars, hostile_zips)  # each registers its kinds


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Path]]:
    """One home for them all, and beside it a folder with canaries that links lead to."""
    ground = quick_folder(tmp_path_factory.mktemp("hostile"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("preservation.app.parts.FormatIdentifier", Guesser)
        archive = Archive(ground)
        outside = ground / "outside"
        (outside / "deeper").mkdir(parents=True)
        (outside / "canary").write_bytes(b"sings")
        (outside / "deeper/canary").write_bytes(b"sings too")
        yield archive, outside
    remove_tree(ground)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", KINDS)
def test_each_hostile_deposit_comes_to_a_verdict_and_harms_nothing(
    shared: tuple[Archive, Path], name: str
) -> None:
    archive, outside = shared
    hostile = KINDS[name]
    made = hostile.make(archive.inbox / name) or archive.inbox / name
    before, canaries = snapshot(archive.inbox), snapshot(outside)
    result = archive.ingest(made)
    assert result.outcome in hostile.outcome
    assert hostile.codes <= codes(result)
    assert (hostile.outcome == NO) == any(f.severity.value == "error" for f in result.findings)
    assert snapshot(archive.inbox) == before
    assert snapshot(outside) == canaries
    assert archive.unfinished() == []
    assert not Path("/tmp/samarkand-was-here").exists()
    assert (archive.home / f"receipts/notes/{result.arrival}.txt").exists()
    assert all(line.isprintable() for line in _letter(archive, result.arrival))


def _letter(archive: Archive, arrival: str) -> list[str]:
    return (archive.home / f"receipts/notes/{arrival}.txt").read_text("utf-8").split("\n")


def test_there_are_many_kinds() -> None:
    assert len(KINDS) > 100
    assert {hostile.make.__module__ for hostile in KINDS.values()} == {
        module.__name__ for module in MODULES
    }
