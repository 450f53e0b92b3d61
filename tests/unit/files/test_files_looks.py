"""Many files are looked at in a call as one by one, with the extension and without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from preservation.files import looks as looking
from preservation.files.looks import LOOK, look_of, looks, sizes, unpacked


@pytest.fixture(params=["in C", "in Python"])
def either(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.param == "in Python":
        monkeypatch.setattr(looking, "_in_c", None)
    elif looking._in_c is None:
        assert not os.environ.get("CI"), "no extension was compiled"
        pytest.skip("no extension was compiled")


@pytest.fixture
def folder(tmp_path: Path) -> int:
    for name in ("a", "b\n", "ы"):
        (tmp_path / name).write_bytes(name.encode() * 7)
    (tmp_path / "c").mkdir()
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    os.utime(tmp_path / "a", ns=(0, -1_000_000_001))
    return os.open(tmp_path, os.O_RDONLY)


@pytest.mark.usefixtures("either")
def test_each_regular_file_is_seen_as_lstat_sees_it(folder: int) -> None:
    names = [b"a", b"b\n", "ы".encode()]
    found = looks(folder, names)
    assert list(unpacked(found)) == [look_of(os.stat(name, dir_fd=folder)) for name in names]
    assert sizes(found) == [7, 14, 14]
    assert looks(folder, []) == b""


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("other", [b"c", b"link", b"pipe", b"gone", b"", b"n" * 5000])
def test_what_is_no_regular_file_ends_it(folder: int, other: bytes) -> None:
    assert len(looks(folder, [b"a", other, b"b\n"])) == LOOK.size
    assert looks(folder, [other, b"a"]) == b""


@pytest.mark.usefixtures("either")
def test_a_folder_that_is_closed_has_nothing() -> None:
    assert looks(-1, [b"a"]) == b""


def test_the_extension_takes_octets_alone(folder: int) -> None:
    if looking._in_c is None:
        pytest.skip("no extension was compiled")
    for wrong in ([1], ["a"], 5, [b"a", None]):
        with pytest.raises(TypeError):
            looking._in_c(folder, wrong)  # type: ignore[arg-type]
    assert looking._in_c(folder, [b"a\0b", b"a"]) == b""
    with pytest.raises(TypeError):
        looking._in_c("x", [b"a"])  # type: ignore[arg-type]
