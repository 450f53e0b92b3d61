"""A walk sees everything below its root, and nothing else; nothing there can stop it."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from preservation.files import walk as walking
from preservation.files.remove import remove_tree
from preservation.files.walk import Kind, open_below, walk


def deep(root: Path, levels: int, name: str = "n" * 60) -> bytes:
    """A chain of folders far beyond PATH_MAX, a file at its end; the path of that file."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    with os.fdopen(os.open("end", os.O_CREAT | os.O_WRONLY, dir_fd=here), "wb") as file:
        file.write(b"found")
    os.close(here)
    return b"/".join([name.encode()] * levels + [b"end"])


def test_every_kind_is_seen_and_no_link_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    (tmp_path / os.fsdecode(b"\xff\n")).write_bytes(b"")
    seen = {entry.path: entry for entry in walk(tmp_path)}
    assert {path: entry.kind for path, entry in seen.items()} == {
        b"dangling": Kind.LINK,
        b"fifo": Kind.FIFO,
        b"folder": Kind.FOLDER,
        b"folder/file": Kind.FILE,
        b"link": Kind.LINK,
        b"socket": Kind.SOCKET,
        b"\xff\n": Kind.FILE,
    }
    assert seen[b"link"].link_target == b"/etc"
    assert seen[b"folder/file"].octets == 5
    status = os.stat(tmp_path / "folder" / "file")
    found = seen[b"folder/file"]
    assert (found.ino, found.dev, found.nlink) == (status.st_ino, status.st_dev, 1)
    assert (found.mtime_ns, found.ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)


def test_names_come_in_order_of_bytes_folder_first(tmp_path: Path) -> None:
    for name in ("b", "a.txt", "Z", "é", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_bytes(b"")
    want = [p for n in ("Z", "a", "a.txt", "b", "é") for p in (n.encode(), n.encode() + b"/x")]
    assert [entry.path for entry in walk(tmp_path)] == want


def test_depth_has_no_limit_and_few_descriptors_are_used(tmp_path: Path) -> None:
    end = deep(tmp_path, 1500)
    (tmp_path / "zzz").write_bytes(b"")
    before = len(os.listdir("/proc/self/fd"))
    most, paths = 0, []
    for entry in walk(tmp_path):
        paths.append(entry.path)
        most = max(most, len(os.listdir("/proc/self/fd")) - before)
        assert not entry.error
    assert end in paths
    assert paths[-1] == b"zzz"
    assert most < 80
    root = os.open(tmp_path, os.O_RDONLY)
    with os.fdopen(open_below(root, end, os.O_RDONLY), "rb") as file:
        assert file.read() == b"found"
    os.close(root)
    remove_tree(tmp_path / ("n" * 60))
    assert os.listdir(tmp_path) == ["zzz"]


def test_what_cannot_be_looked_at_is_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "x").write_bytes(b"")
    (tmp_path / "gone").write_bytes(b"")
    real_open, real_stat = os.open, os.stat

    def refusing(path: object, *args: object, **kwargs: object) -> int:
        if path == b"bad":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(path, *args, **kwargs)  # type: ignore[arg-type]

    def vanishing(path: object, **kwargs: object) -> os.stat_result:
        if path == b"gone":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return real_stat(path, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    monkeypatch.setattr(os, "stat", vanishing)
    seen = {entry.path: (entry.kind, entry.error) for entry in walk(tmp_path)}
    assert seen == {
        b"bad": (Kind.UNREADABLE, "EACCES: Permission denied"),
        b"good": (Kind.FOLDER, ""),
        b"good/x": (Kind.FILE, ""),
        b"gone": (Kind.UNREADABLE, "ENOENT: No such file or directory"),
    }


def test_a_root_that_is_missing_or_a_link_is_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(walk(tmp_path / "none"))
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError):
        list(walk(tmp_path / "link"))


def test_a_folder_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    (secret / "inner").mkdir(parents=True)
    (secret / "inner" / "private").write_bytes(b"")
    root = tmp_path / "root"
    (root / "a" / "inner").mkdir(parents=True)
    (root / "b").mkdir()
    seen = []
    for entry in walk(root):
        seen.append(entry)
        if entry.path == b"a":  # it was looked at; what is in it was not yet
            (root / "a" / "inner").rmdir()
            (root / "a" / "inner").symlink_to(secret / "inner")
            (root / "b").rmdir()
            (root / "b").symlink_to(secret)
    assert not any(b"private" in entry.path for entry in seen)
    assert [entry.kind for entry in seen] == [Kind.FOLDER, Kind.LINK, Kind.LINK]


def test_a_deep_folder_moved_away_does_not_lead_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "_OPEN_FOLDERS", 1)
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a" / "b" / "c").mkdir(parents=True)
    (root / "a" / "b" / "d").write_bytes(b"")
    outside.mkdir()
    (outside / "private").write_bytes(b"")
    seen = []
    for entry in walk(root):
        seen.append(entry)
        if entry.path == b"a/b/c":
            (root / "a" / "b" / "c").rename(outside / "c")
            (root / "a" / "b").rename(outside / "b")
    assert [entry.path for entry in seen] == [b"a", b"a/b", b"a/b/c", b"a/b/d"]
    assert seen[-1].kind is Kind.UNREADABLE


@pytest.mark.parametrize("path", [b"", b"/etc/passwd", b"../x", b"a/../b", b"a//b", b"a\0"])
def test_paths_that_could_leave_are_refused(tmp_path: Path, path: bytes) -> None:
    root = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is looked at below
        open_below(root, path, os.O_RDONLY)
    os.close(root)
    assert refused.value.errno == errno.EINVAL


def test_opening_below_follows_no_link_and_never_blocks(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_bytes(b"")
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "last").symlink_to("folder/x")
    os.mkfifo(tmp_path / "fifo")
    root = os.open(tmp_path, os.O_RDONLY)
    for path in (b"link/x", b"last"):
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is looked at below
            open_below(root, path, os.O_RDONLY)
        assert refused.value.errno in (errno.ELOOP, errno.ENOTDIR)
    os.close(open_below(root, b"fifo", os.O_RDONLY))
    os.close(root)


def test_removing_spares_what_links_point_at(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "inner").mkdir(parents=True)
    (kept / "inner" / "x").write_bytes(b"")
    doomed = tmp_path / "doomed"
    (doomed / "a" / "b" / "c").mkdir(parents=True)
    (doomed / "a" / "link").symlink_to(kept)
    (doomed / "link").symlink_to(kept)
    (doomed / ".removed-1").mkdir()
    (doomed / ".removed-1" / "full").write_bytes(b"")
    os.mkfifo(doomed / "a" / "b" / "fifo")
    remove_tree(doomed)
    remove_tree(doomed)
    assert not doomed.exists()
    assert (kept / "inner" / "x").exists()
