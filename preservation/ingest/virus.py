"""Virus scans by ClamAV's daemon: never ``clean`` without a scan of all of the file.

The daemon, as it is shipped, says ``OK`` to what it did not look at: files above its limits,
archives nested too deeply, members that are encrypted. Two lines of its configuration
(``AlertExceedsMax``, ``AlertEncrypted``) make it tell. Whether it tells is not believed but
tried, once for each daemon, with two small archives; the ``OK`` of one that does not tell is
``not-scanned``. What it calls infected is infected either way.

Files are streamed (``INSTREAM``): no path of ours means anything to the daemon, which may run
under another account or on another machine.

Source: clamd(8), clamd.conf(5), ClamAV 1.4.
"""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import time
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Self

from preservation.errors import NotNowError, UsageError
from preservation.files import durable
from preservation.files.walk import open_below
from preservation.files.workers import Patience
from preservation.formats.request import Request
from preservation.model.deferred import dataclass
from preservation.model.virus_scan import CLEAN, NotScanned, ScanOutcome, VirusScan

_PIECE = 1 << 17
_CONNECT_SECONDS = 5.0
_LEAST_SECONDS = 150.0  # clamd gives up by itself after MaxScanTime, 120 s as shipped
_OCTETS_PER_SECOND = 5_000_000
_MOST_ANSWER = 4096  # octets; clamd's are one short line
_NESTED = 40  # archives in each other: more than any daemon's MaxRecursion is set to
_ENCRYPTED_BIT = 1

_HEURISTICS = (
    ("Heuristics.Encrypted", NotScanned.ENCRYPTED),
    ("Heuristics.Limits.Exceeded.MaxFileSize", NotScanned.TOO_LARGE),
    ("Heuristics.Limits.Exceeded.MaxScanSize", NotScanned.TOO_LARGE),
    ("Heuristics.Limits.Exceeded", NotScanned.LIMITS),
)
_OK = "stream: OK"
_SPENT = "other files had used up the time of this deposit"
_SILENT = "the daemon does not tell what it leaves out"


@dataclass(frozen=True, slots=True)
class Engine:
    """A daemon.

    Attributes:
        version: its own words: ``ClamAV 1.4.6/27500/Sun Nov 22 08:31:10 2026``, of which the
            last two parts are the signatures' version and date.
        tells: it says so if it leaves something out.
    """

    version: str
    tells: bool


@dataclass(frozen=True, slots=True)
class Address:
    """Where a daemon listens: ``unix:/run/clamav/clamd.ctl`` or ``tcp:host:3310``."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Raises:
            UsageError: it is none (``HOME-CLAMD``).
        """
        kind, _, rest = text.partition(":")
        if kind == "unix" and rest.startswith("/"):
            return cls(path=rest)
        host, _, port = rest.rpartition(":")
        if kind == "tcp" and host and port.isdecimal() and 0 < int(port) < 1 << 16:
            return cls(host=host.strip("[]"), port=int(port))
        raise UsageError(
            f"not the address of a virus scanner: {text!r}",
            hint="write unix:/run/clamav/clamd.ctl, or tcp:host:3310",
            code="HOME-CLAMD",
        )

    def connect(self) -> socket.socket:
        """A connection.

        Raises:
            OSError: nobody listens.
        """
        if not self.path:
            return socket.create_connection((self.host, self.port), _CONNECT_SECONDS)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(_CONNECT_SECONDS)
            made.connect(self.path)
        except BaseException:
            made.close()
            raise
        return made


