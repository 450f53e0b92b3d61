"""The engine reads every file once, says how each reading ended, and never hangs."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from preservation.errors import MalformedError
from preservation.fixity import crew, helpers, reading
from preservation.fixity.engine import EngineSettings, Measured, Reading, measure
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

pytestmark = pytest.mark.usefixtures("hashing")
BOTH = (Algorithm.SHA256, Algorithm.SHA512)


class Tally(Silence):
    def __init__(self) -> None:
        self.octets, self.calls, self.lock = 0, 0, threading.Lock()

    def advance(self, read_bytes: int) -> None:
        with self.lock:
            self.octets += read_bytes
            self.calls += 1


def run(root: Path, paths: list[bytes], workers: int = 2, **more: object) -> dict[bytes, Measured]:
    settings = EngineSettings(workers=workers, **more)  # type: ignore[arg-type]
    results = list(measure(root, paths, BOTH, settings, Silence()))
    assert len(results) == len(paths)
    return {result.path: result for result in results}


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few KiB count as large, so that every way through the engine is short."""
    monkeypatch.setattr(crew, "LARGE", 4096)
    monkeypatch.setattr(crew, "LARGE_FOR_HELPERS", 4096)
    monkeypatch.setattr(helpers, "BATCH", 3)
    monkeypatch.setattr(reading, "BLOCK", 1000)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("drop_cache", [False, True])
def test_each_file_has_the_digests_that_hashlib_gives(
    tmp_path: Path, small_steps: None, workers: int, drop_cache: bool
) -> None:
    contents = {b"d%d/f%d" % (n % 3, n): os.urandom(n * n * 7) for n in range(40)}
    contents[b"top"] = b""
    for path, data in contents.items():
        place = tmp_path / os.fsdecode(path)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    results = run(tmp_path, list(contents), workers, drop_cache=drop_cache)
    for path, data in contents.items():
        assert results[path].reading is Reading.READ
        assert results[path].octets == len(data)
        assert results[path].digests[Algorithm.SHA256].hex == hashlib.sha256(data).hexdigest()
        assert results[path].digests[Algorithm.SHA512].hex == hashlib.sha512(data).hexdigest()


def test_what_is_no_regular_file_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real/file")
    (tmp_path / "linked-folder").symlink_to("real")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    results = run(
        tmp_path, [b"link", b"linked-folder/file", b"fifo", b"socket", b"real", b"real/file/below"]
    )
    for path, result in results.items():
        assert result.reading is Reading.IRREGULAR, path
        assert result.reason
        assert not result.digests


@pytest.mark.parametrize("path", [b"../x", b"/etc/passwd", b"a/../b", b"", b"a//b", b"nul\0"])
def test_a_path_that_could_leave_the_root_is_not_tried(tmp_path: Path, path: bytes) -> None:
    assert run(tmp_path, [path])[path].reading is Reading.UNCHECKED


def test_what_is_absent_is_missing(tmp_path: Path) -> None:
    results = run(tmp_path, [b"gone", b"no/such/folder", b"n" * 300])
    assert {r.reading for r in results.values()} == {Reading.MISSING}


@pytest.mark.parametrize(
    ("number", "failures", "ends"),
    [
        (errno.EIO, 2, Reading.READ),
        (errno.EIO, 99, Reading.UNREADABLE),
        (errno.EBADMSG, 99, Reading.UNREADABLE),
        (errno.EACCES, 99, Reading.UNCHECKED),
        (errno.ESTALE, 99, Reading.UNCHECKED),
    ],
)
def test_a_failing_medium_is_tried_again_and_then_told_from_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, failures: int, ends: Reading
) -> None:
    (tmp_path / "f").write_bytes(b"payload")
    left, readv = [failures], os.readv

    def failing(fd: int, buffers: list[memoryview]) -> int:
        if left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        return readv(fd, buffers)

    monkeypatch.setattr(os, "readv", failing)
    monkeypatch.setattr(crew, "LARGE", 0)  # as the file were if a first, quick try had failed
    monkeypatch.setattr(reading, "_PAUSE", 0)
    result = run(tmp_path, [b"f"], workers=1)[b"f"]
    assert result.reading is ends
    assert bool(result.digests) is (ends is Reading.READ)
    assert failures - left[0] == (1 if ends is Reading.UNCHECKED else min(failures, 3))


