"""What every harness shares: imports that are watched, a run of libFuzzer, odd files.

A harness is a file ``fuzz_<parser>.py`` with a function ``once(data)``: whatever the octets, it
returns; what a parser may raise, it catches; what must hold, it asserts. Run as a program it
fuzzes; imported, ``once`` is a plain function, which the tests give every kept case.

    python tests/fuzz/fuzz_manifest.py [libFuzzer's options] [corpus folders]

``tests/fuzz/fuzzers.py`` runs them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

Once = Callable[[bytes], None]


def watched(name: str) -> AbstractContextManager[Any]:
    """Imports inside tell libFuzzer where they go, if the harness runs as a program."""
    if name != "__main__":
        return nullcontext()
    import atheris

    return atheris.instrument_imports(include=["preservation"])  # type: ignore[no-any-return]


def fuzz(once: Once) -> None:
    """Run until told otherwise by libFuzzer's options."""
    import atheris

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


class Draw:
    """Takes choices off the front of the data, so that one case says all."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def bit(self) -> bool:
        return self.number(2) == 1

    def number(self, below: int) -> int:
        first, self.rest = self.rest[:1], self.rest[1:]
        return (first[0] if first else 0) % below

    def pieces(self, size: int) -> Iterator[bytes]:
        """The rest, in pieces."""
        for at in range(0, len(self.rest), size):
            yield self.rest[at : at + size]
