"""Folders as values, and folders in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from preservation.files.walk import Kind, walk

ROOM = 1 << 30  # a container's own may be small


def shape(root: Path) -> dict[bytes, bytes | None]:
    """Every path with its bytes; folders with None."""
    found: dict[bytes, bytes | None] = {}
    for entry in walk(root):
        found[entry.path] = None
        if entry.kind is Kind.FILE:
            with open(os.fsencode(root) + b"/" + entry.path, "rb") as file:
                found[entry.path] = file.read()
    return found


def quick_folder(fallback: Path) -> Path:
    """A new folder in memory, where syncs cost nothing, or else below ``fallback``."""
    memory = Path("/dev/shm")
    fits = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return Path(tempfile.mkdtemp(dir=memory if fits else fallback))
