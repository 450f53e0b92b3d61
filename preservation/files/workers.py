"""A pool of worker processes for code that may hang, crash, or eat all memory.

Workers are exec'd, never forked, so that the pool may live in a process with threads and in
one that was itself forked. A worker is a fresh interpreter with an empty environment and hard
limits; it dies with its asker. Each question has a deadline. What hangs, dies or raises is
asked again in smaller parts until the one item at fault is alone; the others get their answers.

The module that workers run has ``answer(items: list[dict]) -> Iterable[dict]``: one answer
per item, in order. A generator hands out each one as soon as it is known, and then the
culprit is found at once.
"""

from __future__ import annotations

import json
import math
import os
import queue
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import IO, Any, Protocol, Self

from preservation.errors import NotNowError
from preservation.files import durable, worker_main
from preservation.model.deferred import dataclass

Item = Mapping[str, Any]
Deadline = float | Callable[[Sequence[Item]], float]

_START_SECONDS = 60.0
_STARTS = 3  # whatever ends processes may do so while one starts, too
_END_SECONDS = 20.0  # that a killed process may take to end
_LONGEST_LINE = 4 << 20  # octets
_READ = 1 << 16
_MANY = 8  # answers still to come: then some are awaited together, since to wake for each
_GATHER_SECONDS = 0.004  # costs more than to read it
_GLANCE_SECONDS = 0.01  # after which a worker is looked at that gets ready


class Trouble(Enum):
    """How an item came to have no answer."""

    TIMEOUT = "timeout"
    CRASHED = "crashed"
    RAISED = "raised"
    GIVEN_UP = "given up"  # not asked: others had used up the time there was


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """What stands in the place of an answer: asked alone, the item brought a worker down.

    Attributes:
        message: ``no answer within 5.0 s``, ``SIGSEGV``, ``ValueError: …``.
    """

    trouble: Trouble
    message: str


_GIVEN_UP = WorkerFailure(Trouble.GIVEN_UP, "other files had used up the time of this deposit")


class Patience(Protocol):
    """How much time some questions may cost together. Safe to use from several threads."""

    @property
    def spent(self) -> bool:
        """Whether nothing more is to be asked."""
        ...

    def took(self, items: Sequence[Item], seconds: float) -> None:
        """Note what one question about some items cost."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Limits of one worker.

    Attributes:
        memory: address space in octets; the Go runtime of an identifier reserves 2 GiB.
        files: open descriptors.
        recycle: items after which a worker is replaced by a fresh one.
        written: octets of the largest file that it may make, in memory too; none by default.
        silence: seconds without an answer after which it hangs, if it gives them one by one;
            whatever the whole question may take.
        environment: variables it gets; nothing of ours is inherited.
        ends: messages of failures that are the item's own doing beyond doubt, since the module
            sets itself a limit for each item; it isn't asked about it once more.
    """

    memory: int = 4 << 30
    files: int = 256
    recycle: int = 20_000
    written: int = 0
    silence: float = math.inf
    environment: Mapping[str, str] | None = None
    ends: tuple[str, ...] = ()