@pytest.mark.usefixtures("in_python")
def test_a_small_file_that_grows_while_it_is_read_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(b"before")
    fstat, grown = os.fstat, b"before and after"

    def then_grow(fd: int) -> os.stat_result:
        status = fstat(fd)
        (tmp_path / "f").write_bytes(grown)
        return status

    monkeypatch.setattr(os, "fstat", then_grow)
    result = run(tmp_path, [b"f"], workers=1)[b"f"]
    assert result.octets == len(b"before and after")
    assert result.digests[Algorithm.SHA256].value == hashlib.sha256(b"before and after").digest()


def test_a_file_that_never_ends_is_given_up(
    tmp_path: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_GROWTH", 100_000)
    (tmp_path / "f").write_bytes(bytes(5000))
    readv = os.readv

    def then_grow(fd: int, buffers: list[memoryview]) -> int:
        with (tmp_path / "f").open("ab") as more:
            more.write(bytes(5000))
        return readv(fd, buffers)

    monkeypatch.setattr(os, "readv", then_grow)
    result = run(tmp_path, [b"f"], workers=1)[b"f"]
    assert (result.reading, result.reason) == (Reading.UNCHECKED, "it grows while it is read")


def test_progress_hears_of_every_octet(tmp_path: Path, small_steps: None) -> None:
    for n in range(20):
        (tmp_path / f"{n}").write_bytes(bytes(n * 500))
    tally = Tally()
    paths = [b"%d" % n for n in range(20)]
    list(measure(tmp_path, paths, BOTH, EngineSettings(), tally))
    assert tally.octets == sum(n * 500 for n in range(20))


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelling_raises_and_never_yields_an_unread_file(tmp_path: Path, workers: int) -> None:
    for n in range(2000):
        (tmp_path / f"{n}").write_bytes(b"x")
    seen: list[Measured] = []
    with pytest.raises(StoppedError):
        seen.extend(
            measure(
                tmp_path,
                (b"%d" % n for n in range(2000)),
                BOTH,
                EngineSettings(workers=workers),
                Silence(),
                cancelled=lambda: True,
            )
        )
    assert not seen


def test_walking_away_from_the_results_stops_the_threads(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    before = threading.active_count()
    endless = measure(tmp_path, iter(lambda: b"f", None), BOTH, EngineSettings(), Silence())
    next(endless)
    endless.close()
    assert threading.active_count() == before


def test_an_engine_without_workers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedError):
        list(measure(tmp_path, [], BOTH, EngineSettings(workers=0), Silence()))


def test_the_engine_works_in_a_forked_child_of_a_process_with_threads(tmp_path: Path) -> None:
    for n in range(600):
        (tmp_path / f"{n}").write_bytes(bytes(n * 400))
    script = textwrap.dedent(
        """
        import os, sys, threading
        from concurrent.futures import ThreadPoolExecutor
        from pathlib import Path
        from preservation.fixity.engine import EngineSettings, Reading, measure
        from preservation.model.digest import Algorithm
        from preservation.model.progress import Silence

        def all_read():
            paths = [b"%d" % n for n in range(600)]
            settings = EngineSettings(workers=3)
            results = measure(Path(sys.argv[1]), paths, [Algorithm.SHA256], settings, Silence())
            return sum(result.reading is Reading.READ for result in results) == 600

        pool = ThreadPoolExecutor(4)
        held = threading.Event()
        waiting = [pool.submit(held.wait) for _ in range(4)]
        assert all_read()
        child = os.fork()
        if child == 0:
            os._exit(0 if all_read() else 1)
        held.set()
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    ended = subprocess.run([sys.executable, "-c", script, tmp_path], timeout=60)
    assert ended.returncode == 0
