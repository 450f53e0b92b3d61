"""The files that policies are edited in, as octets: which there are, and whether any changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from preservation.errors import UsageError
from preservation.files import regular

_MOST = 16 << 20  # octets read of a file; what is longer than a policy may be is told by its check


def files_in(folder: Path) -> list[Path]:
    """Policy files, by name.

    Raises:
        UsageError: there is no such folder (``POL-NO-FILES``).
    """
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith((".yaml", ".yml")))
    except OSError as error:
        raise UsageError(
            f"the policies in {folder} cannot be read: {error.strerror}",
            hint="--policies or PRESERVATION_POLICIES names the folder",
            code="POL-NO-FILES",
        ) from error
    return [folder / name for name in names]


def octets_of(path: Path) -> bytes:
    """A policy file's bytes, as far as any policy goes; never waits for a pipe or a device.

    Raises:
        UsageError: it cannot be read (``POL-NO-FILES``).
    """
    try:
        return regular.read(path, _MOST)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}",
            hint="name a policy file that you may read; what is none does not belong in the folder",
            code="POL-NO-FILES",
        ) from error


def fingerprint(folder: Path) -> str:
    """A digest of the names and bytes of all policy files."""
    whole = hashlib.sha256()
    for path in files_in(folder):
        data = octets_of(path)
        whole.update(f"{path.name}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
        whole.update(data)
    return whole.hexdigest()
