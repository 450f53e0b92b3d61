"""Bag validation looks at every hostile deposit too: no crash, no hang, the verdict of the ingest
where the deposit is a bag, and the same for the bag as a folder and as an archive.
"""

from __future__ import annotations

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
from homes import SILENCE, quick_folder, snapshot
from hostile_kinds import KINDS, NO

from preservation.bags.validate import validate
from preservation.errors import UsageError
from preservation.files.remove import remove_tree
from preservation.fixity.engine import EngineSettings

pytestmark = pytest.mark.slow

MAKERS = (hostile_bags, hostile_lists, hostile_folders, hostile_streams, hostile_tar_headers)
MAKERS += (hostile_tars, hostile_zip_records, hostile_zips)
SETTINGS = EngineSettings(workers=1)
BAGS = [name for name in KINDS if name.startswith(("bag_", "packed_bag_", "empty_bag"))]


def looked_at(place: Path, name: str) -> bool | None:
    """Whether it is a valid bag; None of what is no bag at all."""
    folder = quick_folder(place)
    try:
        (folder / "outside").mkdir()
        (folder / "a").mkdir()
        made = KINDS[name].make(folder / "a" / name) or folder / "a" / name
        before = snapshot(folder)
        try:
            return validate(made, settings=SETTINGS, progress=SILENCE).valid
        except UsageError:
            return None
        finally:
            assert snapshot(folder) == before
    finally:
        remove_tree(folder)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", BAGS)
def test_validation_and_ingest_agree_about_a_bag(tmp_path: Path, name: str) -> None:
    assert looked_at(tmp_path, name) == (KINDS[name].outcome != NO)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", [name for name in KINDS if name not in BAGS])
def test_what_is_no_bag_is_never_a_valid_one(tmp_path: Path, name: str) -> None:
    assert not looked_at(tmp_path, name)
