"""``fetch.txt``: refused unless the policy names the host; then fetched beside the deposit's own
files, within limits, from no address that the policy does not mean.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from homes import Archive, codes, snapshot

from preservation.app.home import find_home
from preservation.app.policies import apply_policies, read_policies
from preservation.errors import NotNowError
from preservation.files.connecting import is_public
from preservation.ingest.fetch_rules import RefusedError, redirected, target_of
from preservation.ingest.result import DepositResult
from preservation.policy.policy import FetchRules

FAR = b"far away " * 1000


class Server(ThreadingHTTPServer):
    """Answers by the path that is asked for; notes who asked for what."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, headers, body = self._answer()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/drip":
            for _ in range(100):
                time.sleep(0.1)
                self.wfile.write(b"x")
                self.wfile.flush()

    def _answer(self) -> tuple[int, dict[str, str], bytes]:
        length = {"Content-Length": str(len(FAR))}
        return {
            "/far": (200, length, FAR),
            "/no-length": (200, {}, FAR),
            "/short": (200, length, FAR[:-5]),
            "/long": (200, {}, FAR + b"!"),
            "/packed": (200, {"Content-Encoding": "gzip"}, FAR),
            "/moved": (302, {"Location": "/far"}, b""),
            "/round": (302, {"Location": "/round"}, b""),
            "/away": (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b""),
            "/to-file": (302, {"Location": "file:///etc/passwd"}, b""),
            "/busy": (503, {}, b""),
            "/drip": (200, {}, b""),
        }.get(self.path, (404, {}, b"not here"))

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


def allow(archive: Archive, server: Server, **changes: object) -> None:
    rules = {"mode": "fetch", "schemes": ["https", "http"], "internal": [server.name], **changes}
    archive.write_policies({"intake": {"fetch": rules}})
    edited = read_policies(archive.policies).require()
    apply_policies(find_home(archive.home), edited, "a test", "to fetch", archive.clock)


def holey(archive: Archive, url: str, length: str = str(len(FAR)), far: bytes = FAR) -> Path:
    def line(data: bytes, path: str) -> str:
        return f"{hashlib.sha256(data).hexdigest()}  {path}\n"

    return archive.put(
        "holey",
        {
            "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": f"Payload-Oxum: {len(FAR) + 4}.2\n".encode(),
            "manifest-sha256.txt": (line(b"near", "data/near") + line(far, "data/a/far")).encode(),
            "fetch.txt": f"{url} {length} data/a/far\n".encode(),
            "data/near": b"near",
        },
    )


def taken(archive: Archive, deposit: Path) -> DepositResult:
    before = snapshot(archive.inbox)
    try:
        return archive.ingest(deposit)
    finally:
        assert snapshot(archive.inbox) == before
        assert archive.unfinished() == []


def test_a_bag_that_is_not_whole_is_refused_and_nobody_is_asked(
    archive: Archive, server: Server
) -> None:
    result = taken(archive, holey(archive, f"http://{server.name}/far"))
    assert (result.outcome, "DEP-FETCH-REFUSED" in codes(result)) == ("rejected", True)
    assert server.asked == []


@pytest.mark.parametrize("what", ["far", "moved", "no-length"])
@pytest.mark.parametrize("length", [str(len(FAR)), "-"])
def test_what_the_policy_allows_is_fetched_and_kept(
    archive: Archive, server: Server, what: str, length: str
) -> None:
    allow(archive, server)
    url = f"http://{server.name}/{what}"
    result = taken(archive, holey(archive, url, length))
    assert result.outcome == "accepted"
    bag = archive.bag(result)
    assert (bag / "data/a/far").read_bytes() == FAR
    assert not (bag / "fetch.txt").exists()
    assert url.encode() in (bag / "metadata/deposit/fetch.txt").read_bytes()
    facts = json.loads((bag / "metadata/deposit.json").read_bytes())["fetched"]
    assert (facts["files"], facts["bytes"], facts["hosts"]) == (1, len(FAR), ["127.0.0.1"])
    assert facts["items"] == [{"path": "data/a/far", "url": url, "bytes": len(FAR)}]
    policy = json.loads((bag / "metadata/ingest-policy.json").read_bytes())["intake"]["fetch"]
    assert (policy["mode"], "internal" in policy) == ("fetch", False)


