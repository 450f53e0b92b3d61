"""A real SMTP server and a real web hook on loopback, well-behaved or not.

They speak the protocols over sockets, with STARTTLS and TLS under a certificate of their own.
"""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import ipaddress
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ACCOUNT, PASSWORD = "samarkand", "a long secret"


def certificate(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """A certificate that signs itself, and its key; for ``host`` and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    places = folder / f"{host}.pem", folder / f"{host}.key"
    places[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    places[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return places


@dataclass
class Mailbox:
    """What an SMTP server took, and how it is told to behave.

    Attributes:
        refuse: verb -> the answer it gives to it instead of its own.
        commands: every line that came before and between messages, in order.
    """

    port: int = 0
    starttls: bool = False
    wants_login: bool = False
    refuse: dict[str, str] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    @property
    def letters(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw]  # type: ignore[misc]

    @property
    def texts(self) -> list[str]:
        return [letter.get_content() for letter in self.letters]


class _Session(socketserver.StreamRequestHandler):
    """One SMTP session (RFC 5321, as far as clients go)."""

    box: Mailbox
    context: ssl.SSLContext | None
    at_once: bool

    def handle(self) -> None:
        with suppress(OSError):
            self.secure = False
            if self.at_once:
                self._encrypt()
            self.known, self.sender, self.to = not self.box.wants_login, "", []
            self._say(self.box.refuse.get("GREETING", "220 here"))
            while line := self.rfile.readline(2000):
                command = line.decode("utf-8", "replace").rstrip("\r\n")
                self.box.commands.append(command)
                if not self._answered(command):
                    return

    def _answered(self, command: str) -> bool:
        verb = command.partition(" ")[0].partition(":")[0].upper()
        if verb in self.box.refuse:
            self._say(self.box.refuse[verb])
            return True
        match verb:
            case "EHLO" | "HELO":
                offers = ["250-here"]
                if self.box.starttls and not self.secure:
                    offers.append("250-STARTTLS")
                if self.box.wants_login and (self.secure or not self.box.starttls):
                    offers.append("250-AUTH PLAIN")
                self._say("\r\n".join([*offers, "250 SIZE 9999999"]))
            case "STARTTLS":
                self._say("220 go")
                self._encrypt()
            case "AUTH":
                said = base64.b64decode(command.split(" ")[2]).decode().split("\0")
                self.known = said[1:] == [ACCOUNT, PASSWORD]
                self._say("235 welcome" if self.known else "535 no")
            case "MAIL":
                self.sender = command.partition("<")[2].partition(">")[0]
                self._say("250 ok" if self.known else "530 log in first")
            case "RCPT":
                self.to.append(command.partition("<")[2].partition(">")[0])
                self._say("250 ok")
            case "DATA":
                self._say("354 go on")
                return self._take()
            case _:
                self._say("221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT"

    def _take(self) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        self.box.raw.append(b"".join(lines))
        self.box.envelopes.append((self.sender, self.to))
        self.box.encrypted.append(self.secure)
        if "TAKEN" in self.box.refuse:
            self._say(self.box.refuse["TAKEN"])
        else:
            self._say("250 taken")
        return True

    def _say(self, answer: str) -> None:
        self.wfile.write(answer.encode() + b"\r\n")
        self.wfile.flush()

    def _encrypt(self) -> None:
        assert self.context is not None
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.secure = True

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()
        with suppress(OSError):
            self.connection.close()


@contextmanager
def mail_server(
    pair: tuple[Path, Path] | None = None, *, at_once: bool = False, login: bool = False
) -> Iterator[Mailbox]:
    """A running SMTP server.

    Args:
        pair: certificate and key; with them it offers STARTTLS.
        at_once: TLS from the first octet instead.
    """
    box = Mailbox(starttls=pair is not None and not at_once, wants_login=login)
    handler = type("Session", (_Session,), {"box": box, "context": _of(pair), "at_once": at_once})
    with _serving(socketserver.ThreadingTCPServer, handler) as port:
        box.port = port
        yield box


@dataclass
class Hook:
    """What a web hook was sent, and how it answers."""

    port: int = 0
    status: int = 204
    location: str = ""
    paths: list[str] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def web_hook(pair: tuple[Path, Path] | None = None) -> Iterator[Hook]:
    """A running hook; with a certificate, over TLS."""
    hook = Hook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.paths.append(self.path)
            hook.documents.append(json.loads(body))
            self.send_response(hook.status)
            if hook.location:
                self.send_header("Location", hook.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            return

    with _serving(http.server.ThreadingHTTPServer, Handler, _of(pair)) as port:
        hook.port = port
        yield hook


def _of(pair: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    if pair is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


class _Quiet:
    """Says nothing of clients that leave in the middle: that is what tests make them do."""

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        return


@contextmanager
def _serving(kind: Any, handler: Any, context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = type("Server", (_Quiet, kind), {})(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
