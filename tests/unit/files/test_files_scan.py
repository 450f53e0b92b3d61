"""A scan tells what a walk tells, faster and with less of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from preservation.files import scan as scanning
from preservation.files import walk as walking
from preservation.files.scan import Names, scan
from preservation.files.walk import Kind, walk


def tree(root: Path) -> Path:
    for name in ("a/b/c/deep.txt", "a/file", "top", "n\u00fa", "empty/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    (root / "empty/x").unlink()
    (root / "link").symlink_to("/etc/passwd")
    (root / "a/folder").symlink_to("/etc")
    os.mkfifo(root / "a/fifo")
    with open(os.fsencode(root) + b"/not \xff text", "wb"):
        pass
    return root


def told(root: Path) -> tuple[set[bytes], int, dict[bytes, Kind]]:
    files: list[bytes] = []
    octets, others = 0, {}
    for found in scan(root):
        if isinstance(found, Names):
            files += found.paths
            octets += found.octets
        else:
            others[found.path] = found.kind
    assert len(files) == len(set(files))
    return set(files), octets, others


@pytest.mark.parametrize(("lot", "folders"), [(4096, 64), (1, 64), (2, 1)])
def test_a_scan_and_a_walk_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lot: int, folders: int
) -> None:
    monkeypatch.setattr(scanning, "_LOT", lot)
    monkeypatch.setattr(walking, "_OPEN_FOLDERS", folders)
    tree(tmp_path)
    entries = list(walk(tmp_path))
    files = [entry for entry in entries if entry.kind is Kind.FILE]
    others = {entry.path: entry.kind for entry in entries if entry.kind is not Kind.FILE}
    wanted = {entry.path for entry in files}, sum(entry.octets for entry in files), others
    assert told(tmp_path) == wanted


def test_a_folder_that_cannot_be_listed_is_told_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path)
    opened = os.open

    def refusing(path: object, *args: object, **more: object) -> int:
        if path == b"b":
            raise PermissionError(13, "refused")
        return opened(path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    files, _, others = told(tmp_path)
    assert others[b"a/b"] is Kind.UNREADABLE
    assert {b"a/file", b"top"} <= files


def test_folders_deeper_than_any_path_can_be_spelled(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    depth = 600  # pytest cannot remove a thousand
    for _ in range(depth):
        os.mkdir("deep" * 2, dir_fd=fd)
        deeper = os.open("deep" * 2, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    files, _, others = told(tmp_path)
    assert files == {b"deepdeep/" * depth + b"file"}
    assert len(others) == depth
