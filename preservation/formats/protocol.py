"""What the other rooms ask of format identification."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from preservation.files.workers import Patience
from preservation.model.identification import Identification, Toolchain


class Identifier(Protocol):
    """Says what files are. Safe to call from several threads."""

    @property
    def toolchain(self) -> Toolchain:
        """Whose answers these are; the same for the life of the identifier."""
        ...

    def identify(
        self,
        root: Path,
        paths: Sequence[bytes],
        digests: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> list[Identification]:
        """One answer per path, in the same order, whatever the files are or do.

        Args:
            root: a folder; nothing outside it is opened.
            paths: relative to the root, ``/`` between the parts, any bytes.
            digests: SHA-256 of each in hexadecimal digits, so that a file that was identified
                before need not be read.
            patience: of whoever asks; once it is spent, files are ``timeout`` without being read.
        """
        ...
