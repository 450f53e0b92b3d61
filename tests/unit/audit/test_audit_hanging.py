"""A file server that is gone: whoever reads from it waits for ever, and can't be woken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from preservation.audit.readers import Readers
from preservation.files import stopping
from preservation.fixity.crew import Crew
from preservation.fixity.engine import EngineSettings, measure
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence


@pytest.fixture
def hangs(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    monkeypatch.setattr(stopping, "PATIENCE", 0.1)
    ever = threading.Event()
    yield ever
    ever.set()


def interrupted() -> Iterator[bytes]:
    yield b"one"
    raise KeyboardInterrupt


@pytest.mark.timeout(20)
def test_ctrl_c_leaves_the_replica_that_is_being_read(hangs: threading.Event) -> None:
    with pytest.raises(KeyboardInterrupt):
        _read_until(hangs.wait, KeyboardInterrupt)


@pytest.mark.timeout(20)
def test_ctrl_c_leaves_the_files_that_are_being_read(
    hangs: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Crew, "_work", lambda *_: hangs.wait())
    settings = EngineSettings(workers=2)
    with pytest.raises(KeyboardInterrupt):
        list(measure(tmp_path, interrupted(), [Algorithm.SHA256], settings, Silence()))


@pytest.mark.timeout(20)
def test_work_that_goes_on_waits_for_what_it_stopped(hangs: threading.Event) -> None:
    ended = threading.Event()

    def last() -> bool:
        hangs.wait(0.5)
        ended.set()
        return True

    with pytest.raises(OSError, match="of the catalogue"):
        _read_until(last, OSError("of the catalogue"))
    assert ended.is_set()


def _read_until(reading: Callable[[], bool], error: Exception | type[KeyboardInterrupt]) -> None:
    with Readers[bool](2) as readers:
        readers.begin(reading)
        raise error