def test_a_whole_bag_may_keep_its_fetch_txt_and_nobody_is_asked(
    archive: Archive, server: Server
) -> None:
    deposit = holey(archive, f"http://{server.name}/far")
    (deposit / "data/a").mkdir()
    (deposit / "data/a/far").write_bytes(FAR)
    assert taken(archive, deposit).outcome == "accepted"
    assert server.asked == []


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("gone", "DEP-FETCH-FAILED"),
        ("long", "DEP-FETCH-FAILED"),
        ("packed", "DEP-FETCH-FAILED"),
        ("round", "DEP-FETCH-FAILED"),
        ("away", "DEP-FETCH-FAILED"),
        ("to-file", "DEP-FETCH-FAILED"),
    ],
)
def test_what_is_not_the_file_rejects(
    archive: Archive, server: Server, what: str, code: str
) -> None:
    allow(archive, server)
    result = taken(archive, holey(archive, f"http://{server.name}/{what}"))
    assert (result.outcome, code in codes(result)) == ("rejected", True)


def test_fetched_bytes_count_only_if_the_manifest_knows_them(
    archive: Archive, server: Server
) -> None:
    allow(archive, server)
    result = taken(archive, holey(archive, f"http://{server.name}/far", far=b"f" * len(FAR)))
    assert (result.outcome, "DEP-DIGEST-DIFFERS" in codes(result)) == ("rejected", True)


@pytest.mark.parametrize("what", ["busy", "short", "drip"])
def test_a_server_in_trouble_is_asked_again_another_time(
    archive: Archive, server: Server, what: str
) -> None:
    allow(archive, server, within="1s")
    with pytest.raises(NotNowError) as raised:
        taken(archive, holey(archive, f"http://{server.name}/{what}", "-"))
    assert raised.value.code == "DEP-FETCH-LATER"


def test_more_than_may_be_fetched_is_refused_before_anybody_is_asked(
    archive: Archive, server: Server
) -> None:
    allow(archive, server, size="1 kB")
    result = taken(archive, holey(archive, f"http://{server.name}/far"))
    assert (result.outcome, "DEP-FETCH-SIZE" in codes(result)) == ("rejected", True)
    assert server.asked == []
    result = taken(archive, holey(archive, f"http://{server.name}/no-length", "-"))
    assert (result.outcome, "DEP-FETCH-FAILED" in codes(result)) == ("rejected", True)


def rules(**changes: tuple[str, ...]) -> FetchRules:

    told = {"schemes": ("https",), "hosts": ("data.example.org",), "internal": ()} | changes
    return FetchRules(True, **told, octets=1, within=timedelta(1))


@pytest.mark.parametrize(
    "url",
    [
        "http://data.example.org/x",
        "ftp://data.example.org/x",
        "file:///etc/passwd",
        "https://other.example.org/x",
        "https://data.example.org.evil.org/x",
        "https://data.example.org:8443/x",
        "https://data.example.org:99999/x",
        "https://u:p@data.example.org/x",
        "https://data.example.org@evil.org/x",
        "https://evil.org\\@data.example.org/x",
        "https://data.example.org/\r\nX: y",
        "https://data.example.org/é",
        "https://[::1]/x",
        "https://[data.example.org/x",
        "https:///x",
        "//data.example.org/x",
    ],
)
def test_a_url_that_the_policy_does_not_name_is_refused(url: str) -> None:
    with pytest.raises(RefusedError):
        target_of(url, rules())


def test_a_redirect_is_judged_like_the_first_url() -> None:
    both = rules(schemes=("https", "http"))
    target = target_of("https://data.example.org/x?y", both)
    assert redirected(target, "/z", both).target == "/z"
    for location in ("http://data.example.org/z", "https://evil.org/", "//evil.org/", "file:///x"):
        with pytest.raises(RefusedError):
            redirected(target, location, both)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("2001:db8::1", False),
        ("localhost", False),
    ],
)
def test_addresses_of_our_own_network_are_not_public(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_public_name_with_a_private_address_is_refused(
    archive: Archive, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"data.example.org:{server.server_port}"
    allow(archive, server, hosts=[name])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    result = taken(archive, holey(archive, f"http://{name}/far"))
    assert (result.outcome, "DEP-FETCH-FAILED" in codes(result)) == ("rejected", True)
    assert server.asked == []
