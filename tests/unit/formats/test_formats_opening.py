"""Files are opened below their root and nowhere else, whether the kernel helps or not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from preservation.formats import opening
from preservation.formats.opening import Folders

_NO_CALL = 0x7FFF


@pytest.fixture(params=["one call", "step by step"])
def root(request, tmp_path: Path, monkeypatch) -> Path:
    if request.param == "step by step":
        monkeypatch.setattr(opening, "_OPENAT2", _NO_CALL)
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    (root / "link").symlink_to("a/b/file")
    (root / "folder").symlink_to("a")
    (root / "out").symlink_to("../secret")
    os.mkfifo(root / "pipe")
    return root


def test_a_file_below_the_root_is_opened(root):
    with Folders() as folders:
        fd, octets = folders.open(bytes(root), b"a/b/file")
        assert (os.read(fd, 99), octets) == (b"inside", 6)
        os.close(fd)


_REFUSED = (
    "link folder/b/file out pipe a ../secret a/../a/b/file /etc/passwd a/b/file\0x none a//b/file"
)


@pytest.mark.parametrize("path", ["", *_REFUSED.split(" ")])
def test_nothing_else_is(root, path: str):
    before = len(os.listdir("/proc/self/fd"))
    with Folders() as folders, pytest.raises(OSError):  # noqa: PT011 - of many kinds
        folders.open(bytes(root), path.encode())
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_path_that_is_too_long_for_one_call_is_opened(root):
    deep = root
    at = os.open(deep, os.O_DIRECTORY)
    for _ in range(40):
        os.mkdir(b"n" * 200, dir_fd=at)
        inner = os.open(b"n" * 200, os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(os.open(b"file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    with Folders() as folders:
        fd, octets = folders.open(bytes(root), b"/".join([b"n" * 200] * 40 + [b"file"]))
        assert octets == 0
        os.close(fd)
