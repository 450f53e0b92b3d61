"""Whatever becomes of a file, a check gives a verdict, and its worker lives on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from checked_files import sound
from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.formats.checks.checker import FormatChecker
from preservation.model.format_check import FormatCheck, Validity
from preservation.model.identification import Identification

WORDS = {"crashed", "timeout"}
CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=6)), min_size=1, max_size=3
)


@pytest.fixture(scope="module")
def checker() -> Iterator[FormatChecker]:
    with FormatChecker(1) as made:
        yield made


@pytest.fixture(scope="module")
def files() -> Iterator[tuple[Path, dict[str, bytes]]]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder), sound(Path(folder))


def checked(checker: FormatChecker, place: Path, contents: dict[str, bytes]) -> list[FormatCheck]:
    for number, content in enumerate(contents.values()):
        (place / str(number)).write_bytes(content)
    paths = [str(number).encode() for number in range(len(contents))]
    formats = [Identification(mime=kind.partition(" ")[0]) for kind in contents]
    return checker.check(place, paths, formats)


@settings(max_examples=25, deadline=None)
@given(changes=CHANGES)
def test_changed_files_get_verdicts_and_kill_nobody(checker, files, changes) -> None:
    place, contents = files
    changed = {}
    for kind, content in contents.items():
        data = bytearray(content)
        for where, octets in changes:
            at = int(where * len(data))
            data[at : at + len(octets)] = octets
        changed[kind] = bytes(data)
    said = checked(checker, place, changed)
    assert not [one.columns() for one in said if one.reason in WORDS]
    told = [text for one in said for text in one.columns()]
    assert all(text.isprintable() for text in told)


@settings(max_examples=15, deadline=None)
@given(share=st.floats(0, 1))
def test_cut_files_get_verdicts_and_kill_nobody(checker, files, share) -> None:
    place, contents = files
    cut = {kind: content[: int(len(content) * share)] for kind, content in contents.items()}
    said = checked(checker, place, cut)
    assert not [one.columns() for one in said if one.reason in WORDS]


@settings(max_examples=15, deadline=None)
@given(rubbish=st.binary(min_size=1, max_size=300))
def test_rubbish_is_nothing_that_ends_or_begins_as_something(checker, files, rubbish) -> None:
    place, contents = files
    # Of rubbish a digit is JSON, and a line of it a table.
    binary = [kind for kind in contents if not kind.startswith("text/") and "json" not in kind]
    said = checked(checker, place, dict.fromkeys(binary, rubbish))
    assert not [one.columns() for one in said if one.validity is Validity.VALID]
