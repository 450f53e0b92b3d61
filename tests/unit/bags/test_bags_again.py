"""A folder with many entries is looked at again by a process of its own: as strictly."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from preservation.bags import again, source
from preservation.bags.again import SecondLook
from preservation.bags.fenced import SourceChangedError
from preservation.bags.findings import Findings
from preservation.bags.source import SourceNotes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some files in folders, of which one is empty."""
    monkeypatch.setattr(source, "_MANY", 1)
    root = tmp_path / "source"
    for name in ("a/b/deep", "a/b/c/deeper", "a/z", "a-", "top", "名"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    (root / "a" / "empty").mkdir()
    return root


def noted(root: Path) -> SourceNotes:
    return SourceNotes(root, Findings(), encode=False)


def test_what_was_left_alone_is_walked_only_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with noted(folder) as notes:
        monkeypatch.setattr(source, "walk_files", None)
        notes.look_again()
        notes.expect_unchanged()


def _other_bytes(root: Path) -> None:
    seen = (root / "a/b/deep").stat()
    (root / "a/b/deep").write_bytes(b"x" * seen.st_size)
    os.utime(root / "a/b/deep", ns=(seen.st_atime_ns, seen.st_mtime_ns))


def _another_folder(root: Path) -> None:
    (root / "a/b/c").rename(root.parent / "aside")
    (root / "a/b/c").symlink_to(root.parent / "aside")


CHANGES: dict[str, Callable[[Path], object]] = {
    "other bytes": _other_bytes,
    "times": lambda root: os.utime(root / "top", ns=(0, 0)),
    "mode": lambda root: (root / "a-").chmod(0o600),
    "gone": lambda root: (root / "a/z").unlink(),
    "new": lambda root: (root / "new").write_bytes(b""),
    "new folder": lambda root: (root / "a/empty/new").mkdir(),
    "renamed": lambda root: (root / "top").rename(root / "tip"),
    "a link for a folder": _another_folder,
    "all of it": lambda root: root.rename(root.parent / "elsewhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(folder: Path, change: Callable[[Path], object]) -> None:
    with noted(folder) as notes:
        change(folder)
        notes.look_again()
        with pytest.raises(SourceChangedError):
            notes.expect_unchanged()


@pytest.mark.parametrize("trouble", ["cannot start", "dies at once"])
def test_without_the_process_the_folder_is_walked_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    command = "/no/such/python" if trouble == "cannot start" else "/bin/false"
    monkeypatch.setattr(again.sys, "executable", command)
    with noted(folder) as notes:
        notes.look_again()
        notes.expect_unchanged()
        (folder / "top").touch()
        with pytest.raises(SourceChangedError):
            notes.expect_unchanged()


def test_a_process_that_was_stopped_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[SecondLook] = []

    class Stopped(SecondLook):
        def begin(self) -> None:
            assert self._process is not None
            self._process.send_signal(signal.SIGSTOP)
            started.append(self)
            super().begin()

    monkeypatch.setattr(source, "_PATIENCE", (0.1, 0.0))
    monkeypatch.setattr(source, "SecondLook", Stopped)
    with noted(folder) as notes:
        notes.look_again()
        notes.expect_unchanged()
        (folder / "top").touch()
        with pytest.raises(SourceChangedError):
            notes.expect_unchanged()
    assert started


def test_the_folder_itself_is_looked_at_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One came, and one that the process had looked at went: as many as there were.
    monkeypatch.setattr(SecondLook, "is_the_same", lambda *_: True)
    with noted(folder) as notes:
        notes.look_again()
        notes.expect_unchanged()
        (folder / "new").write_bytes(b"")
        (folder / "top").unlink()
        with pytest.raises(SourceChangedError):
            notes.expect_unchanged()
