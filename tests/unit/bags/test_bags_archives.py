"""Bags in archives: what an archive adds to what can be wrong, and what it must not hide."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archives_of import FORMS, PACKERS, packed
from bagmaker import QUIET, SETTINGS, by_hand

from preservation.bags.validate import BagReport, Mode, validate
from preservation.errors import NotNowError, UsageError

HELLO = {"data/hello.txt": b"hello"}


def check(path: Path, mode: Mode = Mode.FULL) -> BagReport:
    return validate(path, mode=mode, settings=SETTINGS, progress=QUIET)


def codes(report: BagReport) -> set[str]:
    return {finding.code for finding in report.findings}


def tar(path: Path, *members: tuple[str, bytes | tarfile.TarInfo]) -> Path:
    """A plain tar of those members, whatever they are called."""
    with tarfile.open(path, "w") as archive:
        for name, what in members:
            if isinstance(what, tarfile.TarInfo):
                what.name = name
                archive.addfile(what)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(what)
                archive.addfile(info, io.BytesIO(what))
    return path


def files_of(folder: Path, top: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield top + str(path.relative_to(folder)), path.read_bytes()


def of_type(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


@pytest.fixture
def members(tmp_path: Path) -> list[tuple[str, bytes]]:
    """The files of a good bag."""
    return list(files_of(by_hand(tmp_path / "made", HELLO), "bag/"))


@pytest.mark.parametrize("form", FORMS)
def test_damage_in_an_archive_is_found(tmp_path: Path, form: str) -> None:
    folder = by_hand(tmp_path / "bag", HELLO)
    (folder / "data/hello.txt").write_bytes(b"hellO")
    report = check(packed(folder, form))
    assert codes(report) == {"BAG-FILE-DIFFERS"}
    assert report.octets_read == 5
    assert check(tmp_path / f"bag.{form}", Mode.COMPLETENESS).valid


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_a_truncated_archive_is_one_finding_and_nothing_is_called_missing(
    tmp_path: Path, form: str, keep: float
) -> None:
    folder = by_hand(tmp_path / "bag", {f"data/{n}": os.urandom(3000) for n in range(20)})
    path = packed(folder, form)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    report = check(path)
    assert not report.valid
    assert not report.fixity_checked
    assert not check(path, Mode.COMPLETENESS).valid
    assert codes(report) <= {"BAG-ARCHIVE-DAMAGED", "BAG-FILE-UNREADABLE", "BAG-TAG-UNREADABLE"}


@pytest.mark.parametrize("form", sorted(set(PACKERS) - {"tar"}))
@pytest.mark.parametrize("algorithms", [["md5"], ["sha1", "sha384"], ["sha256", "blake2b512"]])
def test_manifests_that_come_last_and_want_unlikely_digests(
    tmp_path: Path, form: str, algorithms: list[str]
) -> None:
    folder = by_hand(tmp_path / "bag", HELLO, files={"manifest-sha512.txt": None})
    for algorithm in algorithms:
        digest = _digest(algorithm, b"hello")
        (folder / f"manifest-{algorithm}.txt").write_text(f"{digest}  data/hello.txt\n")
    path = packed(folder, form, order=lambda name: not name.startswith("data"))
    report = check(path)
    assert report.valid, report.findings
    assert report.fixity_checked
    assert {each.value for each in report.algorithms} == set(algorithms)
    (folder / f"manifest-{algorithms[0]}.txt").write_text(
        f"{_digest(algorithms[0], b'x')}  data/hello.txt\n"
    )
    assert not check(packed(folder, form)).valid


def _digest(algorithm: str, data: bytes) -> str:
    return hashlib.new({"blake2b512": "blake2b"}.get(algorithm, algorithm), data).hexdigest()


def beside(members: list, path: Path) -> Path:
    return tar(path, *members, ("__MACOSX/._bag", b"x"))


def from_within(members: list, path: Path) -> Path:
    return tar(path, *((name.removeprefix("bag/"), data) for name, data in members))


def twice(members: list, path: Path) -> Path:
    return tar(path, *members, members[0])


def escaping(members: list, path: Path) -> Path:
    return tar(path, *members, ("../../tmp/escaped", b"x"))


def with_a(kind: bytes, target: str = "") -> Callable[[list, Path], Path]:
    return lambda members, path: tar(path, *members, ("bag/data/odd", of_type(kind, target)))


def file_and_folder(members: list, path: Path) -> Path:
    return tar(path, *members, ("bag/data/hello.txt/inner", b"x"))


def trailing(members: list, path: Path) -> Path:
    tar(path, *members)
    path.write_bytes(path.read_bytes() + b"more")
    return path


def two_names(members: list, path: Path) -> Path:
    """A zip whose local header says another name than its directory."""
    target = path.with_name("bag.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    data = target.read_bytes()
    target.write_bytes(data.replace(b"bag/data/hello.txt", b"bag/data/jello.txt", 1))
    return target


def encrypted(members: list, path: Path) -> Path:
    """A zip whose payload member is flagged as encrypted in both headers."""
    target = path.with_name("bag.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    data = bytearray(target.read_bytes())
    for magic, offset, name_at in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        at = data.find(magic)
        while at >= 0:
            if data[at + name_at :].startswith(b"bag/data/hello.txt"):
                data[at + offset] |= 1
            at = data.find(magic, at + 4)
    target.write_bytes(data)
    return target


HOSTILE = {
    "BAG-ARCHIVE-TOP": [beside, from_within],
    "BAG-MEMBER-TWICE": [twice, file_and_folder],
    "BAG-PATH-UNSAFE": [escaping],
    "BAG-FILE-IRREGULAR": [
        with_a(tarfile.SYMTYPE, "/etc/passwd"),
        with_a(tarfile.FIFOTYPE),
        with_a(tarfile.CHRTYPE),
        with_a(tarfile.LNKTYPE, "bag/data/nothing"),
        with_a(tarfile.LNKTYPE, "../../etc/passwd"),
    ],
    "BAG-ARCHIVE-AMBIGUOUS": [trailing],
    "BAG-MEMBER-AMBIGUOUS": [two_names],
    "BAG-FILE-UNREADABLE": [encrypted],
}
ALSO = {
    "BAG-MEMBER-TWICE": {"BAG-FILE-UNLISTED"},
    "BAG-PATH-UNSAFE": {"BAG-ARCHIVE-TOP"},
    "BAG-MEMBER-AMBIGUOUS": {"BAG-FILE-UNREADABLE"},
}


@pytest.mark.parametrize(
    ("code", "make"), [(code, make) for code, makes in HOSTILE.items() for make in makes]
)
def test_what_is_wrong_with_an_archive_is_told(
    tmp_path: Path,
    members: list[tuple[str, bytes]],
    code: str,
    make: Callable[[list, Path], Path],
) -> None:
    report = check(make(members, tmp_path / "bag.tar"))
    assert code in codes(report)
    assert codes(report) <= {code} | ALSO.get(code, set())
    assert not report.valid
    assert all(finding.message.isprintable() for finding in report.findings)


def test_hard_links_are_the_files_that_they_lead_to(tmp_path: Path) -> None:
    folder = by_hand(tmp_path / "bag", {"data/a": b"x", "data/b": b"x", "data/c": b"x"})
    for name in ("a", "c"):  # one comes before, one after what it leads to
        (folder / "data" / name).unlink()
        (folder / "data" / name).hardlink_to(folder / "data/b")
    for form in PACKERS:
        report = check(packed(folder, form))
        assert report.findings == ()
        assert (report.files, report.octets) == (3, 3)
        assert report.fixity_checked


def test_names_of_archives_are_held_against_the_drafts(tmp_path: Path) -> None:
    good = packed(by_hand(tmp_path / "bag", HELLO), "tar.gz")
    assert check(good.rename(tmp_path / "bag.tgz")).findings == ()
    for name, code, valid in (
        ("other.tgz", "BAG-ARCHIVE-NAME", True),
        ("bag.zip", "BAG-ARCHIVE-EXTENSION", True),
        ("bag", "BAG-ARCHIVE-EXTENSION", True),
    ):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        path = tmp_path / "elsewhere" / name
        path.write_bytes((tmp_path / "bag.tgz").read_bytes())
        report = check(path)
        assert (codes(report), report.valid) == ({code}, valid)
    old = packed(by_hand(tmp_path / "old", HELLO, version="0.97"), "tar")
    assert check(old).valid
    assert not check(old.rename(tmp_path / "old.zip")).valid  # a MUST of the drafts


def test_what_is_no_archive_is_refused_and_what_claims_to_be_one_is_invalid(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes.txt").write_text("no bag at all")
    with pytest.raises(UsageError):
        check(tmp_path / "notes.txt")
    for name, data in (
        ("a.tar", b""),
        ("b.zip", b"PK\3\4"),
        ("c.tar.gz", gzip.compress(b"no tar")),
    ):
        (tmp_path / name).write_bytes(data)
        report = check(tmp_path / name)
        assert "BAG-ARCHIVE-DAMAGED" in codes(report)
        assert not report.valid


def test_what_cannot_be_opened_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "fifo.tar")
    for name in ("circle", "fifo.tar", "nothing", "x" * 300):
        with pytest.raises(UsageError, match="no folder can be opened"):
            check(tmp_path / name)


def test_an_empty_archive_holds_no_bag(tmp_path: Path) -> None:
    report = check(tar(tmp_path / "bag.tar"))
    assert {"BAG-ARCHIVE-TOP", "BAG-DECLARATION-MISSING"} <= codes(report)


def test_a_bomb_is_given_up_in_time(tmp_path: Path) -> None:
    info = tarfile.TarInfo("bag/data/zeros")
    info.size = 100 << 30
    path = tmp_path / "bag.tar.gz"
    with gzip.open(path, "wb", compresslevel=9) as out:
        out.write(info.tobuf())
        for _ in range(70):
            out.write(bytes(1 << 20))
    report = check(path)
    assert "BAG-ARCHIVE-LIMIT" in codes(report)


def test_an_archive_that_changes_meanwhile_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(by_hand(tmp_path / "bag", HELLO), "tar")
    read = os.preadv

    def writing(*args: object) -> int:
        os.utime(path, ns=(1, os.stat(path).st_mtime_ns + 1))
        return read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "preadv", writing)
    with pytest.raises(NotNowError, match="changed"):
        check(path)


def test_nothing_is_said_of_files_whose_manifest_could_not_be_read(tmp_path: Path) -> None:
    folder = by_hand(tmp_path / "bag", HELLO, files={"bag-info.txt": "A: b\n"})
    path = packed(folder, "zip")
    data = bytearray(path.read_bytes())
    for name in (b"bag/bagit.txt", b"bag/manifest-sha512.txt"):
        at = data.find(name)
        data[at + len(name)] ^= 0xFF  # of its content: neither deflate nor its checksum holds
    path.write_bytes(data)
    report = check(path)
    assert codes(report) == {"BAG-TAG-UNREADABLE"}
    assert not report.fixity_checked


def test_a_zip_followed_by_something_is_one_finding(tmp_path: Path) -> None:
    path = packed(by_hand(tmp_path / "bag", HELLO), "zip")
    path.write_bytes(path.read_bytes() + b"junk")
    report = check(path)
    assert codes(report) == {"BAG-ARCHIVE-AMBIGUOUS"}
    assert not report.fixity_checked


def test_what_is_advised_is_about_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "bag.tar"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(1000))
    [finding] = check(path).findings
    assert "a 7-Zip archive" in finding.message
    assert "Archives are tar, tar.gz, tar.bz2, tar.xz, tar.zst and zip." in finding.message