class WorkerPool:
    """Workers that all run one module. Thread safe: each call has a worker for itself.

    A call uses one worker; to use them all, call from as many threads. Workers start when
    they are first needed.
    """

    def __init__(
        self, module: str, workers: int = 1, settings: WorkerSettings | None = None
    ) -> None:
        self._module = module
        self._settings = settings or WorkerSettings()
        # The kernel kills a worker when the *thread* that started it ends, so that one thread,
        # which lives as long as the pool, starts them all.
        self._starter = ThreadPoolExecutor(1, "worker-starter")
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._size = workers
        self._closing = False
        for _ in range(workers):
            self._idle.put(None)

    def run(
        self, batch: Sequence[Item], deadline_s: Deadline, patience: Patience | None = None
    ) -> list[dict[str, Any] | WorkerFailure]:
        """Ask about every item.

        Args:
            batch: values that JSON can carry; text may hold lone surrogates.
            deadline_s: seconds for a whole question, or what gives them for its items.
            patience: once it is spent, the rest is given up.

        Returns:
            One result per item, in order, whatever happens.

        Raises:
            NotNowError: no worker can be started (``WORKER-START``), one outlives its kill
                (``WORKER-STUCK``), or one ran out of open files (``FS-OUT-OF-MEANS``).
        """
        worker = self._idle.get()
        results: list[dict[str, Any] | WorkerFailure] = []
        parts = [list(batch)] if batch else []
        try:
            while parts:
                part = parts.pop()
                if patience and patience.spent:
                    results += [_GIVEN_UP] * len(part)
                    continue
                begun = time.monotonic()
                worker = worker if worker and worker.usable else self._ready(worker)
                seconds = deadline_s(part) if callable(deadline_s) else deadline_s
                answers, failure = worker.ask(part, seconds)
                if patience:
                    patience.took(part, time.monotonic() - begun)
                results += answers
                rest = part[len(answers) :]
                own = failure and worker.streams and failure.message in self._settings.ends
                if failure and (own or len(rest) == 1):
                    results.append(failure)
                    parts += [rest[1:]] if rest[1:] else []
                elif failure:
                    # Where answers come one by one, the next item is the suspect; else halve.
                    cut = 1 if worker.streams else len(rest) // 2
                    parts += [rest[cut:], rest[:cut]]
        except BaseException:
            if worker:
                worker.stop()
            worker = None
            raise
        finally:
            self._idle.put(worker)
        return results

    def begin(self, workers: int) -> None:
        """Start workers ahead of the first question; nobody waits for them.

        One after the other: two would be in the way of whoever gets ready to ask. One that cannot
        be started, or does not get ready, is started anew by whoever asks first, and hears why.
        """
        slots: list[_Worker | None] = []
        try:
            with suppress(queue.Empty):
                while len(slots) < workers:
                    slots.append(self._idle.get_nowait())
            self._starter.submit(self._begin, slots)
        except BaseException:  # Ctrl-C, or no room for a thread: close() waits for every place
            self._give_back(slots)
            raise

    def _begin(self, slots: list[_Worker | None]) -> None:
        while slots:
            worker = slots.pop()
            if not self._closing:
                with suppress(Exception):  # the place in the queue must come back in any case
                    worker = worker or _Worker(self._module, self._settings)
            self._idle.put(worker)
            while slots and worker and worker.is_loading and not self._closing:
                time.sleep(_GLANCE_SECONDS)

    def leave(self) -> None:
        """Let those end that wait to be asked, while whoever has them does something else. They
        hold memory that takes a moment to give back. A later question starts new ones.
        """
        waiting: list[_Worker | None] = []
        try:
            with suppress(queue.Empty):
                while True:
                    waiting.append(self._idle.get_nowait())
            for worker in waiting:
                if worker:
                    worker.kill()
        finally:
            self._give_back(waiting)

    def _give_back(self, slots: list[_Worker | None]) -> None:
        """All of them, last first; the thread that starts workers may be at the same list."""
        with suppress(IndexError):
            while True:
                self._idle.put(slots.pop())

    def close(self) -> None:
        """Stop every worker; waits for calls that are under way."""
        self._closing = True
        for _ in range(self._size):
            worker = self._idle.get()
            if worker:
                worker.stop()
        self._starter.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ready(self, worker: _Worker | None) -> _Worker:
        """One that may be asked: this, if it only has to get ready; else a new one in its place."""
        for _ in range(_STARTS - 1):
            with suppress(NotNowError):
                return self._greeted(worker)
        return self._greeted(None)

    def _greeted(self, worker: _Worker | None) -> _Worker:
        if worker is None or not worker.is_new:
            if worker:
                worker.stop()
            worker = self._starter.submit(_Worker, self._module, self._settings).result()
        try:
            worker.greet()
        except BaseException:
            worker.stop()
            raise
        return worker


