"""What was noted of a folder is held against it once more at the end, beside other work."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from preservation.bags import notes as lots
from preservation.bags.fenced import SourceChangedError
from preservation.bags.findings import Findings
from preservation.bags.source import SourceNotes
from preservation.errors import NotNowError
from preservation.files import walk


@pytest.fixture(params=[1, 3, 256])
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Some files in folders, of which one is empty; noted by lots of different sizes."""
    monkeypatch.setattr(walk, "RUN", request.param)
    monkeypatch.setattr(lots, "RUN", request.param)
    root = tmp_path / "source"
    for name in ("a/b/deep", "a/b/c/deeper", "a/z", "a-", "top", "名"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    (root / "a" / "empty").mkdir()
    return root


def noted(root: Path) -> SourceNotes:
    notes = SourceNotes(root, Findings(), encode=False)
    for _ in notes.walk():
        pass
    return notes


def test_what_was_left_alone_is_as_it_was(folder: Path) -> None:
    with noted(folder) as notes:
        taken = [path for lot in notes.rest() for path in lot.paths]
        assert taken == list(notes.names())
        assert sorted(taken) == sorted(
            os.fsencode(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
        )
        notes.expect_unchanged()
        notes.look_again()
        notes.expect_unchanged()


def _other_bytes(root: Path) -> None:
    seen = (root / "a/b/deep").stat()
    (root / "a/b/deep").write_bytes(b"x" * seen.st_size)
    os.utime(root / "a/b/deep", ns=(seen.st_atime_ns, seen.st_mtime_ns))


def _another_folder(root: Path) -> None:
    (root / "a/b/c").rename(root.parent / "aside")
    (root / "a/b/c").symlink_to(root.parent / "aside")


def _a_folder_for_a_file(root: Path) -> None:
    (root / "a/z").unlink()
    (root / "a/z").mkdir()


# What was done, and the path that is told.
CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "other bytes": (_other_bytes, "a/b/deep"),
    "times": (lambda root: os.utime(root / "top", ns=(0, 0)), "top"),
    "mode": (lambda root: (root / "a-").chmod(0o600), "a-"),
    "mode of a folder": (lambda root: (root / "a/b").chmod(0o700), "a/b"),
    "gone": (lambda root: (root / "a/z").unlink(), "while it was read"),
    "new": (lambda root: (root / "new").write_bytes(b""), "new"),
    "new folder": (lambda root: (root / "a/empty/new").mkdir(), "while it was read"),
    "renamed": (lambda root: (root / "top").rename(root / "tip"), "tip"),
    "a link for a folder": (_another_folder, "while it was read"),
    "a folder for a file": (_a_folder_for_a_file, "while it was read"),
    "all of it": (lambda root: root.rename(root.parent / "elsewhere"), "looked at"),
    "one came and went": (
        lambda root: ((root / "new").touch(), (root / "new").unlink()),
        "came into the folder",
    ),
}


@pytest.mark.parametrize(("change", "told"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("beside", [True, False])
def test_a_change_is_noticed(
    folder: Path, change: Callable[[Path], object], told: str, beside: bool
) -> None:
    with noted(folder) as notes:
        change(folder)
        if beside:
            notes.look_again()
        with pytest.raises(SourceChangedError, match=told):
            notes.expect_unchanged()


@pytest.mark.timeout(20)
def test_a_second_walk_that_nobody_wants_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with noted(folder) as notes:
        walked = walk.walk_runs

        def endless(root: Path) -> object:
            while True:
                yield from walked(root)

        monkeypatch.setattr("preservation.bags.source.walk_runs", endless)
        monkeypatch.setattr(notes, "_compared", lambda at, _: at)
        notes.look_again()


def test_nothing_is_read_in_the_step_in_which_it_was_noted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with noted(folder) as notes:
        assert notes.ripe() is None
        now = 100.019
        assert notes.ripe() is None
        now = 100.021
        assert notes.ripe() is not None


def test_what_comes_into_an_empty_folder_is_noticed(tmp_path: Path) -> None:
    with noted(tmp_path) as notes:
        (tmp_path / "new").touch()
        with pytest.raises(SourceChangedError, match="new"):
            notes.expect_unchanged()


def test_a_folder_that_goes_or_is_closed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    with pytest.raises(SourceChangedError, match="No such file"):
        SourceNotes(source, Findings(), encode=False)
    source.mkdir()
    notes = SourceNotes(source, Findings(), encode=False)
    source.rmdir()
    with pytest.raises(SourceChangedError, match="No such file"):
        list(notes.walk())

    def refused(root: Path) -> object:
        raise PermissionError(errno.EACCES, "Permission denied", str(root))

    monkeypatch.setattr("preservation.bags.source.walk_runs", refused)
    with pytest.raises(NotNowError, match="not permitted"):
        list(notes.walk())
