"""Our own few words of HTTP and XML: what is plain is taken, whatever is odd is not."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from post_offices import certificate

from preservation.storage.credentials import Keys
from preservation.storage.s3 import line, signing
from preservation.storage.s3.documents import Document, OddDocumentError, joined
from preservation.storage.s3.line import WireError
from preservation.storage.s3.signing import Signer, target
from preservation.storage.s3.wire import Wire

Says = Callable[..., Wire]
Spoken = list[bytes] | list[bytes | Iterable[bytes]]


@pytest.fixture
def says() -> Iterator[Says]:
    """A service that says these octets, request by request, connection by connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connections: Iterable[Spoken]) -> None:
            for answers in connections:
                peer, _ = server.accept()
                with peer, suppress(OSError):
                    for answer in answers:
                        peer.recv(1 << 16)
                        for piece in (answer,) if isinstance(answer, bytes) else answer:
                            peer.sendall(piece)

        def begin(*connections: Spoken) -> Wire:
            threading.Thread(target=serve, args=([*connections],), daemon=True).start()
            return Wire(f"http://127.0.0.1:{server.getsockname()[1]}")

        yield begin


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_connection_is_used_again_once_its_answer_was_read(says: Says) -> None:
    wire = says([PLAIN, PLAIN, PLAIN])
    for _ in range(2):
        assert wire.ask("GET", "/", "").read() == b"plain"
    room = memoryview(bytearray(9))
    assert (wire.ask("GET", "/", "").readinto(room), bytes(room[:5])) == (5, b"plain")


def test_a_kept_connection_that_turns_out_to_be_closed_is_replaced(says: Says) -> None:
    wire = says([PLAIN], [PLAIN])
    assert [wire.ask("PUT", "/", "", [b"x"]).read() for _ in range(2)] == [b"plain"] * 2


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: Close\r\n\r\n"),
        PLAIN.replace(b"1.1", b"1.0"),
    ],
)
def test_a_connection_is_not_kept_where_more_came_or_nothing_more_will(
    says: Says, answer: bytes
) -> None:
    wire = says([answer, b""], [PLAIN])
    assert [wire.ask("GET", "/", "").read() for _ in range(2)] == [b"plain"] * 2


def test_what_comes_after_an_answer_is_not_taken_for_the_next_one(says: Says) -> None:
    asked, sent = threading.Event(), threading.Event()

    def twice() -> Iterator[bytes]:
        yield PLAIN
        assert asked.wait(9)
        yield PLAIN.replace(b"plain", b"stale")
        sent.set()

    wire = says([twice()], [PLAIN.replace(b"plain", b"right")])
    answer = wire.ask("GET", "/", "")
    asked.set()
    assert sent.wait(9)
    assert [answer.read(), wire.ask("GET", "/", "").read()] == [b"plain", b"right"]


