"""The part of the corpus that is generated: named, not doubted when sound, doubted when not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from format_accuracy import MUTATIONS
from format_corpus import generated
from format_truth import FAMILIES, verdict

from preservation.formats.identifier import FormatIdentifier

LIBRARIES = ("h5py", "netCDF4", "astropy", "PIL", "tifffile", "pyarrow", "pypdf")


@pytest.fixture(scope="module")
def identifier():
    with FormatIdentifier() as made:
        yield made


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    for library in LIBRARIES:
        pytest.importorskip(library)
    return list(generated(tmp_path_factory.mktemp("made")))


def _said(found) -> str:
    return f"{found.local} {found.puid} {found.name} {found.mime}"


def test_every_file_that_a_formats_own_library_writes_is_named_without_doubt(identifier, items):
    root = items[0].path.parent
    answers = identifier.identify(root, [item.path.name.encode() for item in items])
    missed = [
        (item.path.name, _said(found), found.flags, found.warnings)
        for item, found in zip(items, answers, strict=True)
        if verdict(item.family, _said(found)) != "exact" or found.doubtful
    ]
    assert missed == []


@pytest.mark.parametrize("kind", ["first half", "first 1 KiB", "last 1 % cut", "first 16 zeroed"])
def test_of_those_that_are_cut_or_harmed_nearly_all_are_doubted(identifier, items, kind, tmp_path):
    changed = []
    for item in items:
        data = item.path.read_bytes()
        if (now := MUTATIONS[kind](data)) != data:
            (tmp_path / item.path.name).write_bytes(now)
            changed.append(item.path.name)
    answers = identifier.identify(tmp_path, [name.encode() for name in changed])
    unseen = [name for name, found in zip(changed, answers, strict=True) if not found.doubtful]
    assert len(unseen) <= 0.08 * len(changed), unseen


def test_a_file_under_another_formats_name_is_doubted(identifier, items, tmp_path):
    names = []
    for number, item in enumerate(items):
        wrong = "pdf" if item.family != "pdf" else "png"
        (tmp_path / f"{number}.{wrong}").write_bytes(item.path.read_bytes())
        names.append(f"{number}.{wrong}".encode())
    answers = identifier.identify(tmp_path, names)
    unseen = [
        item.path.name for item, found in zip(items, answers, strict=True) if not found.doubtful
    ]
    assert unseen == []


def test_families_have_parents_that_exist():
    assert {parent for one in FAMILIES.values() for parent in one.parents} <= set(FAMILIES)
