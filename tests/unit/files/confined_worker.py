"""What a confined worker can still do."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from preservation.files.confine import confine


def answer(items: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from map(_tried, items)


def _tried(item: dict[str, Any]) -> dict[str, Any]:
    secret, allowed = item["secret"], item["allowed"]
    kept = os.open(secret, os.O_RDONLY)
    done = confine((sys.prefix, sys.base_prefix, allowed))
    tries: dict[str, Callable[[], object]] = {
        "read what is open": lambda: os.pread(kept, 6, 0),
        "read what is allowed": lambda: os.listdir(allowed),
        "open a secret": lambda: os.open(secret, os.O_RDONLY),
        "open it by its descriptor": lambda: os.open(f"/proc/self/fd/{kept}", os.O_RDONLY),
        "make a file": lambda: os.open(allowed + "/new", os.O_CREAT | os.O_WRONLY),
        "remove a file": lambda: os.unlink(secret),
        "make a folder": lambda: os.mkdir(allowed + "/folder"),
        "run a program": lambda: os.execv("/bin/true", ["true"]),
        "connect": lambda: socket.create_connection(("127.0.0.1", item["port"])),
    }
    return {"confined": done, **{word: _said(one) for word, one in tries.items()}}


def _said(one: Callable[[], object]) -> str:
    try:
        one()
    except PermissionError:
        return "refused"
    except OSError as error:
        return f"OSError {error.errno}"
    return "done"
