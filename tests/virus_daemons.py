"""ClamAV's daemon with a tiny database of our own, and daemons that misbehave.

The daemon is the machine's. Without it, tests that need it are skipped with the reason; where
``CI`` is set they fail.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Put together here, so that no file of ours is what a scanner looks for.
EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()
_TELLS = "AlertEncrypted yes\nAlertExceedsMax yes\n"


@contextmanager
def clamd(settings: str = _TELLS) -> Iterator[str]:
    """A running daemon that knows EICAR; gives its address.

    Args:
        settings: lines of ``clamd.conf``, beside those that make it small.
    """
    program = shutil.which("clamd") or shutil.which("/usr/sbin/clamd")
    if program is None:
        reason = "there is no clamd here"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # A socket's path is short, and clamd may drop to an account that must reach it.
    folder = Path(tempfile.mkdtemp(prefix="clamd-"))
    (folder / "db").mkdir()
    (folder / "db/own.ndb").write_text(f"Eicar.Test:0:*:{EICAR.hex()}\n")
    (folder / "clamd.conf").write_text(
        f"LocalSocket {folder}/s\nDatabaseDirectory {folder}/db\nForeground yes\n"
        f"MaxThreads 4\nStreamMaxLength 3M\nMaxFileSize 1M\n{settings}"
    )
    process = subprocess.Popen(
        [program, "-c", str(folder / "clamd.conf")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(folder / "s", process)
        yield f"unix:{folder}/s"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _wait_for(place: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as made:
            try:
                made.connect(str(place))
            except OSError:
                time.sleep(0.05)
            else:
                return
    raise RuntimeError("clamd did not start")


@contextmanager
def faulty_daemon(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """Something that listens where a daemon should; gives its address.

    Args:
        answer: has the connection and the command; called for each connection.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    made, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(made,), daemon=True).start()

        def one(made: socket.socket) -> None:
            with made:
                try:
                    command = b""
                    while not command.endswith(b"\0"):
                        command += made.recv(1)
                    answer(made, command[1:-1])
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"tcp:127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def streamed(made: socket.socket) -> bytes:
    """All of a stream that a client sends."""
    content = b""
    while length := struct.unpack(">I", _exactly(made, 4))[0]:
        content += _exactly(made, length)
    return content


def _exactly(made: socket.socket, octets: int) -> bytes:
    data = b""
    while len(data) < octets:
        piece = made.recv(octets - len(data))
        if not piece:
            raise OSError("the client hung up")
        data += piece
    return data
