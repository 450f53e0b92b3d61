"""Helper processes copy small files into a bag exactly as the bag's writer does."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from bagmaker import QUIET, everything

from preservation.bags import copying, notes
from preservation.bags.create import BagPlan, CreateReport, create
from preservation.bags.fenced import SourceChangedError
from preservation.files import walk
from preservation.fixity import helpers
from preservation.fixity.engine import EngineSettings
from preservation.fixity.helper_main import Taken
from preservation.fixity.helpers import Helper
from preservation.model.digest import Algorithm


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number in range(60):
        place = tmp_path / "source" / f"d{number % 4}" / f"имя {number}\n.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(number * number * 60))
    return tmp_path / "source"


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start helpers for a handful of files, and let most of the files be small."""
    monkeypatch.setattr(copying, "MANY", 4)
    monkeypatch.setattr(walk, "RUN", 7)
    monkeypatch.setattr(notes, "RUN", 7)


def make(source: Path, dest: Path, workers: int = 2) -> CreateReport:
    return create(
        source,
        dest,
        BagPlan((Algorithm.SHA512, Algorithm.BLAKE2B)),
        settings=EngineSettings(workers=workers),
        progress=QUIET,
    )


def test_a_bag_that_was_made_with_helpers_is_the_same_bag(
    source: Path, tmp_path: Path, few_are_enough: None
) -> None:
    mask = os.umask(0o077)
    try:
        helped, plain = make(source, tmp_path / "a"), make(source, tmp_path / "b", workers=1)
    finally:
        os.umask(mask)
    assert helped == plain
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_what_helpers_leave_is_copied_all_the_same(
    source: Path, tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make(source, tmp_path / "a", workers=1)
    monkeypatch.setattr(helpers.sys, "executable", "/bin/false")
    assert make(source, tmp_path / "b") == plain
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def test_what_a_killed_helper_had_made_is_made_again(
    source: Path, tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make(source, tmp_path / "a", workers=1)
    hear = Helper.hear

    def dying(self: Helper) -> Taken:
        octets, _ = hear(self)
        self.give_up()
        return [-1] * len(octets), []

    monkeypatch.setattr(Helper, "hear", dying)
    assert make(source, tmp_path / "b") == plain
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def test_names_are_copied_under_those_that_are_kept(
    tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").mkdir()
    for number in range(20):
        (tmp_path / "source" / os.fsdecode(b"%d-\xff" % number)).write_bytes(b"%d" % number)
    plan = BagPlan(encode_names=True)
    settings = EngineSettings(workers=2)
    create(tmp_path / "source", tmp_path / "a", plan, settings=settings, progress=QUIET)
    settings = EngineSettings(workers=1)
    create(tmp_path / "source", tmp_path / "b", plan, settings=settings, progress=QUIET)
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def test_a_file_that_changes_before_a_helper_reads_it_leaves_nothing_behind(
    source: Path, tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked = Helper.ask, []

    def changing(self: Helper, names: object, paths: list[bytes], *more: object) -> None:
        with (source / os.fsdecode(paths[0])).open("ab") as file:
            file.write(b"more")
        asked.append(paths[0])
        ask(self, names, paths, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Helper, "ask", changing)
    with pytest.raises(SourceChangedError):
        make(source, tmp_path / "bag")
    assert asked
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.timeout(20)
def test_ctrl_c_ends_what_waits_for_a_helper_that_does_not_answer(
    source: Path, tmp_path: Path, few_are_enough: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Helper):
        def hear(self) -> Taken:
            assert self.process is not None
            self.process.send_signal(signal.SIGSTOP)
            interrupted.set()
            return super().hear()

    interrupted = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def interrupt(main: int = main) -> None:
        interrupted.wait()
        signal.pthread_kill(main, signal.SIGINT)

    monkeypatch.setattr(copying, "Helper", Stopped)
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        make(source, tmp_path / "bag")
    assert os.listdir(tmp_path) == ["source"]
