"""How fast audits read, changed while they run: the file ``audit.rate`` in the home.

One line, as in a policy: ``50 MiB`` (a second) or ``unlimited``. The file is stronger than the
command line, which is stronger than the policy; it is looked at every other second, and so can
be written, changed and removed while replicas are read. One that cannot be understood changes
nothing, and is told.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import MalformedError
from preservation.fixity.rate import RateLimit
from preservation.model.progress import Progress
from preservation.model.units import format_size, parse_size
from preservation.policy.audit import UNLIMITED

FILE = "audit.rate"
_EVERY = 2.0  # seconds between two looks
_LONGEST = 100  # octets of the file that are read


class LiveRate:
    """The rate of the audits of one home."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextmanager
    def watched(self, otherwise: int, progress: Progress) -> Iterator[RateLimit]:
        """A limit that follows the file until the block ends.

        Args:
            otherwise: octets a second where there is no file; 0 for no limit.
        """
        watch = _Watch(self._file, otherwise, progress)
        watch.look()
        done = threading.Event()
        beat = threading.Thread(target=_follow, args=(watch, done), daemon=True)
        beat.start()
        try:
            yield watch.limit
        finally:
            done.set()
            beat.join()


class _Watch:
    def __init__(self, file: Path, otherwise: int, progress: Progress) -> None:
        self.limit = RateLimit(None)
        self._file, self._otherwise, self._progress = file, otherwise, progress
        self._said: int | str = 0

    def look(self) -> None:
        """Set the limit, and say so, if it is another one than before."""
        told = self._read()
        if told == self._said:
            return
        self._said = told
        if isinstance(told, str):
            self._progress.say(f"{FILE} is not understood, and not obeyed: {told}")
            return
        self.limit.change(told or None)
        self._progress.say(
            f"reading at most {format_size(told)} a second" if told else "reading without a limit"
        )

    def _read(self) -> int | str:
        """Octets a second, 0 for no limit; a text is what is wrong with the file."""
        try:
            with self._file.open("rb") as file:
                text = file.read(_LONGEST).decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return self._otherwise
        except OSError as error:
            return str(error.strerror)
        if text == UNLIMITED:
            return 0
        try:
            octets = parse_size(text)
        except MalformedError as error:
            return error.message
        return octets or "a rate is above 0"


def _follow(watch: _Watch, done: threading.Event) -> None:
    while not done.wait(_EVERY):
        watch.look()
