"""What a bag was made from comes back: names that no manifest can hold, empty folders, bytes."""

from __future__ import annotations

import os
from pathlib import Path

import bagit
import pytest
from bagmaker import QUIET, SETTINGS, by_hand, everything

from preservation.bags.create import BagPlan, CreateReport, create
from preservation.bags.names import LONGEST, kept_path
from preservation.bags.restore import restore
from preservation.bags.validate import BagReport, validate
from preservation.errors import MalformedError, UsageError
from preservation.files.walk import Kind, walk
from preservation.model.digest import Algorithm

NAMES = [
    b"plain.txt",
    b"caf\xe9.txt",
    b"non-utf8=caf=E9.txt",  # what the one above becomes, if nothing looks out for it
    b"\xe9t\xe9/deep\xff/=.txt",
    b"non-utf8=/inside",
    b"\xe9" * 200,
    "имя %25.txt".encode(),
    b'a, "quoted"\r\n\xff',
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name in NAMES:
        path = os.fsencode(root) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(name * 3)
    for empty in (b"empty", b"a/b/c/empty", b"latin\xe9/empty"):
        os.makedirs(os.fsencode(root) + b"/" + empty)
    return root


def make(source: Path, dest: Path, *, encode: bool = True) -> CreateReport:
    plan = BagPlan((Algorithm.SHA512,), encode_names=encode)
    return create(source, dest, plan, settings=SETTINGS, progress=QUIET)


def back(bag: Path, dest: Path) -> BagReport:
    return restore(bag, dest, settings=SETTINGS, progress=QUIET)


def shape(root: Path) -> dict[bytes, bytes | None]:
    """Every path with its bytes; folders with None."""
    found: dict[bytes, bytes | None] = {}
    for entry in walk(root):
        is_file = entry.kind is Kind.FILE
        found[entry.path] = (
            Path(os.fsdecode(os.fsencode(root) + b"/" + entry.path)).read_bytes()
            if is_file
            else None
        )
    return found


def test_names_and_empty_folders_come_back(source: Path, tmp_path: Path) -> None:
    before = shape(source)
    report = make(source, tmp_path / "bag")
    assert report.created
    assert {finding.code for finding in report.findings} == {"BAG-SOURCE-NAME-ENCODED"}
    assert validate(tmp_path / "bag", settings=SETTINGS, progress=QUIET).findings == ()
    assert back(tmp_path / "bag", tmp_path / "again").valid
    assert shape(tmp_path / "again") == before == shape(source)
    assert sorted(os.listdir(tmp_path)) == ["again", "bag", "source"]


def test_without_leave_to_encode_every_such_name_is_told(source: Path, tmp_path: Path) -> None:
    report = make(source, tmp_path / "bag", encode=False)
    assert not report.created
    assert [finding.code for finding in report.findings] == ["BAG-SOURCE-NAME"] * 4
    assert os.listdir(tmp_path) == ["source"]


def test_the_tables_are_as_they_are_specified(tmp_path: Path) -> None:
    root = tmp_path / "source"
    (root / "empty").mkdir(parents=True, mode=0o755)
    (root / "full").mkdir()
    (root / "full/a").write_bytes(b"x")
    (root / os.fsdecode(b"caf\xe9")).write_bytes(b"x")
    os.utime(root / "empty", ns=(0, 1_500_000_000))
    make(root, tmp_path / "bag")
    assert (tmp_path / "bag/metadata/names.csv").read_bytes() == (
        b"path,original\ndata/non-utf8=caf=E9,data/caf%E9\n"
    )
    assert (tmp_path / "bag/metadata/tree.csv").read_bytes() == (
        b"path,type,bytes,modified,mode,link_target\n"
        b"empty,folder,,1970-01-01T00:00:01.500000000Z,0755,\n"
    )
    bagit.Bag(str(tmp_path / "bag")).validate()


def test_a_bag_that_needs_no_tables_has_none(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_bytes(b"x")
    make(tmp_path / "source", tmp_path / "bag")
    assert sorted(os.listdir(tmp_path / "bag")) == [
        "bag-info.txt",
        "bagit.txt",
        "data",
        "manifest-sha256.txt",
        "manifest-sha512.txt",
        "tagmanifest-sha256.txt",
        "tagmanifest-sha512.txt",
    ]


def test_a_name_is_never_longer_than_a_file_system_holds() -> None:
    for octets in (80, 82, 83, 255):
        name = b"\xe9" * octets
        assert len(kept_path(name)) <= LONGEST
        assert kept_path(name) != kept_path(name[:-1] + b"\xe8")


def test_an_invalid_bag_gives_nothing(tmp_path: Path) -> None:
    bag = by_hand(tmp_path / "bag")
    (bag / "data/hello.txt").write_bytes(b"HELLO")
    before = everything(bag)
    assert not back(bag, tmp_path / "again").valid
    assert os.listdir(tmp_path) == ["bag"]
    assert everything(bag) == before


@pytest.mark.parametrize(
    "rows",
    [
        "data/hello.txt,data/../../out",
        "data/hello.txt,/etc/out",
        "data/absent,data/x",
        "data/hello.txt,data/other.txt",
        "data/hello.txt,data/other.txt/inside",
        "data/hello.txt",
        'data/hello.txt,"',
        b"data/hello.txt,data/\xff",
    ],
)
def test_a_table_that_lies_leads_nowhere(tmp_path: Path, rows: str | bytes) -> None:
    octets = rows.encode() if isinstance(rows, str) else rows
    bag = by_hand(
        tmp_path / "bag",
        {"data/hello.txt": b"hello", "data/other.txt": b"x"},
        files={"metadata/names.csv": b"path,original\n" + octets + b"\n"},
    )
    with pytest.raises(MalformedError):
        back(bag, tmp_path / "again")
    assert os.listdir(tmp_path) == ["bag"]


@pytest.mark.parametrize(
    "place", ["bag", "no/such/folder", "bag/again", "bag/data/again", "bag/bagit.txt/again"]
)
def test_a_destination_that_cannot_be_is_refused(tmp_path: Path, place: str) -> None:
    bag = by_hand(tmp_path / "bag")
    before = everything(bag)
    with pytest.raises(UsageError):
        back(bag, tmp_path / place)
    assert os.listdir(tmp_path) == ["bag"]
    assert everything(bag) == before


def test_what_is_no_regular_file_is_told_and_nothing_is_restored(tmp_path: Path) -> None:
    bag = by_hand(tmp_path / "bag")
    (bag / "data/link").symlink_to("/etc/passwd")
    os.mkfifo(bag / "data/fifo")
    report = back(bag, tmp_path / "again")
    assert [finding.code for finding in report.findings] == ["BAG-FILE-IRREGULAR"] * 2
    assert os.listdir(tmp_path) == ["bag"]


def test_a_bag_of_others_comes_back_whatever_its_tables_are(tmp_path: Path) -> None:
    bag = by_hand(
        tmp_path / "bag",
        files={"metadata/names.csv": "first,last\nUlugh,Beg\n", "metadata/tree.csv": b"\xff\n"},
    )
    (tmp_path / "link").symlink_to(bag)
    assert back(tmp_path / "link", tmp_path / "again").valid
    assert shape(tmp_path / "again") == {b"hello.txt": b"hello"}