class VirusScanner:
    """A client of one daemon. Safe to call from several threads.

    Args:
        address: as ``samarkand.toml`` has it; empty where no daemon is configured.
        connections: files that are scanned at a time.
    """

    def __init__(self, address: str, connections: int = 2) -> None:
        self._address = Address.parse(address) if address else None
        self._hands = ThreadPoolExecutor(connections, "virus-scans")

    def close(self) -> None:
        """Wait for scans that are under way."""
        self._hands.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def engine(self) -> Engine:
        """The daemon, tried.

        Raises:
            NotNowError: there is none, or it does not answer (``VIR-NO-DAEMON``).
        """
        try:
            with self._connected() as daemon:
                version = daemon.ask(b"VERSION")
            tried = [
                self._stream(io.BytesIO(probe), len(probe)) for probe in (_nested(), _locked())
            ]
        except OSError as error:
            raise no_daemon(error.strerror or str(error)) from error
        if not version.startswith("ClamAV"):
            raise no_daemon(f"what answers is no ClamAV: {version[:80]!r}")
        tells = [_verdict(said, tells=False) for said in tried]
        wanted = (NotScanned.LIMITS.value, NotScanned.ENCRYPTED.value)
        return Engine(version, tuple(one.reason for one in tells) == wanted)

    def scan(
        self, root: Path, paths: Sequence[bytes], patience: Patience | None = None
    ) -> list[VirusScan]:
        """One outcome per path, in the same order, whatever the daemon does.

        Args:
            root: a folder; nothing outside it is opened, and no link below it is followed.
            paths: relative to the root, ``/`` between the parts, any bytes.
            patience: of the deposit; once it is spent, nothing more is sent to the daemon.
        """
        try:
            tells = self.engine.tells
            fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except NotNowError as error:
            return [VirusScan.not_scanned(NotScanned.NO_DAEMON, error.message)] * len(paths)
        try:
            requests = [Request(os.fsencode(root.absolute()), path) for path in paths]
            ask = self._hands.map(lambda one: self._patiently(fd, one, tells, patience), requests)
            return list(ask)
        finally:
            os.close(fd)

    def _patiently(
        self, root: int, asked: Request, tells: bool, patience: Patience | None
    ) -> VirusScan:
        """One scan, unless a daemon that hangs had all the time that the deposit may cost."""
        if patience and patience.spent:
            return VirusScan.not_scanned(NotScanned.TIMEOUT, _SPENT)
        begun = time.monotonic()
        said = self._scanned(root, asked.path, tells)
        if patience:
            patience.took([asked.to_json()], time.monotonic() - begun)
        return said

    def _scanned(self, root: int, path: bytes, tells: bool) -> VirusScan:
        try:
            with os.fdopen(open_below(root, path, os.O_RDONLY), "rb", buffering=0) as content:
                seen = os.fstat(content.fileno())
                if not stat.S_ISREG(seen.st_mode):
                    return VirusScan.not_scanned(NotScanned.UNREADABLE, "not a regular file")
                return self._sent(content, seen.st_size, tells=tells)
        except OSError as error:
            durable.expect_means(error)
            return VirusScan.not_scanned(NotScanned.UNREADABLE, error.strerror or "")

    def _sent(self, content: BinaryIO, octets: int, *, tells: bool) -> VirusScan:
        try:
            return _verdict(self._stream(content, octets), tells=tells)
        except TimeoutError:
            return VirusScan.not_scanned(NotScanned.TIMEOUT, "no answer in time")
        except (ConnectionRefusedError, FileNotFoundError) as error:
            return VirusScan.not_scanned(NotScanned.NO_DAEMON, error.strerror or "")
        except OSError as error:
            return VirusScan.not_scanned(NotScanned.ERROR, error.strerror or str(error))

    def _stream(self, content: BinaryIO, octets: int) -> str:
        """What the daemon says to some content.

        Raises:
            OSError: of the connection; ``TimeoutError`` if it takes too long.
        """
        with self._connected(_LEAST_SECONDS + octets / _OCTETS_PER_SECOND) as daemon:
            return daemon.stream(content)

    @contextmanager
    def _connected(self, seconds: float = _CONNECT_SECONDS) -> Iterator[_Connection]:
        if self._address is None:
            raise FileNotFoundError(0, "no daemon is configured")
        with self._address.connect() as made:
            yield _Connection(made, time.monotonic() + seconds)


class _Connection:
    """One command on one connection, up to a deadline."""

    def __init__(self, made: socket.socket, deadline: float) -> None:
        self._socket = made
        self._deadline = deadline

    def ask(self, command: bytes) -> str:
        """A command and its answer."""
        self._send(b"z" + command + b"\0")
        return self._answer()

    def stream(self, content: BinaryIO) -> str:
        """Send content in pieces; the answer may come before the end of it."""
        whole = False
        try:
            self._send(b"zINSTREAM\0")
            while piece := content.read(_PIECE):
                self._send(struct.pack(">I", len(piece)) + piece)
            self._send(bytes(4))
            whole = True
        except (BrokenPipeError, ConnectionResetError):
            pass  # it had enough; what it said about that is still to be read
        said = self._answer()
        if said == _OK and not whole:
            raise ConnectionError("the daemon answered before it had all of the file")
        return said

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def _answer(self) -> str:
        said = b""
        while not said.endswith(b"\0"):
            self._socket.settimeout(self._left())
            data = self._socket.recv(_MOST_ANSWER)
            if not data:
                raise ConnectionError("the daemon hung up without an answer")
            said += data
            if len(said) > _MOST_ANSWER:
                raise ConnectionError("the daemon's answer has no end")
        return "".join(c if c.isprintable() else "?" for c in said[:-1].decode("utf-8", "replace"))

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _verdict(said: str, *, tells: bool) -> VirusScan:
    """Read an answer to a stream: ``stream: OK``, ``stream: <name> FOUND``, ``… ERROR``."""
    words = said.removeprefix("stream: ")
    if said == _OK:
        return CLEAN if tells else VirusScan.not_scanned(NotScanned.OPAQUE, _SILENT)
    if words.endswith(" FOUND"):
        name = words.removesuffix(" FOUND")
        for prefix, why in _HEURISTICS:
            if name.startswith(prefix):
                return VirusScan.not_scanned(why, name)
        return VirusScan(ScanOutcome.INFECTED, name)
    if "size limit exceeded" in words:
        return VirusScan.not_scanned(NotScanned.TOO_LARGE, words)
    return VirusScan.not_scanned(NotScanned.ERROR, words[:200])


def _nested() -> bytes:
    """Archives in each other, deeper than a daemon goes."""
    content = b"samarkand"
    for _ in range(_NESTED):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", content)
        content = packed.getvalue()
    return content


def _locked() -> bytes:
    """An archive whose member says that it is encrypted."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", b"samarkand samarkand samarkand")
    content = bytearray(packed.getvalue())
    content[6] |= _ENCRYPTED_BIT  # flags in the member's own header
    content[content.rindex(b"PK\1\2") + 8] |= _ENCRYPTED_BIT  # and in the directory
    return bytes(content)


def no_daemon(why: str) -> NotNowError:
    """The scan cannot be done now."""
    return NotNowError(
        f"the virus scanner does not answer: {why}",
        hint="start clamd, and see that samarkand.toml or PRESERVATION_CLAMD has its address",
        code="VIR-NO-DAEMON",
    )