class _Worker:
    """One process and the pipes to it.

    Attributes:
        is_new: it was started, and nobody has heard yet whether it is ready.
        usable: it may be asked.
    """

    def __init__(self, module: str, settings: WorkerSettings) -> None:
        self._module, self._settings = module, settings
        self._left = settings.recycle
        self._buffer = b""
        self._stopped = False
        argument = {
            "path": [entry for entry in sys.path if entry],
            "module": module,
            "parent": os.getpid(),
            "memory": settings.memory,
            "files": settings.files,
            "written": settings.written,
        }
        script = str(Path(worker_main.__file__))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-X", "utf8", script, json.dumps(argument)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={"LANG": "C.UTF-8", "PATH": os.defpath, **(settings.environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise _cannot_start(module, str(error)) from error
        self._to, self._from = _fileno(self._process.stdin), _fileno(self._process.stdout)
        os.set_blocking(self._to, False)
        self.usable, self.is_new = False, True
        self.streams, self._silence = False, math.inf

    @property
    def is_loading(self) -> bool:
        """Whether it is new, and neither ready nor at its end."""
        return self.is_new and not _wait(self._from, select.POLLIN, time.monotonic())

    def greet(self) -> None:
        """Wait until it is ready.

        Raises:
            NotNowError: it does not get ready (``WORKER-START``).
        """
        self.is_new = False
        hello = self._hear(time.monotonic() + _START_SECONDS)
        if isinstance(hello, WorkerFailure) or "ready" not in hello:
            why = hello.message if isinstance(hello, WorkerFailure) else hello["raised"]
            raise _cannot_start(self._module, why)
        self.usable = True
        if hello["streams"]:
            self.streams, self._silence = True, self._settings.silence

    def ask(
        self, items: Sequence[Item], seconds: float
    ) -> tuple[list[dict[str, Any]], WorkerFailure | None]:
        """Answers as far as they came, and why the next one didn't."""
        heard_at = time.monotonic()
        deadline = heard_at + seconds
        answers: list[dict[str, Any]] = []
        failure = self._tell({"items": [dict(item) for item in items]}, deadline)
        while failure is None:
            if b"\n" not in self._buffer and len(items) - len(answers) > _MANY:
                time.sleep(_GATHER_SECONDS)
            heard = self._hear(min(deadline, heard_at + self._silence))
            heard_at = time.monotonic()
            if isinstance(heard, WorkerFailure):
                failure = heard
            elif "answer" in heard and len(answers) < len(items):
                answers.append(heard["answer"])
            elif "done" in heard and len(answers) == len(items):
                self._left -= len(items)
                self.usable = self._left > 0
                return answers, None
            elif "raised" in heard:
                failure = WorkerFailure(Trouble.RAISED, heard["raised"])
            else:
                failure = WorkerFailure(Trouble.CRASHED, "it gave more or fewer answers than asked")
        if failure.trouble is Trouble.TIMEOUT:
            seconds = min(seconds, self._silence)
            failure = WorkerFailure(Trouble.TIMEOUT, f"no answer within {seconds:.1f} s")
        if len(answers) == len(items):  # it failed after the last answer: none is in doubt
            self.stop()
            return answers, None
        if failure.trouble is not Trouble.RAISED:
            self.stop()
        return answers, failure

    def kill(self) -> None:
        """Begin its end; :meth:`stop` waits for it."""
        self.usable, self.is_new = False, False
        self._process.kill()

    def stop(self) -> None:
        """Kill the process and wait for its end.

        Raises:
            NotNowError: it does not end: the kernel waits for a medium on its behalf.
        """
        if self._stopped:
            return
        self.usable, self.is_new, self._stopped = False, False, True
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._end()

    def _tell(self, message: dict[str, Any], deadline: float) -> WorkerFailure | None:
        rest = memoryview(json.dumps(message).encode("ascii") + b"\n")
        while rest:
            if not _wait(self._to, select.POLLOUT, deadline):
                return WorkerFailure(Trouble.TIMEOUT, "")
            try:
                rest = rest[os.write(self._to, rest[:_READ]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return self._death()
        return None

    def _hear(self, deadline: float) -> dict[str, Any] | WorkerFailure:
        while b"\n" not in self._buffer:
            if not _wait(self._from, select.POLLIN, deadline):
                return WorkerFailure(Trouble.TIMEOUT, "")
            data = os.read(self._from, _READ)
            if not data:
                return self._death()
            self._buffer += data
            if len(self._buffer) > _LONGEST_LINE:
                return WorkerFailure(Trouble.CRASHED, "it spoke without end")
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            return WorkerFailure(Trouble.CRASHED, "it spoke no JSON")
        if "short" in message:
            raise durable.out_of_means(os.strerror(message["short"]))
        return message

    def _death(self) -> WorkerFailure:
        """How it ended, once its end of the pipes is closed."""
        status = self._end()
        # A kill of ours that came first would show as SIGKILL: that is an ending, too.
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return WorkerFailure(Trouble.CRASHED, name)

    def _end(self) -> int:
        """Its exit status, after a kill, which a process that waits for a disk does not heed."""
        self._process.kill()
        try:
            return self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            raise NotNowError(
                f"process {self._process.pid} was killed and does not end: "
                "a disk or a network share that it reads does not answer",
                hint="see whether the disks of this machine answer, then try again",
                code="WORKER-STUCK",
            ) from None


def _fileno(pipe: IO[bytes] | None) -> int:
    return -1 if pipe is None else pipe.fileno()


def _wait(fd: int, what: int, deadline: float) -> bool:
    """Whether the pipe became ready before the deadline."""
    poll = select.poll()
    poll.register(fd, what)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _cannot_start(module: str, why: str) -> NotNowError:
    return NotNowError(
        f"no worker for {module} can be started: {why}",
        hint="look at memory, process limits (`ulimit -a`), and whether the installation is whole",
        code="WORKER-START",
    )
