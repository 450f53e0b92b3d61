"""Workers that hang, crash and raise cost the item at fault, and nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from preservation.errors import NotNowError
from preservation.files.process import alive, identity
from preservation.files.workers import Item, Trouble, WorkerFailure, WorkerPool, WorkerSettings

HERE = str(Path(__file__).parent)
MODULE = "naughty_worker"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(MODULE) as pool:
        yield pool


def told(results: list[object]) -> list[object]:
    return [r.trouble if isinstance(r, WorkerFailure) else r["do"] for r in results]  # type: ignore[index]


def test_answers_come_in_order_and_text_survives(pool: WorkerPool) -> None:
    texts = ["样本", "ʻ", "\udcff", "\n", ""]
    results = pool.run([{"do": "say", "text": text} for text in texts], 30)
    assert [result["text"] for result in results] == texts  # type: ignore[index]


@pytest.mark.slow
@pytest.mark.parametrize("module", [MODULE, "naughty_batch_worker"])
@pytest.mark.parametrize(
    ("harm", "trouble"),
    [("hang", Trouble.TIMEOUT), ("crash", Trouble.CRASHED), ("raise", Trouble.RAISED)],
)
@pytest.mark.parametrize("at", [0, 3, 6])
def test_only_the_culprit_fails(module: str, harm: str, trouble: Trouble, at: int) -> None:
    batch = [{"do": "say"} for _ in range(7)]
    batch[at]["do"] = harm
    want: list[object] = ["say"] * 7
    want[at] = trouble
    with WorkerPool(module) as pool:
        assert told(pool.run(batch, 1.0)) == want


class Seconds:
    """Patience for so many seconds in all."""

    def __init__(self, left: float) -> None:
        self.left = left
        self.asked: list[int] = []

    @property
    def spent(self) -> bool:
        return self.left <= 0

    def took(self, items: Sequence[Item], seconds: float) -> None:
        self.asked.append(len(items))
        self.left -= seconds


def test_what_hangs_again_and_again_is_given_up(pool: WorkerPool) -> None:
    batch = [{"do": "say"}, *[{"do": "hang"}] * 50, {"do": "say"}]
    said = told(pool.run(batch, 0.3, Seconds(1.0)))
    assert said[0] == "say"
    assert said[1] is Trouble.TIMEOUT
    assert said[-40:] == [Trouble.GIVEN_UP] * 40


def test_a_stopped_worker_costs_the_silence_and_not_the_time_of_the_whole_batch() -> None:
    batch = [{"do": "say"}, {"do": "stop"}, *[{"do": "say"}] * 30]
    begun = time.monotonic()
    with WorkerPool(MODULE, settings=WorkerSettings(silence=1.0)) as pool:
        said = told(pool.run(batch, 600))
    assert said == ["say", Trouble.TIMEOUT, *["say"] * 30]
    assert time.monotonic() - begun < 300  # half of what the batch may take


def test_one_that_does_not_end_when_it_is_killed_is_told_and_not_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a process that the kernel holds until a dead disk answers."""
    held: list[subprocess.Popen[bytes]] = []

    def kill(process: subprocess.Popen[bytes]) -> None:
        held.append(process)

    with WorkerPool(MODULE) as pool:
        with monkeypatch.context() as patched:
            patched.setattr(subprocess.Popen, "kill", kill)
            patched.setattr("preservation.files.workers._END_SECONDS", 0.2)
            with pytest.raises(NotNowError, match="does not end") as raised:
                pool.run([{"do": "hang"}], 0.2)
        assert raised.value.code == "WORKER-STUCK"
        assert told(pool.run([{"do": "say"}], 30)) == ["say"]
    for process in held:
        process.kill()
        process.wait()


