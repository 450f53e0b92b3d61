"""A process is known by its start, so that a number used again fools nobody."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from preservation.errors import NotNowError
from preservation.files.process import alive, identity


def test_a_process_is_alive_until_it_ends() -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as child:
        who = identity(child.pid)
        assert alive(who) is True
        child.communicate("\n")
    assert alive(who) is False
    with pytest.raises(ProcessLookupError):
        identity(child.pid)


def test_where_no_process_is_to_be_seen_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("preservation.files.process._started", lambda _: None)
    with pytest.raises(NotNowError, match="/proc is not mounted") as told:
        identity()
    assert told.value.code == "FS-NO-PROC"


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "print()"], stdout=subprocess.PIPE)
    who = identity(child.pid)
    assert child.stdout
    child.stdout.read()  # it closes its end only by ending
    for _ in range(1000):
        if alive(who) is False:
            break
        subprocess.run(["sleep", "0.01"], check=True)
    assert alive(who) is False
    child.stdout.close()
    child.wait()


def test_the_same_number_with_another_start_is_another_process() -> None:
    host, number, started = identity().split(":")
    assert alive(f"{host}:{number}:{started}0") is False


@pytest.mark.parametrize("who", ["", "x", "elsewhere:1:00000000-1", f"{socket.gethostname()}:x:1"])
def test_what_cannot_be_seen_from_here_is_not_called_dead(who: str) -> None:
    assert alive(who) is None
