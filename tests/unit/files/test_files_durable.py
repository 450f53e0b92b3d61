"""A file is there whole or not at all, and nothing is overwritten by accident."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from killing import each_kill

from preservation.errors import NoSpaceError, NotNowError
from preservation.files import durable


@pytest.fixture(params=["nameless", "no O_TMPFILE", "no links either"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three kinds of file system: what they lack is refused as the kernel would."""
    real_open, real_link = os.open, os.link

    def no_tmpfile(path: object, flags: int, *args: object, **kwargs: object) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no O_TMPFILE here")
        return real_open(path, flags, *args, **kwargs)  # type: ignore[arg-type]

    def no_link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if request.param != "nameless":
        monkeypatch.setattr(os, "open", no_tmpfile)
    monkeypatch.setattr(os, "link", no_link if "either" in request.param else real_link)
    return str(request.param)


def test_a_new_file_has_its_octets_and_its_mode(tmp_path: Path, file_system: str) -> None:
    old = os.umask(0o077)
    try:
        durable.write_new(tmp_path / "new", [b"a", b"", b"b" * (3 << 20)], 0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "new").read_bytes() == b"a" + b"b" * (3 << 20)
    assert (tmp_path / "new").stat().st_mode & 0o7777 == 0o644
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("taken", ["file", "folder", "broken link"])
def test_a_taken_name_is_refused(tmp_path: Path, file_system: str, taken: str) -> None:
    name = tmp_path / "name"
    if taken == "file":
        name.write_bytes(b"first")
    elif taken == "folder":
        name.mkdir()
    else:
        name.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        durable.write_new(name, b"second")
    assert os.listdir(tmp_path) == ["name"]
    assert not name.is_file() or name.read_bytes() == b"first"


def test_replacing_leaves_one_file(tmp_path: Path, file_system: str) -> None:
    for data in (b"first", b"second"):
        durable.replace(os.fsencode(tmp_path / "name"), data)
        assert (tmp_path / "name").read_bytes() == data
    assert os.listdir(tmp_path) == ["name"]


def test_a_source_that_fails_leaves_nothing(tmp_path: Path, file_system: str) -> None:
    def chunks() -> object:
        yield b"half"
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        durable.write_new(tmp_path / "name", chunks())  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    durable.write_new(tmp_path / "name", bytes(range(256)))
    assert (tmp_path / "name").read_bytes() == bytes(range(256))


@pytest.mark.parametrize("act", [durable.write_new, durable.replace])
def test_a_killed_write_leaves_the_whole_file_or_the_former_state(
    tmp_path: Path, act: Callable[[Path, bytes], None]
) -> None:
    name = tmp_path / "name"

    def prepare() -> Callable[[], None]:
        name.unlink(missing_ok=True)
        if act is durable.replace:
            name.write_bytes(b"former")
        return lambda: act(name, b"new" * 1000)

    former = None if act is durable.write_new else b"former"
    seen = [name.read_bytes() if name.exists() else None for _ in each_kill(prepare)]
    assert set(seen) == {former, b"new" * 1000}
    assert seen[-1] == b"new" * 1000
    assert all(left == "name" or left.startswith(".tmp-") for left in os.listdir(tmp_path))


def test_an_exclusive_rename_never_replaces_even_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(FileExistsError):
        durable.rename_exclusive(tmp_path / "a", tmp_path / "b")
    durable.rename_exclusive(tmp_path / "a", tmp_path / "c")
    assert sorted(os.listdir(tmp_path)) == ["b", "c"]


def test_two_names_change_places(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").mkdir()
    durable.exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").is_dir()
    assert (tmp_path / "b").read_bytes() == b"a"
    with pytest.raises(FileNotFoundError):
        durable.exchange(tmp_path / "a", tmp_path / "none")


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, NoSpaceError, "SAM-NO-SPACE"),
        (errno.EDQUOT, NoSpaceError, "SAM-NO-SPACE"),
        (errno.EFBIG, NoSpaceError, "SAM-NO-SPACE"),
        (errno.EROFS, NotNowError, "FS-READ-ONLY"),
        (errno.EACCES, NotNowError, "FS-DENIED"),
    ],
)
def test_what_a_person_can_mend_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[NotNowError],
    code: str,
) -> None:
    def fails(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", fails)
    with pytest.raises(kind) as told:
        durable.write_new(tmp_path / "name", b"x")
    assert told.value.code == code
    assert told.value.hint
    assert os.listdir(tmp_path) == []


def test_other_failures_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        durable.write_new(tmp_path / "nowhere" / "name", b"x")
    with pytest.raises(NotADirectoryError):
        durable.sync_tree(__file__)


def test_names_may_be_any_bytes(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"\xff\n")
    durable.write_new(path, b"x")
    durable.rename_exclusive(path, path + b"2")
    assert os.listdir(os.fsencode(tmp_path)) == [b"\xff\n2"]