def test_workers_that_are_killed_while_they_start_are_started_again(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them; a third start that fails is told."""
    real, starts = subprocess.Popen, []

    def start(*words: object, **more: object) -> subprocess.Popen[bytes]:
        process = real(*words, **more)  # type: ignore[call-overload]
        starts.append(process.pid)
        if len(starts) in kills:
            process.kill()
        return process  # type: ignore[no-any-return]

    monkeypatch.setattr("preservation.files.workers.subprocess.Popen", start)
    kills = {1, 2}
    assert told(pool.run([{"do": "say"}], 30)) == ["say"]
    kills = {4, 5, 6}
    with WorkerPool(MODULE) as other, pytest.raises(NotNowError, match="SIGKILL"):
        other.run([{"do": "say"}], 30)


def test_workers_that_were_begun_ahead_are_those_that_answer(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, begun = subprocess.Popen, threading.Event()

    def start(*words: object, **more: object) -> subprocess.Popen[bytes]:
        assert not begun.is_set()
        process = real(*words, **more)  # type: ignore[call-overload]
        begun.set()
        return process  # type: ignore[no-any-return]

    monkeypatch.setattr("preservation.files.workers.subprocess.Popen", start)
    pool.begin(1)
    assert begun.wait(30)
    assert told(pool.run([{"do": "say"}], 30)) == ["say"]


def test_a_worker_that_was_begun_ahead_and_died_is_started_anew(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, dead = subprocess.Popen, threading.Event()

    def start(*words: object, **more: object) -> subprocess.Popen[bytes]:
        process = real(*words, **more)  # type: ignore[call-overload]
        if not dead.is_set():
            process.kill()
            dead.set()
        return process  # type: ignore[no-any-return]

    monkeypatch.setattr("preservation.files.workers.subprocess.Popen", start)
    pool.begin(1)
    assert dead.wait(30)
    assert told(pool.run([{"do": "say"}], 30)) == ["say"]


def test_workers_that_nobody_asked_end_with_their_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    real, begun = subprocess.Popen, threading.Event()
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: object, **more: object) -> subprocess.Popen[bytes]:
        started.append(real(*words, **more))  # type: ignore[call-overload]
        begun.set()
        return started[-1]

    monkeypatch.setattr("preservation.files.workers.subprocess.Popen", start)
    with WorkerPool(MODULE, 2) as pool:
        pool.begin(2)
        assert begun.wait(30)
    assert {process.returncode for process in started} == {-signal.SIGKILL}


def test_a_pool_for_whose_thread_there_is_no_room_still_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = WorkerPool(MODULE, 2)
    with monkeypatch.context() as patched:
        patched.setattr("threading.Thread.start", start)
        with pytest.raises(RuntimeError):
            pool.begin(2)
    closing = threading.Thread(target=pool.close, daemon=True)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()


def test_workers_that_were_let_go_are_started_anew(pool: WorkerPool) -> None:
    [before] = pool.run([{"do": "say"}], 30)
    pool.leave()
    [after] = pool.run([{"do": "say"}], 30)
    assert before["pid"] != after["pid"]  # type: ignore[index]


def test_a_worker_is_asked_when_it_is_prepared() -> None:
    with WorkerPool("prepared_worker") as pool:
        assert pool.run([{}], 30) == [{"prepared": True}]


def test_what_is_said_without_end_is_not_kept(pool: WorkerPool) -> None:
    said = pool.run([{"do": "flood"}], 60)
    assert said == [WorkerFailure(Trouble.CRASHED, "it spoke without end")]


@pytest.mark.parametrize(("ends", "asked"), [((), [3, 1, 1]), (("SIGSEGV",), [3, 1])])
def test_what_ended_by_its_own_limit_is_not_asked_again(ends: tuple[str, ...], asked) -> None:
    patience = Seconds(60)
    with WorkerPool(MODULE, settings=WorkerSettings(ends=ends)) as pool:
        said = told(pool.run([{"do": "say"}, {"do": "crash"}, {"do": "say"}], 30, patience))
    assert said == ["say", Trouble.CRASHED, "say"]
    assert patience.asked == asked


def test_every_item_may_be_a_culprit(pool: WorkerPool) -> None:
    batch = [{"do": "crash"}, {"do": "raise"}, {"do": "say"}, {"do": "crash"}]
    want = [Trouble.CRASHED, Trouble.RAISED, "say", Trouble.CRASHED]
    assert told(pool.run(batch, 30)) == want


def test_a_failure_says_what_happened(pool: WorkerPool) -> None:
    crash, error = pool.run([{"do": "crash"}, {"do": "raise"}], 30)
    assert crash == WorkerFailure(Trouble.CRASHED, "SIGSEGV")
    assert error == WorkerFailure(Trouble.RAISED, "ValueError: no")


def test_prints_do_not_mix_with_answers(pool: WorkerPool) -> None:
    assert told(pool.run([{"do": "print"}, {"do": "say"}], 30)) == ["print", "say"]


def test_a_worker_can_neither_write_files_nor_take_all_memory(
    pool: WorkerPool, tmp_path: Path
) -> None:
    target = tmp_path / "x"
    write, eat = pool.run([{"do": "write", "path": str(target)}, {"do": "eat"}], 30)
    assert isinstance(write, WorkerFailure)
    assert not target.exists() or target.stat().st_size == 0
    assert eat == WorkerFailure(Trouble.RAISED, "MemoryError: ")


def test_a_worker_inherits_no_secrets(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    (result,) = pool.run([{"do": "environment"}], 30)
    assert set(result["environment"]) <= {"LANG", "PATH", "LC_CTYPE"}  # type: ignore[index]


def test_workers_are_recycled() -> None:
    with WorkerPool(MODULE, settings=WorkerSettings(recycle=2)) as pool:
        first = pool.run([{"do": "say"}, {"do": "say"}], 30)
        second = pool.run([{"do": "say"}], 30)
    assert first[0]["pid"] == first[1]["pid"] != second[0]["pid"]  # type: ignore[index]


def test_threads_share_the_pool() -> None:
    results: dict[int, list[object]] = {}

    def ask(number: int) -> None:
        batch = [{"do": "say", "text": f"{number}.{n}"} for n in range(5)]
        batch.insert(2, {"do": "crash", "text": ""})
        results[number] = list(pool.run(batch, 30))

    with WorkerPool(MODULE, workers=2) as pool:
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for number, result in results.items():
        texts = [r["text"] for r in result if isinstance(r, dict)]
        assert texts == [f"{number}.{n}" for n in range(5)]
        assert isinstance(result[2], WorkerFailure)
    assert len(results) == 6


def test_a_module_that_is_not_there_is_told() -> None:
    with WorkerPool("no_such_module") as pool, pytest.raises(NotNowError, match="no_such_module"):
        pool.run([{"do": "say"}], 30)


def test_a_hanging_worker_dies_with_a_killed_asker() -> None:
    script = f"""
import sys, threading
sys.path.insert(0, {HERE!r})
from preservation.files.workers import WorkerPool
pool = WorkerPool({MODULE!r})
# Asked from a thread that ends before the worker is used again.
first = threading.Thread(target=lambda: print(pool.run([{{"do": "say"}}], 30)[0]["pid"]))
first.start(); first.join()
print(pool.run([{{"do": "say"}}], 30)[0]["pid"], flush=True)
pool.run([{{"do": "hang"}}], 3600)
"""
    asker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert asker.stdout
    first, again = int(asker.stdout.readline()), int(asker.stdout.readline())
    assert first == again
    worker = identity(first)
    asker.kill()
    asker.wait()
    asker.stdout.close()
    deadline = threading.Event()
    for _ in range(200):
        if not alive(worker):
            break
        deadline.wait(0.05)
    assert not alive(worker)


def test_a_pool_works_in_a_forked_child_of_a_threaded_process() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        child = os.fork()
        if child == 0:
            with WorkerPool(MODULE) as pool:
                os._exit(0 if told(pool.run([{"do": "say"}], 30)) == ["say"] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()
