"""What is wrong about a bucket, on real servers: one sentence, what to do next, exit code 5."""

from __future__ import annotations

import datetime as dt
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import botocore.auth
import pytest
from buckets import KEYS, Server, free_port, serving
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fault_proxy import Answer, Request, error, proxied
from tiers import KEY

from preservation.errors import NotNowError, TierUnavailableError
from preservation.model.replica import VersionKey
from preservation.policy.bucket import PREFIX
from preservation.storage.s3 import signing
from preservation.storage.s3.opening import open_s3_tier

SECRET = next(value for name, value in KEYS.items() if name.endswith("SECRET"))


@pytest.fixture(scope="module")
def rclone() -> Iterator[Server]:
    """The only server here that looks at signatures."""
    with serving("rclone") as running:
        yield running


def prefix() -> str:
    return f"p-{uuid.uuid4().hex[:12]}"


def is_told(said: pytest.ExceptionInfo[NotNowError], words: str, next_: str) -> None:
    told = said.value
    assert words in told.message
    assert next_ in told.hint
    assert told.exit_code == 5
    assert told.message.count(". ") == 0  # one sentence
    assert SECRET not in told.message + told.hint


def test_wrong_keys(rclone: Server) -> None:
    wrong = dict.fromkeys(KEYS, "wrong-wrong")
    with pytest.raises(TierUnavailableError) as said:
        open_s3_tier(rclone.spec("deep", prefix()), wrong).check()
    is_told(said, "the key pair is wrong", "credential 'testing'")


def test_a_clock_that_is_off_by_a_day(rclone: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    tier = rclone.tier("deep", prefix())
    real = botocore.auth.get_current_datetime
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *how: real(*how) - dt.timedelta(days=1)
    )
    yesterday = real() - dt.timedelta(days=1)
    monkeypatch.setattr(signing, "_now", lambda: f"{yesterday:%Y%m%dT%H%M%SZ}")
    with pytest.raises(TierUnavailableError) as said:
        tier.check()
    is_told(said, "may not do this", "set this machine's clock right: the service's says ")


@pytest.mark.parametrize(
    ("status", "code", "words", "next_"),
    [
        (301, "PermanentRedirect", "another region", "mend region"),
        (302, "", "sends us elsewhere", "mend endpoint"),
        (400, "AuthorizationHeaderMalformed", "another region", "mend region"),
        (403, "RequestTimeTooSkewed", "the clocks differ", "set this machine's clock right"),
        (403, "AccessDenied", "may not do this", "credential 'testing'"),
        (403, "InvalidObjectState", "has to be recalled", "preserve tier recall"),
        (400, "KeyTooLongError", "names", "shorten prefix"),
        (507, "InsufficientStorage", "the service says", "ask whoever runs the service"),
        (418, "", "the service says 418", "try again later"),
    ],
)
def test_what_a_service_says_is_told_with_what_to_do(
    rclone: Server, status: int, code: str, words: str, next_: str
) -> None:
    with proxied(rclone.endpoint) as proxy:
        behind = replace(rclone, endpoint=proxy.endpoint)
        spec = behind.spec("deep", prefix())
        region = {"x-amz-bucket-region": "elsewhere"} if status == 301 else {}
        proxy.harm(lambda request, forward: error(status, code, **region), 99)
        with pytest.raises(NotNowError) as said:
            open_s3_tier(spec, KEYS).check()
    is_told(said, words, next_)


def test_another_region_that_nobody_names_is_asked_for_once(rclone: Server) -> None:
    asked: list[str] = []

    def elsewhere(request: Request, _forward: object) -> Answer:
        asked.append(request.method)
        return error(301, "PermanentRedirect")

    with proxied(rclone.endpoint) as proxy:
        proxy.harm(elsewhere, 99)
        behind = replace(rclone, endpoint=proxy.endpoint)
        with pytest.raises(NotNowError) as said:
            open_s3_tier(behind.spec("deep", prefix()), KEYS).check()
    is_told(said, "another region", "mend region")
    assert asked == ["GET", "GET", "HEAD"]  # ours, boto3's, and the bucket's region once


def test_tls_is_asked_of_a_service_that_has_none(rclone: Server) -> None:
    plain = replace(rclone, endpoint=rclone.endpoint.replace("http:", "https:"))
    with pytest.raises(TierUnavailableError) as said:
        open_s3_tier(plain.spec("deep", prefix()), KEYS).check()
    is_told(said, "does not speak TLS", "write http://")


def test_a_bucket_that_is_not_there_and_a_service_that_is_away(rclone: Server) -> None:
    with pytest.raises(TierUnavailableError) as said:
        list(open_s3_tier(rclone.spec("deep", prefix(), bucket="nowhere"), KEYS)._place.list())
    is_told(said, "there is no such bucket", "make the bucket")
    away = replace(rclone, endpoint=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TierUnavailableError) as said:
        open_s3_tier(away.spec("deep", prefix()), KEYS).check()
    is_told(said, "no answer (nothing listens at that port)", "is the service up?")
    nobody = replace(rclone, endpoint="http://no-such-host.invalid")
    with pytest.raises(TierUnavailableError) as said:
        open_s3_tier(nobody.spec("deep", prefix()), KEYS).check()
    is_told(said, "no answer (no machine has that name)", "mend endpoint")


class _Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Closing(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate goes away."""


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    with _Closing(("127.0.0.1", 0), _Quiet) as here:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(tmp_path))
        here.socket = context.wrap_socket(here.socket, server_side=True)
        Thread(target=here.serve_forever, args=(0.05,), daemon=True).start()
        server = Server("tls", f"https://127.0.0.1:{here.server_port}", None)
        with pytest.raises(TierUnavailableError) as said:
            open_s3_tier(server.spec("deep", prefix()), KEYS).check()
        here.shutdown()
    is_told(said, "its certificate does not verify", "mend its certificate")


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "both.pem").write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return folder / "both.pem"


def test_somebody_else_who_writes_there_is_seen_and_changes_no_answer(rclone: Server) -> None:
    below = prefix()
    tier = rclone.tier("deep", below)
    client = rclone.client()
    client.put_object(Bucket="keeping", Key=f"{below}/{KEY.folder}/v1.seal.json", Body=b"{}")
    client.put_object(Bucket="keeping", Key=f"{below}/their-backup/one", Body=b"x")
    assert [found.code for found in tier.sidecars()] == ["TIER-SIDECAR"]  # type: ignore[union-attr]
    client.put_object(Bucket="keeping", Key=f"{below}/samarkand-tier.json", Body=b"{}")
    with pytest.raises(TierUnavailableError) as said:
        tier.check()
    is_told(said, "the marker", "wrong bucket or prefix")


def test_our_longest_name_is_one_that_every_service_holds() -> None:
    longest = "/".join(["p" * 100] * 8)
    assert PREFIX.matches(longest)
    key = VersionKey("c" * 63, KEY.aip, 999_999_999)
    name = f"{longest}/{key.folder}/v{key.version}.r999999.tar.00001"
    assert len(name) <= 1024  # Amazon's limit, in octets
    assert name.isascii()
