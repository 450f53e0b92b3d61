"""The child that runs checks: the only place where the formats' libraries are loaded.

``preservation.files.workers`` starts it by exec and may kill it at any moment. It is confined
first: the thread that runs checks can open nothing but the interpreter and its libraries, write
nothing, run nothing. Another thread, older than the confinement, opens the files that are asked
about, below their root, following no link, and hands over descriptors. So whatever a file
says, no check opens another one (an HDF5 file can name any file of the machine as its storage).

Each file has limits of its own on processor time and on time; the kernel ends the process
where they are passed, foreign code or not.
"""

from __future__ import annotations

import os
import queue
import resource
import signal
import stat
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from preservation.files.confine import confine
from preservation.files.walk import open_below
from preservation.files.worker_main import SHORT
from preservation.formats.checks.registry import BY_NAME
from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.formats.request import Request
from preservation.model.format_check import FormatCheck, Unchecked, Validity

CPU_SECONDS = 60  # of one file
WALL_SECONDS = 120
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/proc/self", "/proc/meminfo")
_DEVICES = ("/proc/cpuinfo", "/sys/devices/system/cpu", "/dev/urandom", "/etc/localtime")
_WORDS = 200  # characters of a message
# What code raises that is wrong about itself, or meets what it was not written for.
_FAULTS = (AttributeError, TypeError, NameError, AssertionError, SystemError)


def answer(items: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give verdicts, each as soon as it is known."""
    for item in items:
        request = Request.from_json(item)
        assert request is not None  # noqa: S101 - the front door asks of files only
        yield _examine(item["check"], request).to_json()


class Opener:
    """Opens files on a thread of its own, which stays as free as the process was."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._opened: queue.SimpleQueue[tuple[int, int] | OSError] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def open(self, request: Request) -> tuple[int, int]:
        """A descriptor for reading, and the file's size.

        Raises:
            OSError: it is not there, may not be read, or is no regular file.
        """
        self._asked.put(request)
        opened = self._opened.get()
        if isinstance(opened, OSError):
            raise opened
        return opened

    def _serve(self) -> None:
        while True:
            try:
                self._opened.put(_open_regular(self._asked.get()))
            except OSError as error:
                self._opened.put(error)
            except Exception as error:  # noqa: BLE001 - without an answer the asker would wait
                self._opened.put(OSError(f"{type(error).__name__}: {error}"))


def _open_regular(request: Request) -> tuple[int, int]:
    root = os.open(request.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = open_below(root, request.path, os.O_RDONLY)
    finally:
        os.close(root)
    seen = os.fstat(fd)
    if not stat.S_ISREG(seen.st_mode):
        os.close(fd)
        raise OSError("not a regular file")
    return fd, seen.st_size


@cache
def _opener() -> Opener:
    """Start the opener, then give up every right that checks have no use for."""
    opener = Opener()
    confine((*_SYSTEM, *_DEVICES, sys.prefix, sys.base_prefix, *sys.path))
    warnings.simplefilter("ignore")
    return opener


def _examine(name: str, request: Request) -> FormatCheck:
    try:
        fd, octets = _opener().open(request)
    except OSError as error:
        _expect_descriptors(error)
        return FormatCheck.unchecked(Unchecked.UNREADABLE, checker=name)
    try:
        if not octets:
            return FormatCheck.unchecked(Unchecked.EMPTY, checker=name)
        return verdict(name, Subject(fd, octets))
    finally:
        os.close(fd)


def verdict(name: str, subject: Subject) -> FormatCheck:
    """Run one check under the limits of one file."""
    try:
        module = import_module(f"preservation.formats.checks.{name}_check")
    except ImportError as error:
        message = f"{BY_NAME[name].library} is not installed ({error.name})"
        return FormatCheck.unchecked(Unchecked.LIBRARY_ABSENT, message, checker=name)
    _set_limits()
    try:
        validity, reason, message = _judged(module, subject)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if subject.unreadable:
        validity, reason = Validity.UNCHECKED, Unchecked.UNREADABLE.value
        message = subject.unreadable
    elif subject.exceeded and validity is not Validity.UNCHECKED:
        # A library took the end of the budget for the end of the file.
        validity, reason, message = Validity.UNCHECKED, Unchecked.TOO_LARGE.value, ""
    return FormatCheck(
        validity,
        reason,
        printable(message),
        name,
        installed(subject.library or str(getattr(module, "LIBRARY", ""))),
        _printable_facts(subject),
    )


def _judged(module: Any, subject: Subject) -> tuple[Validity, str, str]:
    """What a check comes to, why, and in which words."""
    reason, message = "", ""
    try:
        module.check(subject)
        return Validity.VALID, "", ""
    except Invalid as error:
        return Validity.INVALID, error.reason, error.message
    except NotChecked as error:
        reason, message = error.why.value, error.message
    except MemoryError:
        reason = Unchecked.MEMORY.value
    except NotImplementedError as error:
        reason, message = Unchecked.CODEC_ABSENT.value, str(error)
    except RecursionError:
        reason, message = Unchecked.TOO_LARGE.value, "nested deeper than the library can follow"
    except _FAULTS as error:
        reason, message = Unchecked.FAILED.value, f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001 - whatever a library says to a broken file
        _expect_descriptors(error)
        return Validity.INVALID, "structure", f"{type(error).__name__}: {error}"
    return Validity.UNCHECKED, reason, message


def _expect_descriptors(error: Exception) -> None:
    """Raise what says nothing about a file, but that this process ran out of descriptors."""
    if isinstance(error, OSError) and error.errno in SHORT:
        raise error


def _set_limits() -> None:
    """Give the file its time: past it, the kernel ends the process, and that is its verdict."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    until = int(time.process_time()) + 1 + CPU_SECONDS
    soft = until if hard == resource.RLIM_INFINITY else min(until, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)


@cache
def installed(names: str) -> str:
    """Libraries with their versions: ``h5py 3.16.0``."""
    told = []
    for name in names.split():
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            told.append(name)
    return ", ".join(told)


def printable(text: str) -> str:
    """One line of text that a file may have had a hand in."""
    line = " ".join(text.split())
    shown = "".join(char if char.isprintable() else "\ufffd" for char in line)
    return shown if len(shown) <= _WORDS else shown[: _WORDS - 1] + "…"


def _printable_facts(subject: Subject) -> dict[str, Any]:
    return {
        name: printable(value) if isinstance(value, str) else value
        for name, value in subject.facts.items()
    }
