"""Archives tell what they hold, say what is odd about it, and stop at limits."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hostile_headers import END, Zipped, one, pax, zip_of

from preservation.errors import NotNowError
from preservation.files.archives.archive import open_archive
from preservation.files.archives.errors import ArchiveChangedError, ArchiveError, ArchiveLimitError
from preservation.files.archives.member import ArchiveLimits, Flag, Member, MemberKind
from preservation.files.archives.packing import Packing, by_content, by_name

NONE = ArchiveLimits()


def tar(at: Path, *pieces: bytes) -> Path:
    at.write_bytes(b"".join(pieces) + END)
    return at


def members(path: Path, limits: ArchiveLimits = NONE) -> list[tuple[Member, bytes]]:
    with open_archive(path, limits) as archive:
        return [(one, b"".join(one.chunks())) for one in archive]


def test_a_member_is_told_as_it_is_stored(tmp_path: Path) -> None:
    path = tar(
        tmp_path / "a.tar",
        one(b"./sub/", b"", b"5"),
        pax({b"mtime": b"1.5", b"path": "sub/é".encode()}) + one(b"x", b"data", mode=b"0000640\0"),
        one(b"l", b"", b"2", target=b"../x"),
        one(b"h", b"", b"1", target=b"sub/x"),
        one(b"f", b"", b"6"),
    )
    (sub, _), (file, content), (link, _), (hard, _), (fifo, _) = members(path)
    assert (sub.path, sub.key, sub.kind) == (b"./sub/", b"sub", MemberKind.FOLDER)
    assert (file.path, content, file.octets) == ("sub/é".encode(), b"data", 4)
    assert (file.mtime_ns, file.mode) == (1_500_000_000, 0o640)
    assert (link.kind, link.target) == (MemberKind.LINK, b"../x")
    assert (hard.kind, hard.target) == (MemberKind.HARD_LINK, b"sub/x")
    assert fifo.kind is MemberKind.FIFO


def test_the_archives_own_digest_comes_with_the_same_read(tmp_path: Path) -> None:
    for path in (tar(tmp_path / "a.tar", one(b"x")), zip_of(tmp_path / "a", Zipped(b"x"))):
        with open_archive(path, NONE) as archive:
            for _ in archive:
                pass
            assert archive.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_is_had_after_an_error_too(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", one(b"x"), b"\1" * 2048)
    with open_archive(path, NONE) as archive:
        with pytest.raises(ArchiveError):
            list(archive)
        assert archive.finish() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        (b"../x", Flag.ESCAPES),
        (b"/x", Flag.ESCAPES),
        (b"a/../x", Flag.ESCAPES),
        (b"", Flag.ESCAPES),
        (b"a/b/c", Flag.TOO_DEEP),
        (b"0123456789", Flag.TOO_LONG),
    ],
)
def test_what_is_odd_about_a_path_is_a_flag(tmp_path: Path, name: bytes, flag: Flag) -> None:
    limits = ArchiveLimits(path_octets=9, depth=2)
    ((member, _),) = members(tar(tmp_path / "a.tar", one(name)), limits)
    assert flag in member.flags


def test_a_path_twice_is_flagged_the_second_time_and_a_folder_is_not(tmp_path: Path) -> None:
    folder, file = one(b"d/", b"", b"5"), one(b"./d/x")
    found = members(tar(tmp_path / "a.tar", folder, folder, file, one(b"d/x"), one(b"d")))
    assert [Flag.DUPLICATE in member.flags for member, _ in found] == [
        *(False, False, False),
        *(True, True),
    ]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"members": 2}, "ARC-MEMBERS"),
        ({"octets": 5}, "ARC-OCTETS"),
        ({"member_octets": 2}, "ARC-MEMBER-OCTETS"),
    ],
)
@pytest.mark.parametrize("form", ["tar", "zip"])
def test_limits_are_met_while_reading(
    tmp_path: Path, form: str, limits: Mapping[str, int], code: str
) -> None:
    if form == "tar":
        path = tar(tmp_path / "a.tar", one(b"a"), one(b"b"), one(b"c"))
    else:
        path = zip_of(tmp_path / "a", Zipped(b"b"), Zipped(b"c"))
    with pytest.raises(ArchiveLimitError) as raised:
        members(path, ArchiveLimits(**limits))
    assert raised.value.code == code


def test_a_ratio_is_met_before_a_bomb_is_unpacked(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a", *(Zipped(b"z%d" % n, bytes(10 << 20)) for n in range(8)))
    seen: list[int] = []
    few = ArchiveLimits(ratio=10)
    with pytest.raises(ArchiveLimitError) as raised, open_archive(path, few) as archive:
        seen.extend(member.octets for member in archive)
    assert (raised.value.code, sum(seen) <= 64 << 20) == ("ARC-RATIO", True)


def test_a_file_that_is_written_to_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", one(b"x", bytes(1 << 20)), one(b"y"))
    with open_archive(path, NONE) as archive:
        rest = iter(archive)
        next(rest)
        os.utime(path, ns=(0, 0))
        with pytest.raises(ArchiveChangedError):
            list(rest)


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)]
)
def test_what_is_no_regular_file_is_not_opened(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "a.tar")
    with pytest.raises(ArchiveChangedError):
        open_archive(tmp_path / "a.tar", NONE)


def test_a_failing_medium_is_no_verdict_on_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tar(tmp_path / "a.tar", one(b"x"))

    def broken(*_: object) -> int:
        raise OSError(5, "Input/output error")

    with open_archive(path, NONE) as archive:
        monkeypatch.setattr(os, "preadv", broken)
        with pytest.raises(NotNowError) as raised:
            list(archive)
    assert raised.value.code == "ARC-READ"


def test_contents_that_nobody_asks_for_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for number in range(3):
            info = tarfile.TarInfo(f"big{number}")
            info.size = 32 << 20
            archive.addfile(info, io.BytesIO(bytes(32 << 20)))
    read = 0
    preadv = os.preadv

    def counted(fd: int, buffers: list[memoryview], offset: int) -> int:
        nonlocal read
        got = preadv(fd, buffers, offset)
        read += got
        return got

    monkeypatch.setattr(os, "preadv", counted)
    with open_archive(path, NONE, headers_only=True) as opened:
        assert [member.octets for member in opened] == [32 << 20] * 3
        assert opened.sha256 == ""
    assert read < 4 << 20


def test_a_cut_content_is_noticed_by_headers_alone(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", one(b"x", bytes(4 << 20)))
    path.write_bytes(path.read_bytes()[: 3 << 20])
    with pytest.raises(ArchiveError) as raised, open_archive(path, NONE, headers_only=True) as cut:
        list(cut)
    assert raised.value.code == "ARC-TRUNCATED"


def test_names_keep_their_octets_and_their_encoding_is_told(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a", Zipped(b"caf\x82"), Zipped("é".encode(), bits=0x800))
    found = [(member.path, member.encoding) for member, _ in members(path)]
    assert found[1:] == [(b"caf\x82", "cp437"), ("é".encode(), "utf-8")]


def test_an_unreadable_member_does_not_hide_the_others(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a", Zipped(b"x", bits=1), Zipped(b"y", method=97), Zipped(b"z"))
    with open_archive(path, NONE) as archive:
        flags = {member.path: member.flags for member in archive}
    assert (Flag.ENCRYPTED in flags[b"x"], Flag.METHOD in flags[b"y"]) == (True, True)
    assert flags[b"z"] == set()
    with pytest.raises(ArchiveError) as raised:
        members(path)
    assert (raised.value.code, raised.value.path) == ("ARC-ENCRYPTED", b"x")


def test_kinds_are_known_by_their_content(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    assert by_content((tmp_path / "a.zip").read_bytes()) is Packing.ZIP
    assert by_content(one(b"x") + END) is Packing.TAR
    assert by_content(b"year,count\n" * 200) is None
    assert by_content(b"") is None
    assert (by_name("a.TAR.Zst"), by_name("a.tgz"), by_name("a.csv")) == (
        Packing.TAR_ZST,
        Packing.TAR_GZ,
        None,
    )
