"""S3 servers on loopback: real ones over HTTP, in processes of their own, each with its manners.

``moto`` obeys conditions and knows versions; ``rclone`` ignores conditions and checks signatures;
``ministack`` refuses a wrong SHA-256, locks, and lets cold objects be recalled over some seconds.
It has an environment of its own (``make .venv-ministack/.done``); without it, tests of it are
skipped with the reason; where ``CI`` is set they fail.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config

from preservation.policy.policy import TierSpec
from preservation.storage.credentials import variable
from preservation.storage.s3.opening import open_s3_tier
from preservation.storage.s3.tier import S3Tier, make_s3_tier

CREDENTIAL = "testing"
KEYS = {variable(CREDENTIAL, "ID"): "a-key-id", variable(CREDENTIAL, "SECRET"): "a-long-secret"}
SERVERS = ("moto", "rclone")
MINISTACK = Path(__file__).parents[1] / ".venv-ministack/bin/ministack"


@dataclass(frozen=True)
class Server:
    """One server that answers, and a bucket on it."""

    kind: str
    endpoint: str
    process: subprocess.Popen[bytes] | None

    def client(self):
        """A client of the tests' own, to do harm with."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEYS[variable(CREDENTIAL, "ID")],
            aws_secret_access_key=KEYS[variable(CREDENTIAL, "SECRET")],
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"}, response_checksum_validation="when_required"
            ),
        )

    def spec(self, id: str, prefix: str, bucket: str = "keeping") -> TierSpec:
        return TierSpec(
            id, "s3", "", "here", "us", "a server of the tests",
            endpoint=self.endpoint, bucket=bucket, prefix=prefix, credential=CREDENTIAL,
        )  # fmt: skip

    def tier(self, id: str, prefix: str) -> S3Tier:
        """A new tier, made and opened."""
        make_s3_tier(self.spec(id, prefix), KEYS)
        return open_s3_tier(self.spec(id, prefix), KEYS)


def described(endpoint: str, prefix: str, **more: str) -> dict[str, str]:
    """A tier as ``tiers.yaml`` has it: the bucket ``keeping``, and what is said otherwise."""
    return {
        "kind": "s3",
        "endpoint": endpoint,
        "bucket": "keeping",
        "prefix": prefix.replace("_", "x"),
        "credential": CREDENTIAL,
        "site": "far",
        "operator": "they",
        "technology": "a server",
        **more,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(kind: str) -> Iterator[Server]:
    """Start a server with the bucket ``keeping``, and stop it at the end.

    ``moto`` and ``ministack`` have another one, ``locking``, whose objects can be locked.
    """
    if kind == "ministack" and not MINISTACK.exists():
        reason = "there is no ministack here: make .venv-ministack/.done"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    port, place = free_port(), Path(tempfile.mkdtemp(prefix="bucket-"))
    endpoint = f"http://127.0.0.1:{port}"
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            _command(kind, port, place),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(place),
                "PYTHONUNBUFFERED": "1",
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
            },
            start_new_session=True,
        )
    server = Server(kind, endpoint, process)
    try:
        _wait(server, place / "log")
        server.client().create_bucket(Bucket="keeping")
        if kind != "rclone":
            server.client().create_bucket(Bucket="locking", ObjectLockEnabledForBucket=True)
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(place)


def _command(kind: str, port: int, place: Path) -> list[str]:
    programs = Path(sys.executable).parent
    if kind == "ministack":
        return [str(MINISTACK)]
    if kind == "moto":
        return [str(programs / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    (place / "store").mkdir()
    keys = f"{KEYS[variable(CREDENTIAL, 'ID')]},{KEYS[variable(CREDENTIAL, 'SECRET')]}"
    return [
        str(programs / "rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}",
        "--auth-key", keys, "--config", "/dev/null", "--vfs-cache-mode", "off",
        str(place / "store"),
    ]  # fmt: skip


def _wait(server: Server, log: Path) -> None:
    for _ in range(300):
        if server.process.poll() is not None:
            break
        try:
            urlopen(server.endpoint, timeout=5).close()
            return
        except HTTPError:
            return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"{server.kind} did not start: {log.read_text(errors='replace')[-2000:]}")
