"""Helper processes change how fast files are read, never what comes out."""

from __future__ import annotations

import itertools
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from preservation.fixity import crew, helpers, lanes, reading
from preservation.fixity.engine import EngineSettings, Measured, Reading, measure
from preservation.fixity.helper_main import Taken
from preservation.fixity.helpers import Helper
from preservation.fixity.multihash import MultiHash
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

pytestmark = pytest.mark.usefixtures("hashing")


@pytest.fixture
def few_are_enough(in_python: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start helpers for a handful of files, as without a compiler."""
    monkeypatch.setattr(helpers, "ENOUGH", 4)
    monkeypatch.setattr(helpers, "BATCH", 5)
    monkeypatch.setattr(crew, "LARGE", 4096)
    monkeypatch.setattr(crew, "LARGE_FOR_HELPERS", 4096)


def everything(
    root: Path, paths: list[bytes], workers: int = 2, *, listed: bool = False
) -> list[Measured]:
    settings = EngineSettings(workers=workers, listed=listed)
    results = measure(root, paths, tuple(Algorithm), settings, Silence())
    return sorted(results, key=lambda result: result.path)


def test_helpers_say_what_one_thread_says(tmp_path: Path, few_are_enough: None) -> None:
    for number in range(40):
        place = tmp_path / f"d{number % 3}" / "inner"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"f{number}").write_bytes(os.urandom(number * 200))
    (tmp_path / "top").write_bytes(b"")
    (tmp_path / "link").symlink_to("top")
    (tmp_path / "linked").symlink_to("d0")
    (tmp_path / "d1" / "line\nbreak").write_bytes(b"a name like any other")
    os.mkfifo(tmp_path / "fifo")
    paths = [b"d%d/inner/f%d" % (number % 3, number) for number in range(40)]
    paths += [b"top", b"link", b"linked/inner/f0", b"fifo", b"d1/line\nbreak", b"d2", b"gone"]
    paths += [b"../outside", b"d0//inner", b"nul\0", b"top/below"]
    alone = everything(tmp_path, paths, workers=1)
    assert everything(tmp_path, paths) == alone
    # What took the place of a file since it was listed is told as what it is.
    assert everything(tmp_path, paths, listed=True) == alone
    assert everything(tmp_path, paths, workers=1, listed=True) == alone


@pytest.mark.parametrize("workers", [1, 2])
def test_a_device_in_the_place_of_a_listed_file_is_none(few_are_enough: None, workers: int) -> None:
    devices = [b"null", b"zero", b"full", b"random", b"urandom"]
    results = everything(Path("/dev"), devices, workers, listed=True)
    assert {result.reading for result in results} == {Reading.IRREGULAR}


def test_helpers_are_used_for_many_files(
    tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [b"%d" % number for number in range(30)]
    for path in paths:
        (tmp_path / os.fsdecode(path)).write_bytes(path)
    taken: list[int] = []
    hear = Helper.hear

    def noting(self: Helper) -> Taken:
        octets, columns = hear(self)
        taken.extend(octets)
        return octets, columns

    monkeypatch.setattr(Helper, "hear", noting)
    everything(tmp_path, paths)
    assert sorted(taken) == sorted(len(path) for path in paths)


def test_asker_and_helper_never_wait_for_each_other_however_little_their_pipes_hold(
    tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "_PIPE", 4096)
    monkeypatch.setattr(helpers, "BATCH", 150)
    paths = [b"%0100d" % number for number in range(900)]
    for path in paths:
        (tmp_path / os.fsdecode(path)).write_bytes(path)
    assert {result.reading for result in everything(tmp_path, paths)} == {Reading.READ}


@pytest.mark.parametrize("trouble", ["cannot start", "dies at once"])
def test_without_helpers_all_is_read_just_the_same(
    tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    command = "/no/such/python" if trouble == "cannot start" else "/bin/false"
    monkeypatch.setattr(helpers.sys, "executable", command)
    paths = [b"%d" % number for number in range(30)]
    for path in paths:
        (tmp_path / os.fsdecode(path)).write_bytes(path)
    assert {result.reading for result in everything(tmp_path, paths)} == {Reading.READ}


def test_cancelling_ends_the_helpers(tmp_path: Path, few_are_enough: None) -> None:
    paths = [b"%d" % number for number in range(100)]
    for path in paths:
        (tmp_path / os.fsdecode(path)).write_bytes(path)
    results = measure(
        tmp_path, paths, [Algorithm.MD5], EngineSettings(), Silence(), cancelled=lambda: True
    )
    with pytest.raises(StoppedError):
        list(results)
    assert not _children()


def test_walking_away_ends_the_helpers(tmp_path: Path, few_are_enough: None) -> None:
    (tmp_path / "f").write_bytes(b"x")
    endless = iter(lambda: b"f", None)
    results = measure(tmp_path, endless, [Algorithm.MD5], EngineSettings(), Silence())
    next(results)
    results.close()
    assert not _children()


def test_helpers_end_with_a_killed_asker(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from preservation.fixity.helpers import Helper\n"
        "held = [Helper(os.open(sys.argv[1], os.O_RDONLY), 100) for _ in range(2)]\n"
        "print(*(each.process.pid for each in held), flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout
        helpers_of_it = [int(pid) for pid in asker.stdout.readline().split()]
        pipes = [os.pidfd_open(pid) for pid in helpers_of_it]
        asker.kill()
    for pipe in pipes:
        assert select.select([pipe], [], [], 30)[0], "a helper goes on"
        os.close(pipe)


def test_lanes_give_the_digests_of_one_thread() -> None:
    blocks = [os.urandom(5000) for _ in range(50)]
    plain = MultiHash(Algorithm)
    with lanes.Lanes(Algorithm) as apart:
        for block in blocks:
            plain.update(block)
            apart.update(block)
        assert (apart.digests(), apart.octets) == (plain.digests(), plain.octets)


class _Slow:
    """A digest that is always the last to be done."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def update(self, data: Any) -> None:
        time.sleep(0.002)
        self._state.update(data)


def test_a_slow_lane_sees_every_block_before_its_buffer_is_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = [os.urandom(1000) for _ in range(20)]
    ring = itertools.cycle(lanes.buffers(1000))
    lane = lanes.Beside
    monkeypatch.setattr(lanes, "Beside", lambda state: lane(_Slow(state)))
    with lanes.Lanes([Algorithm.SHA256, Algorithm.SHA512]) as apart:
        for block, buffer in zip(blocks, ring, strict=False):
            buffer[:] = block
            apart.update(buffer)
        assert apart.digests() == MultiHash(apart.digests(), b"".join(blocks)).digests()


def test_the_last_huge_file_is_read_in_lanes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "LARGE", 4096)
    monkeypatch.setattr(crew, "LARGE_FOR_HELPERS", 4096)
    monkeypatch.setattr(reading, "WORTH", 4096)
    monkeypatch.setattr(reading, "BLOCK", 1000)
    (tmp_path / "huge").write_bytes(os.urandom(123_456))
    used: list[bool] = []

    class Noting(lanes.Lanes):
        def _catch_up(self) -> None:
            used.append(bool(self._behind))
            super()._catch_up()

    monkeypatch.setattr(reading, "Lanes", Noting)
    alone = everything(tmp_path, [b"huge"], workers=1)
    assert not any(used)
    assert everything(tmp_path, [b"huge"]) == alone
    assert any(used)


