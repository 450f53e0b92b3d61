"""Ctrl-C wakes what waits in other threads, and then interrupts as ever."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from preservation.files import stopping


class Waiting:
    def __init__(self) -> None:
        self.stopped = 0
        stopping.heed(self)

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of other tests is stopped, and Ctrl-C means afterwards what it meant."""
    monkeypatch.setattr(stopping, "_known", [])
    monkeypatch.setattr(stopping, "_said", [])
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_stops_what_waits_now_and_what_would_later() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stopping.listen()
    now, gone = Waiting(), Waiting()
    del gone
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    later = Waiting()
    assert (now.stopped, later.stopped) == (1, 1)
    assert len(stopping._known) == 2


def test_where_it_is_ignored_it_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stopping.listen()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
