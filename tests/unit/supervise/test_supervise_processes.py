"""Only what is ours is ever signalled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from preservation.files import process
from preservation.supervise import processes

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    yield child
    child.kill()
    child.wait()


def test_a_process_that_is_meant_is_signalled(sleeper: subprocess.Popen[bytes]) -> None:
    assert processes.send(process.identity(sleeper.pid), signal.SIGTERM)
    assert sleeper.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize(
    "change",
    [
        lambda who: who[:-1] + str((int(who[-1]) + 1) % 10),  # started at another moment
        lambda who: who.replace(who.rpartition(":")[2][:8], "00000000"),  # before the last boot
        lambda who: "",
        lambda who: "nonsense",
        lambda who: f"-:{os.getpid()}:ended-0",
    ],
)
def test_a_stranger_with_the_same_number_is_left_alone(
    sleeper: subprocess.Popen[bytes], change
) -> None:
    who = change(process.identity(sleeper.pid))
    assert not processes.send(who, signal.SIGKILL)
    assert processes.session_of(who) == []
    assert sleeper.poll() is None


def test_a_host_that_got_another_name_still_knows_its_processes(
    sleeper: subprocess.Popen[bytes],
) -> None:
    who = process.identity(sleeper.pid)
    assert processes.runs("elsewhere" + who[who.index(":") :])


def test_a_session_is_found_after_its_leader_died() -> None:
    leader = subprocess.Popen(
        [sys.executable, "-c", f"import os\nif os.fork():\n  input()\nelse:\n  {SLEEP}"],
        start_new_session=True,
        stdin=subprocess.PIPE,
    )
    who = process.identity(leader.pid)
    while len(processes.session_of(who)) < 2:
        assert leader.poll() is None
    leader.kill()
    leader.wait()
    (orphan,) = processes.session_of(who)
    assert processes.send(orphan, signal.SIGKILL)
    assert processes.wait_until_gone(lambda: processes.session_of(who), 10)


def test_a_mark_is_found_in_the_environment_and_nowhere_else(
    sleeper: subprocess.Popen[bytes],
) -> None:
    marked = subprocess.Popen(
        [sys.executable, "-c", SLEEP], env=os.environ | {processes.MARK: "feedbeef"}
    )
    try:
        assert processes.marked("feedbeef") == [process.identity(marked.pid)]
        assert processes.marked("feed") == []
    finally:
        marked.kill()
        marked.wait()


def test_a_zombie_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", SLEEP])
    who = process.identity(child.pid)
    child.kill()
    assert processes.wait_until_gone([who], 10)
    assert child.wait() == -signal.SIGKILL
