"""The protocol of progress: long work says how far it is, and asks whether to go on."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears about long work. Must be cheap and safe to call from any thread."""

    def begin(self, what: str, total_bytes: int | None) -> None:
        """A piece of work starts; ``total_bytes`` is None when it is not known."""
        ...

    def advance(self, read_bytes: int) -> None:
        """So many more bytes were dealt with."""
        ...

    def skip(self, done_bytes: int) -> None:
        """So many bytes of the total were dealt with before: done, and no measure of the rate."""
        ...

    def say(self, sentence: str) -> None:
        """Something that a person watching wants to read now."""
        ...


class Silence:
    """Progress that nobody listens to."""

    def begin(self, what: str, total_bytes: int | None) -> None:
        """Nobody hears it."""

    def advance(self, read_bytes: int) -> None:
        """Nobody hears it."""

    def skip(self, done_bytes: int) -> None:
        """Nobody hears it."""

    def say(self, sentence: str) -> None:
        """Nobody hears it."""
