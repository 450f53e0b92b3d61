"""Whatever octets names hold: kept apart, bagged, and given back; by us and by bagit-python."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import bagit
from folders import shape
from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.bags.create import BagPlan, create
from preservation.bags.names import LONGEST, MARK, is_utf8, kept_path
from preservation.bags.restore import restore
from preservation.bags.tree import NAMES_COLUMNS, csv_line, names_row, read_names
from preservation.bags.validate import validate
from preservation.files.walk import Kind, walk
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm
from preservation.model.names import escaped, is_safe, unescaped
from preservation.model.progress import Silence

ONE = EngineSettings(workers=1)
QUIET = Silence()

# Octets that encodings and file formats care about, more often than chance gives them.
part = (
    st.lists(
        st.one_of(
            st.sampled_from([MARK, b"=", b"=E9", b"=3D", b"\xe9", b"%", b"%25", b"\r", b"\n"]),
            st.sampled_from([b'"', b",", b" ", b".", b"\xed\xa0\x80", "ı́ñ名".encode(), b"\xff"]),
            st.sampled_from(["\x0c", "\x85", "\u2028", "\u00a0", "e\u0301", "é"]).map(str.encode),
            st.binary(min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=6,
    )
    .map(lambda pieces: b"".join(pieces).replace(b"/", b"").replace(b"\0", b"")[:200])
    .filter(lambda name: name not in (b"", b".", b".."))
)
path = st.lists(part, min_size=1, max_size=3).map(b"/".join).filter(is_safe)


@given(st.lists(path, min_size=2, max_size=8, unique=True))
def test_no_two_paths_are_ever_kept_as_one(paths: list[bytes]) -> None:
    kept = [kept_path(each) for each in paths]
    assert len(set(kept)) == len(paths)
    for before, after in zip(paths, kept, strict=True):
        assert is_utf8(after)
        assert is_safe(after)
        assert before.count(b"/") == after.count(b"/")
        assert all(len(each) <= LONGEST for each in after.split(b"/"))
        if is_utf8(before) and MARK not in before:
            assert after == before


@given(part)
def test_a_name_and_its_own_encoded_form_stay_two(name: bytes) -> None:
    once = kept_path(name)
    if once != name:
        assert kept_path(once) not in (once, name)


@given(st.lists(st.tuples(path, path), max_size=5))
def test_a_table_of_names_reads_back(pairs: list[tuple[bytes, bytes]]) -> None:
    data = csv_line(NAMES_COLUMNS) + b"".join(names_row(*pair) for pair in pairs)
    assert list(read_names(io.StringIO(data.decode(), newline=""))) == pairs


@given(st.binary(max_size=60))
def test_an_escaped_path_is_one_line_of_text_and_reads_back(name: bytes) -> None:
    text = escaped(name)
    assert unescaped(text) == name
    assert "\n" not in text
    assert "\r" not in text
    text.encode()


def grow(root: Path, names: list[bytes], empty: list[bytes]) -> dict[bytes, bytes | None]:
    """Make files and empty folders, as far as they can be made beside each other."""
    for name in names:
        try:
            os.makedirs(os.fsencode(root) + b"/" + os.path.dirname(name), exist_ok=True)
            with open(os.fsencode(root) + b"/" + name, "xb") as file:
                file.write(name[::-1] * 2)
        except OSError:
            continue
    for name in empty:
        try:
            os.makedirs(os.fsencode(root) + b"/" + name)
        except OSError:
            continue
    return shape(root)


@settings(max_examples=50, deadline=None)
@given(st.lists(path, max_size=5), st.lists(path, max_size=2))
def test_a_folder_becomes_a_bag_and_the_same_folder_again(
    names: list[bytes], empty: list[bytes]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        source, bag, again = (Path(place, each) for each in ("source", "bag", "again"))
        source.mkdir()
        before = grow(source, names, empty)
        plan = BagPlan((Algorithm.MD5,), (("Bagging-Date", "2026-11-22"),), encode_names=True)
        assert create(source, bag, plan, settings=ONE, progress=QUIET).created
        report = validate(bag, settings=ONE, progress=QUIET)
        assert report.valid
        assert report.errors == 0
        for packed in (as_tar(bag), as_zip(bag)):
            one_file = validate(packed, settings=ONE, progress=QUIET)
            assert one_file.valid, one_file.findings
            assert (one_file.files, one_file.octets) == (report.files, report.octets)
        assert restore(bag, again, settings=ONE, progress=QUIET).valid
        assert shape(again) == before == shape(source)
        if all(reads_as_we_do(each) for each in shape(bag / "data")):
            bagit.Bag(str(bag)).validate()


def as_tar(bag: Path) -> Path:
    packed = bag.with_suffix(".tar")
    with tarfile.open(packed, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(bag, "bag")
    return packed


def as_zip(bag: Path) -> Path:
    packed = bag.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w") as zip_file:
        for entry in walk(bag):
            name = f"bag/{entry.path.decode()}"
            if entry.kind is Kind.FOLDER:
                zip_file.writestr(f"{name}/", b"")
            else:
                with open(os.fsencode(bag) + b"/" + entry.path, "rb") as file:
                    zip_file.writestr(name, file.read())
    return packed


def reads_as_we_do(name: bytes) -> bool:
    """Whether bagit-python reads the name as the RFC says: decision 0024 has where it does not."""
    text = name.decode()
    odd = {"%", *"\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"}
    return text == text.rstrip() and not odd & set(text)
