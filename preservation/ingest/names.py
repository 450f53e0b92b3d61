"""Under which path the bag keeps a file, and which one the deposit has it under."""

from __future__ import annotations

from typing import BinaryIO

from preservation.bags.names import kept_path
from preservation.bags.tree import NAMES_COLUMNS, csv_line, names_row


class Names:
    """Under which path a file is kept, and which one it had. Only names that differ cost.

    Args:
        rows: where to note each pair that differs.
    """

    def __init__(self, rows: BinaryIO, *, encode: bool) -> None:
        self._rows, self._encode = rows, encode
        self._originals: dict[bytes, bytes] = {}
        self.any = False

    def keep(self, folder: bytes, path: bytes) -> bytes:
        """The path below a folder of the bag under which a file is kept."""
        kept = kept_path(path) if self._encode else path
        if kept != path:
            if not self.any:
                self._rows.write(csv_line(NAMES_COLUMNS))
            self.any = True
            self._rows.write(names_row(folder + kept, folder + path))
            self._originals[kept] = path
        return kept

    def original(self, kept: bytes) -> bytes:
        """The path that a payload file had; asked once for each."""
        return self._originals.pop(kept, kept)