def _children() -> list[str]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in listed if "helper_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_helper_inherits_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESERVATION_CREDENTIAL_DEEP_SECRET", "s3cret")
    root = os.open(tmp_path, os.O_RDONLY)
    with Helper(root, 100) as helper:
        assert helper.process is not None
        helper.ask(["sha256"], [b"absent"])
        assert helper.hear() == ([-1], [b""])
        inherited = Path(f"/proc/{helper.process.pid}/environ").read_bytes()
    os.close(root)
    assert b"s3cret" not in inherited


@pytest.mark.usefixtures("interruptible")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("threads", [False, True])
def test_ctrl_c_ends_what_waits_for_a_helper_that_does_not_answer(
    tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch, threads: bool
) -> None:
    paths = [b"%d" % number for number in range(30)]
    for path in paths:
        (tmp_path / os.fsdecode(path)).write_bytes(path)
    stopped: list[int] = []

    class Stopped(Helper):
        def ask(self, *asked: Any) -> None:
            assert self.process is not None
            self.process.send_signal(signal.SIGSTOP)
            stopped.append(self.process.pid)
            super().ask(*asked)

    def by_whoever_waits_himself() -> None:
        with Stopped(root, 100) as helper:
            helper.ask(["sha256"], paths)
            helper.hear()

    def by_a_thread_that_does() -> None:
        everything(tmp_path, paths)

    monkeypatch.setattr(crew, "Helper", Stopped)
    main = threading.main_thread().ident
    root = os.open(tmp_path, os.O_RDONLY)
    threading.Timer(0.3, signal.pthread_kill, [main, signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        by_a_thread_that_does() if threads else by_whoever_waits_himself()
    os.close(root)
    assert stopped
    assert not any(Path(f"/proc/{pid}").exists() for pid in stopped)
