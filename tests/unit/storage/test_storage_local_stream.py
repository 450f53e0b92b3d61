"""A tar on a disk comes as it is, in pieces of any size, and fails for good where it fails."""

from __future__ import annotations

import errno
import io
import random
import threading
from pathlib import Path

import pytest

from preservation.fixity.direct import Direct
from preservation.storage import local_stream
from preservation.storage.local_stream import TarStream

BLOCK = 8192
DATA = random.Random(5).randbytes(5 * BLOCK + 300)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_stream, "BLOCK", BLOCK)


def opened(tmp_path: Path, size: int = len(DATA)) -> TarStream:
    path = tmp_path / "tar"
    path.write_bytes(DATA[:size])
    return TarStream(io.FileIO(path))


@pytest.mark.parametrize("size", [0, 1, 512, BLOCK, BLOCK + 1, 2 * BLOCK, len(DATA)])
@pytest.mark.parametrize("step", [1000, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_pieces_are_whole_until_the_end(tmp_path: Path, size: int, step: int) -> None:
    with opened(tmp_path, size) as stream:
        for at in range(0, size, step):
            assert stream.read(step) == DATA[at : min(at + step, size)]
        assert stream.read(1) == b""
        assert stream.read() == b""


def test_all_that_is_left_is_given_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as stream:
        assert stream.read(100) == DATA[:100]
        assert stream.read(0) == b""
        assert stream.read() == DATA[100:]
    with opened(tmp_path) as stream:
        assert io.BufferedReader(stream, 777).read() == DATA


def test_what_was_given_stays_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as stream:
        pieces = list(iter(lambda: stream.read(5000), b""))
    assert b"".join(pieces) == DATA


def test_a_failure_of_the_medium_is_told_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into, turns = Direct.into, []

    def failing(self: Direct, view: memoryview) -> int:
        turns.append(1)
        if len(turns) > 2:
            raise OSError(errno.EIO, "the medium")
        return into(self, view)

    monkeypatch.setattr(Direct, "into", failing)
    with opened(tmp_path) as stream:
        assert stream.read(2 * BLOCK) == DATA[: 2 * BLOCK]
        for _ in range(3):
            with pytest.raises(OSError, match="medium"):
                stream.read(1)


def test_it_goes_past_what_the_medium_does_not_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> int:
        raise OSError(errno.EIO, "the medium")

    monkeypatch.setattr(Direct, "into", failing)
    with opened(tmp_path) as stream:
        with pytest.raises(OSError, match="medium"):
            stream.read(BLOCK)
        assert stream.tell() == 0
        assert stream.seek(0, 2) == len(DATA)
        assert stream.seek(700) == 700
        assert stream.read(100) == DATA[700:800]
        assert stream.tell() == 800
        assert stream.read() == DATA[800:]


def test_its_thread_ends_with_it(tmp_path: Path) -> None:
    before = threading.active_count()
    with opened(tmp_path) as stream:
        stream.read(1)
    assert threading.active_count() == before
    stream.close()
