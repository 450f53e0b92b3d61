"""An Archivematica Storage Service for tests: it really reads its packages, or misbehaves.

Only what ``fixity`` and we ask of one is here: ``api/v2/file/``, a package, its ``check_fixity``.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from preservation.policy.policy import TierSpec
from preservation.storage.credentials import variable

FIXITY = Path(__file__).parents[1] / ".venv-fixity"
KEY = "a-very-secret-api-key"
ACCOUNT = {variable("partner", "ID"): "samarkand", variable("partner", "SECRET"): KEY}
PAGE = 2

Misbehaviour = Callable[["Answering", str], bool]


def fixity() -> str:
    """The environment of the real program."""
    if not (FIXITY / "bin" / "fixity").exists():
        reason = "there is no fixity here: make fixity"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return str(FIXITY)


@dataclass
class Service:
    """One service.

    Attributes:
        octets: of each package, by UUID.
        digests: what they were when they were stored.
        misbehave: answers itself, and says so, where it is to do harm.
        asked: the paths that were asked for, with their queries.
        keys: the Authorization headers that came.
    """

    url: str = ""
    octets: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    misbehave: Misbehaviour | None = None
    asked: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def keep(self, uuid: str, octets: bytes) -> None:
        self.octets[uuid] = octets
        self.digests[uuid] = hashlib.sha256(octets).hexdigest()

    def spec(self, id: str = "partner") -> TierSpec:
        return TierSpec(
            id, "archivematica", "", "there", "a partner", "Archivematica",
            endpoint=self.url, prefix="ss", credential="partner",
        )  # fmt: skip

    def listing(self, offset: int) -> dict[str, Any]:
        uuids = sorted(self.octets)
        rows = [
            {
                "uuid": one,
                "package_type": "AIP",
                "status": "DELETED" if one in self.gone else "UPLOADED",
                "size": len(self.octets[one]),
            }
            for one in uuids[offset : offset + PAGE]
        ]
        more = f"/api/v2/file/?offset={offset + PAGE}&username=x&api_key=y"
        return {"meta": {"next": more if offset + PAGE < len(uuids) else None}, "objects": rows}

    def checked(self, uuid: str) -> dict[str, Any]:
        changed = hashlib.sha256(self.octets[uuid]).hexdigest() != self.digests[uuid]
        failed = [{"path": "data/one", "expected": "a", "actual": "b", "hash_type": "sha256"}]
        return {
            "success": not changed,
            "message": "a file has changed" if changed else "",
            "timestamp": "2026-11-22T07:00:00",
            "failures": {
                "files": {"missing": [], "changed": failed if changed else [], "untracked": []}
            },
        }


class Answering(BaseHTTPRequestHandler):
    """One request; the service is the server's."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        service: Service = self.server.service  # type: ignore[attr-defined]
        service.asked.append(self.path)
        service.keys.add(self.headers.get("Authorization", ""))
        parts = urlsplit(self.path)
        path = parts.path.removeprefix("/ss/api/v2/file/")
        if service.misbehave is not None and service.misbehave(self, path):
            return
        if self.headers.get("Authorization") != f"ApiKey samarkand:{KEY}":
            self.say(401, {})
        elif not parts.path.startswith("/ss/api/v2/file/"):
            self.say(404, {})
        elif path == "":
            self.say(200, service.listing(int(parse_qs(parts.query).get("offset", ["0"])[0])))
        elif path.rstrip("/") in service.octets:
            self.say(200, {"uuid": path.rstrip("/")})
        elif path.removesuffix("/check_fixity/") in service.octets:
            self.say(200, service.checked(path.removesuffix("/check_fixity/")))
        else:
            self.say(404, {})

    def say(self, status: int, document: Any, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """An answer that never comes to its end."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def storage_service() -> Iterator[Service]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Whoever asked went away."""

    with Server(("127.0.0.1", 0), Answering) as here:
        service = Service(f"http://127.0.0.1:{here.server_port}")
        here.service = service  # type: ignore[attr-defined]
        threading.Thread(target=here.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield service
        finally:
            here.shutdown()
