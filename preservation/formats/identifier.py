"""Identification through exec'd workers: one answer per file, whatever the file does to them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Self

from preservation.errors import NotNowError
from preservation.files.workers import (
    Item,
    Patience,
    Trouble,
    WorkerFailure,
)
from preservation.formats.answers import Answers
from preservation.formats.evidence import Evidence, Status
from preservation.formats.patience import octets_of
from preservation.formats.reconcile import reconcile
from preservation.formats.request import TOOLS, Request, extension_of
from preservation.formats.tool_workers import FEW, ToolWorkers
from preservation.model.identification import Identification, Toolchain

BATCH = 64
_START_SECONDS = 5.0  # for a batch, beyond what its octets take
_OCTETS_PER_SECOND = 50_000_000  # a signature that must search the whole file is this slow
_LONGEST_SECONDS = 120.0  # that one file may take
_TOOLCHAIN_SECONDS = 60.0
_TRIES = 3
_AGAIN_SECONDS = 5.0  # for a file that did not get through, with one tool less
_STATUS = {
    Trouble.TIMEOUT: Status.TIMEOUT,
    Trouble.CRASHED: Status.CRASHED,
    Trouble.GIVEN_UP: Status.TIMEOUT,
}


class FormatIdentifier:
    """Says what files are; implements :class:`preservation.formats.protocol.Identifier`.

    The tools live in workers; this process never loads them, so it may fork, and its other
    threads keep running. Safe to call from several threads.

    Args:
        workers: processes, as of :class:`ToolWorkers`.
        known: a file that keeps answers between runs; none are kept without it.
        ahead: workers that somebody started already, and ends; in the place of ones of its own.
    """

    def __init__(
        self, workers: int = 1, known: Path | None = None, ahead: ToolWorkers | None = None
    ) -> None:
        self._known = known
        with ExitStack() as own:
            at_work = ahead or own.enter_context(ToolWorkers(workers))
            self._own = own.pop_all()
        self._pool = at_work.pool
        self._files = 0  # that were asked about so far
        self._alone = threading.Lock()  # held while files are few: the first worker is at all
        # One more than workers: answers are weighed while the workers are at the next files.
        self._callers = ThreadPoolExecutor(at_work.workers + 1, "formats")

    @cached_property
    def toolchain(self) -> Toolchain:
        """Whose answers these are.

        Raises:
            NotNowError: the tools can't be started, or do not answer.
        """
        for _ in range(_TRIES):  # whatever kills one worker is not to cost a whole deposit
            [said] = self._pool.run([{}], _TOOLCHAIN_SECONDS)
            if not isinstance(said, WorkerFailure):
                return Toolchain(**said)
            why = said.message
        raise NotNowError(
            f"the format tools do not answer: {why}",
            hint="see whether `python -c 'import pygfried'` works",
            code="FMT-NO-TOOLS",
        )

    @cached_property
    def _answers(self) -> Answers | None:
        return Answers(self._known, str(self.toolchain)) if self._known else None

    def identify(
        self,
        root: Path,
        paths: Sequence[bytes],
        digests: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> list[Identification]:
        """One answer per path, in the same order, whatever the files are or do.

        A file that kills its worker, or keeps it busy beyond its deadline, is answered
        ``crashed`` or ``timeout``; all others are answered as if it weren't there.

        Args:
            root: a folder; nothing outside it is opened, and no link below it is followed.
            paths: relative to the root, ``/`` between the parts, any bytes.
            digests: SHA-256 of each in hexadecimal digits: a file that was identified before is
                not read.
            patience: of the deposit; once it is spent, files are ``timeout`` without being read.

        Raises:
            NotNowError: no worker can be started.
        """
        answers = self._answers if digests is not None else None
        if answers is None or digests is None:
            return self._asked(root, paths, patience)
        keys = [(one, extension_of(path)) for one, path in zip(digests, paths, strict=True)]
        known = answers.find(keys)
        new = {key: path for key, path in zip(keys, paths, strict=True) if key not in known}
        told = dict(zip(new, self._asked(root, list(new.values()), patience), strict=True))
        answers.keep(told)
        return [known.get(key) or told[key] for key in keys]

    def _asked(
        self, root: Path, paths: Sequence[bytes], patience: Patience | None
    ) -> list[Identification]:
        batches = [paths[at : at + BATCH] for at in range(0, len(paths), BATCH)]
        ask = self._batch_below(os.fsencode(root.absolute()), patience)
        self._files += len(paths)
        several: Callable[..., Iterator[list[Identification]]] = self._callers.map
        many = len(batches) > 1 and self._files > FEW
        answers = several(ask, batches) if many else map(ask, batches)
        return list(chain.from_iterable(answers))

    def close(self) -> None:
        """Stop the workers; waits for calls that are under way."""
        self._callers.shutdown()
        self._own.close()
        if "_answers" in self.__dict__ and self._answers:
            self._answers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _batch_below(
        self, root: bytes, patience: Patience | None
    ) -> Callable[[Sequence[bytes]], list[Identification]]:
        def ask(paths: Sequence[bytes]) -> list[Identification]:
            asked = [Request(root, path) for path in paths]
            questions = [one.to_json() for one in asked]
            with self._turn():
                heard = self._pool.run(questions, _seconds, patience)
            said = [
                self._without(one, heard_of, patience)
                if isinstance(heard_of, WorkerFailure)
                else heard_of
                for one, heard_of in zip(asked, heard, strict=True)
            ]
            return [
                reconcile(one if isinstance(one, Evidence) else Evidence.from_json(one))
                for one in said
            ]

        return ask

    def _turn(self) -> AbstractContextManager[object]:
        """Whoever asks waits for the first worker as long as another is not worth its start."""
        return self._alone if self._files <= FEW else nullcontext()

    def _without(
        self, asked: Request, failure: WorkerFailure, patience: Patience | None
    ) -> Evidence:
        """Ask again, leaving out one tool after the other: what the rest says is worth keeping."""
        status = _STATUS.get(failure.trouble, Status.CRASHED)
        for tool in TOOLS:
            question = replace(asked, without=tool).to_json()
            [said] = self._pool.run([question], _AGAIN_SECONDS, patience)
            if not isinstance(said, WorkerFailure):
                heard = Evidence.from_json(said)
                return replace(heard, without=status) if heard.status is Status.READ else heard
        return Evidence(status, extension_of(asked.path))


def _seconds(items: Sequence[Item]) -> float:
    """What a batch may take: by its sizes as far as they can be seen, no file too long."""
    requests = filter(None, map(Request.from_json, items))
    reading = (octets_of(request) / _OCTETS_PER_SECOND for request in requests)
    return _START_SECONDS + sum(min(one, _LONGEST_SECONDS - _START_SECONDS) for one in reading)
