"""What a worker process runs: limits first, then one module, then questions by lines of JSON.

Started by ``preservation.files.workers`` as a script, in isolated mode; it imports nothing of
ours by itself. Its one argument is a JSON object: ``path`` (``sys.path``), ``module``,
``parent`` (process number), ``memory`` (octets of address space), ``files`` (descriptors),
``written`` (octets of a file that it makes).

The module may have ``prepare()``, which loads what its first answer would have to wait for.

It says ``{"ready": true, "streams": …}``, then answers each line ``{"items": […]}`` with one line
``{"answer": {…}}`` per item as soon as it is known, and ``{"done": true}``; or says
``{"raised": "…"}`` and is ready again; or ``{"short": errno}`` where it lacked descriptors, which
is no item's doing.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import inspect
import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

_PR_SET_PDEATHSIG = 1
SHORT = (errno.EMFILE, errno.ENFILE)  # what a module does not take for something about an item


def _die_with(parent: int) -> None:
    """No worker outlives the process that asked: not even one that hangs in foreign code."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _limit(memory: int, files: int, written: int) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,  # a core file would hold a deposit's bytes
        resource.RLIMIT_FSIZE: written,  # it reads; most never write a file
        resource.RLIMIT_NOFILE: files,
        resource.RLIMIT_AS: memory,
    }
    for which, wanted in limits.items():
        hard = resource.getrlimit(which)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (value, value))


def _lacks(memory: int, files: int) -> str:
    """What it was not given, after :func:`_limit`: with less, its answers would be others."""
    for which, wanted, words in (
        (resource.RLIMIT_NOFILE, files, "{} open files and may have {} (`ulimit -Hn`)"),
        (resource.RLIMIT_AS, memory, "{} octets of address space and may have {} (`ulimit -Hv`)"),
    ):
        given = resource.getrlimit(which)[0]
        if given < wanted:
            return "it needs " + words.format(wanted, given)
    return ""


def _private_stdout() -> BinaryIO:
    """Keep the pipe for answers; whatever prints from now on prints into nothing."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answers


def _say(answers: BinaryIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message).encode("ascii") + b"\n")
    answers.flush()


def _serve(module: Any, answers: BinaryIO) -> None:
    for line in sys.stdin.buffer:
        try:
            for answer in module.answer(json.loads(line)["items"]):
                _say(answers, {"answer": answer})
            _say(answers, {"done": True})
        except OSError as error:
            said = {"raised": f"{type(error).__name__}: {error}"}
            _say(answers, {"short": error.errno} if error.errno in SHORT else said)
        except Exception as error:  # noqa: BLE001 - the asker decides what it means
            _say(answers, {"raised": f"{type(error).__name__}: {error}"})


def _main() -> None:
    asked = json.loads(sys.argv[1])
    _die_with(asked["parent"])
    answers = _private_stdout()
    _limit(asked["memory"], asked["files"], asked["written"])
    sys.path[:] = asked["path"]
    if why := _lacks(asked["memory"], asked["files"]):
        _say(answers, {"raised": why})
        return
    try:
        module = importlib.import_module(asked["module"])
        if hasattr(module, "prepare"):
            module.prepare()
    except Exception as error:  # noqa: BLE001 - told to the asker, who can tell a person
        _say(answers, {"raised": f"{type(error).__name__}: {error}"})
        return
    _say(answers, {"ready": True, "streams": inspect.isgeneratorfunction(module.answer)})
    _serve(module, answers)


if __name__ == "__main__":
    _main()
