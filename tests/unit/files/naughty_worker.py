"""What runs in the workers of ``test_files_workers``: it does what each item says."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ANSWERS = 3  # the pipe, as long as nothing was opened before it


def answer(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        match item["do"]:
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "flood":
                while True:
                    os.write(_ANSWERS, b"x" * 65536)
        yield one(item)


def one(item: dict[str, Any]) -> dict[str, Any]:
    match item["do"]:
        case "hang":
            time.sleep(3600)
        case "crash":
            ctypes.string_at(0)
        case "raise":
            raise ValueError("no")
        case "print":
            print("noise", flush=True)
        case "write":
            Path(item["path"]).write_bytes(b"x")
        case "eat":
            return {"got": len(bytearray(1 << 40))}
        case "environment":
            return {"environment": dict(os.environ)}
    return {"do": item["do"], "text": item.get("text"), "pid": os.getpid()}
