import errno
import fcntl
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from preservation.files import uncached
from preservation.files.uncached import ROOM, WORTH, Uncached

PAGE = 4096
PIECES = [
    [],
    [1],
    [WORTH - 1],
    [WORTH],
    [WORTH, PAGE - 1],
    [5, WORTH, 1],
    [ROOM],
    [ROOM, 1],
    [ROOM + PAGE + 1],
    [3 * ROOM + 7, 1, 2 * ROOM],
]


def write(path: Path, pieces: Sequence[int]) -> bytes:
    """Write random pieces of so many octets; returns what the file must hold."""
    chance = random.Random(1)
    data = [chance.randbytes(octets) for octets in pieces]
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        file = Uncached(fd, uncached.rooms()[0])
        for each in data:
            file.write(each)
        file.finish()
    finally:
        os.close(fd)
    return b"".join(data)


@pytest.mark.parametrize("pieces", PIECES, ids=str)
def test_a_file_holds_what_was_written(tmp_path: Path, pieces: list[int]) -> None:
    whole = write(tmp_path / "new", pieces)
    assert (tmp_path / "new").read_bytes() == whole


def test_whole_pages_pass_the_cache_and_small_files_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fd = os.open(tmp_path / "can", os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_DIRECT)
    except OSError as error:
        pytest.skip(f"no file passes the page cache here: {error}")
    finally:
        os.close(fd)
    passed: list[tuple[int, bool]] = []
    plain = os.write

    def watched(fd: int, data: bytes) -> int:
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        passed.append((len(data), bool(flags & os.O_DIRECT)))
        return plain(fd, data)

    monkeypatch.setattr(os, "write", watched)
    write(tmp_path / "small", [WORTH - 1])
    write(tmp_path / "large", [ROOM + PAGE + 1])
    assert passed == [(WORTH - 1, False), (ROOM, True), (PAGE, True), (1, False)]


@pytest.mark.parametrize("pieces", PIECES, ids=str)
def test_a_file_system_that_has_no_way_past_its_cache_takes_it_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: list[int]
) -> None:
    def refuse(_fd: int, command: int, _flags: int = 0) -> int:
        if command == fcntl.F_SETFL:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return 0

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    whole = write(tmp_path / "new", pieces)
    assert (tmp_path / "new").read_bytes() == whole


@pytest.mark.parametrize("pieces", PIECES, ids=str)
def test_what_is_written_in_part_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: list[int]
) -> None:
    plain = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: plain(fd, data[: max(1, len(data) * 2 // 3)]))
    whole = write(tmp_path / "new", pieces)
    assert (tmp_path / "new").read_bytes() == whole


def test_a_failing_medium_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_fd: int, _data: bytes) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(OSError, match="Input/output"):
        write(tmp_path / "new", [ROOM])