def test_a_fork_has_connections_of_its_own(says: Says) -> None:
    wire = says([PLAIN, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nparent"], [PLAIN])
    wire.ask("GET", "/", "").read()
    child = os.fork()
    if not child:
        alone = wire._quiet() is None
        os._exit(0 if alone else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert wire.ask("GET", "/", "").read() == b"parent"


@pytest.mark.parametrize(
    "begins",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"],
)
def test_an_answer_that_drips_has_an_end(
    says: Says, monkeypatch: pytest.MonkeyPatch, begins: bytes
) -> None:
    monkeypatch.setattr(line, "LONG", 0.05)

    def drips() -> Iterator[bytes]:
        yield begins
        with suppress(OSError):
            while not done.wait(0.01):
                yield b"x"

    done = threading.Event()
    with pytest.raises(WireError, match="too slowly"):
        says([drips()]).ask("GET", "/", "").read()
    done.set()


def test_a_service_that_hardly_takes_what_it_is_sent_is_waited_for_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "LONG", 0.1)
    monkeypatch.setattr(line, "SLOWEST", 1 << 40)  # what the system holds back counts as taken
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            peer, _ = server.accept()
            with peer:
                while not done.wait(0.01):
                    peer.recv(1 << 16)

        threading.Thread(target=take, daemon=True).start()
        wire = Wire(f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(WireError, match="too slowly"):
            wire.ask("PUT", "/", "", [bytes(64 << 20)])
        done.set()


def test_a_service_may_take_its_time_over_joining_parts(
    says: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LONG", 0.0)
    wire = says([(PLAIN[at : at + 1] for at in range(len(PLAIN)))])
    assert wire.ask("POST", "/", "").read() == b"plain"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nplain",
        b'HTTP/1.1 200 OK\r\nETag: "a\nRange: x"\r\nContent-Length: 5\r\n\r\nplain',
        b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 5\r\n\r\nplain",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\nContent-Length: 5\r\n\r\nplain",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (70 << 10),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nplain",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nplain",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5e0\r\n\r\nplain",
        b"HTTP/1.1 200 OK\r\n\r\nplain",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 99,
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nplain",
    ],
)
def test_what_is_odd_is_no_answer(says: Says, answer: bytes) -> None:
    wire = says([answer])
    with pytest.raises(WireError):
        wire.ask("GET", "/", "").read()


def test_an_answer_that_only_announces_another_is_passed_over(says: Says) -> None:
    wire = says([b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN])
    assert wire.ask("PUT", "/", "", [b"x"]).read() == b"plain"


def test_a_document_may_come_in_chunks(says: Says) -> None:
    wire = says([CHUNKED + b"3;x=y\r\nwho\r\nA\r\nle and all\r\n0\r\nX: y\r\n\r\n", PLAIN])
    assert wire.ask("GET", "/", "").document(13) == b"whole and all"
    assert wire.ask("GET", "/", "").document(5) == b"plain"


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"F\r\nfifteen octets.\r\n0\r\n\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFF\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"3\r\nwh",
        CHUNKED.replace(b"\r\n", b"\r\nTransfer-Encoding: gzip\r\n", 1) + b"0\r\n\r\n",
        CHUNKED.replace(b"\r\n", b"\r\nContent-Length: 5\r\n", 1) + b"0\r\n\r\n",
        CHUNKED + b"3\r\nwhole\r\n0\r\n\r\n",
        CHUNKED + b"0\r\n" + b"X: y\r\n" * 99,
        CHUNKED + b"0" * (70 << 10),
        b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nfifteen octets.",
    ],
)
def test_a_document_that_is_too_long_or_broken_off_is_none(says: Says, answer: bytes) -> None:
    with pytest.raises(WireError):
        says([answer]).ask("GET", "/", "").document(14)


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://host", "host:9000", "http://", "http://u:p@host", "http://höst", "http://h:x"],
)
def test_an_endpoint_of_another_kind_is_left_to_boto3(endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Wire(endpoint)


@pytest.mark.parametrize(
    ("name", "is_known", "comes"),
    [("localhost", True, True), ("elsewhere", True, False), ("localhost", False, False)],
)
def test_tls_is_spoken_with_those_alone_whom_boto3_would_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_known: bool, comes: bool
) -> None:
    cert, key = certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if is_known:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(cert))

    def serve(plain: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(plain.accept()[0], server_side=True) as peer:
            for _ in range(2):
                peer.recv(1 << 16)
                peer.sendall(PLAIN)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        wire = Wire(f"https://localhost:{server.getsockname()[1]}")
        if not comes:
            with pytest.raises(WireError):
                wire.ask("GET", "/", "")
            return
        room = memoryview(bytearray(5))
        assert wire.ask("PUT", "/", "", [b"x" * 5, bytearray(3)]).read() == b"plain"
        assert (wire.ask("GET", "/", "").readinto(room), bytes(room)) == (5, b"plain")


@pytest.mark.parametrize("token", ["", "a-token"])
@pytest.mark.parametrize(
    ("method", "key", "query"),
    [
        ("GET", "a/b c/é~+&=?#%25.tar", {}),
        ("PUT", "a/b", {"partNumber": "7", "uploadId": "a+b/c=&d e"}),
        ("GET", "", {"list-type": "2", "prefix": "ü/ *", "encoding-type": "url"}),
        ("POST", "x", {"uploads": ""}),
    ],
)
def test_it_signs_as_botocore_does(
    monkeypatch: pytest.MonkeyPatch, token: str, method: str, key: str, query: dict[str, str]
) -> None:
    path, words = target("a-bucket", key, query)
    headers = {"range": "bytes=0-9", "if-match": '"x"', "x-amz-storage-class": " DEEP "}
    url = f"https://s3.example.org:9000{path}" + (f"?{words}" if words else "")
    theirs = AWSRequest(method, url, dict(headers))
    when = datetime(2026, 2, 3, 4, 5, 6)  # noqa: DTZ001 (as botocore has it)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: when)
    monkeypatch.setattr(signing, "_now", lambda: "20260203T040506Z")
    keys = Keys("an-id", "a-secret", token)
    signer = botocore.auth.S3SigV4Auth(
        ReadOnlyCredentials(keys.id, keys.secret, token or None), "s3", "eu-1"
    )
    monkeypatch.setattr(signer, "_should_sha256_sign_payload", lambda _: False)
    signer.add_auth(theirs)
    ours = Signer(lambda: keys, "eu-1", "s3.example.org:9000").signed(method, path, words, headers)
    assert f"Authorization: {theirs.headers['Authorization']}\r\n" in ours


def test_a_document_is_read_by_its_rows() -> None:
    said = Document(
        b'<?xml version="1.0"?><List xmlns="http://x/"><IsTruncated>false</IsTruncated>'
        b"<Contents>\n <Key>a&amp;b </Key><Owner><ID>9</ID></Owner><Size>5</Size></Contents>"
        b"<Contents><Key/></Contents></List>"
    )
    assert (said.name, said.fields["IsTruncated"]) == ("List", "false")
    assert [row["Key"] for row in said.rows("Contents")] == ["a&b ", ""]
    assert said.rows("Contents")[0]["Size"] == "5"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><br></html>",
        b'<!DOCTYPE a [<!ENTITY b "cc">]><a>&b;</a>',
        b"<a>" * 20 + b"</a>" * 20,
        b"<a>\xff</a>",
        b"<a><IsTruncated>true</IsTruncated><IsTruncated>false</IsTruncated></a>",
        b"<a><b><Key>c</Key><Key>d</Key></b></a>",
    ],
)
def test_a_document_of_another_kind_is_none(data: bytes) -> None:
    with pytest.raises(OddDocumentError):
        Document(data)


def test_what_joins_parts_says_what_the_service_said_of_them() -> None:
    said = Document(joined([{"PartNumber": 1, "ETag": '"<&>"'}, {"PartNumber": 2, "ETag": "b"}]))
    assert said.rows("Part") == [
        {"PartNumber": "1", "ETag": '"<&>"'},
        {"PartNumber": "2", "ETag": "b"},
    ]
