"""Whole commands: ``preserve replicate`` of an AIP of 1,000 files, 500 MiB, from a folder to a real
S3 server on loopback, read back and compared and recorded, against ``rclone copy`` of the same
files, which is not read back. In turn.

    python benchmarks/s3_command.py [--rounds 3] [--checked] [--endpoint URL]
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from measure import Run, run

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from buckets import CREDENTIAL, KEYS, Server
from s3_servers import HELP
from s3_servers import server as any_server

BIN = Path(sys.executable).parent
FILES, OCTETS = 1000, 512 << 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checked", action="store_true", help="after a `preserve tier check`")
    parser.add_argument("--endpoint", default="", help=HELP)
    asked = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        any_server(asked.endpoint) as server,
    ):
        work, (id_, secret) = Path(folder), KEYS.values()
        rclones = {"RCLONE_S3_ACCESS_KEY_ID": id_, "RCLONE_S3_SECRET_ACCESS_KEY": secret}
        keys = [f"{name}={value}" for name, value in (KEYS | rclones).items()]
        _make(work, server, keys, is_checked=asked.checked)
        for number in range(asked.rounds):
            print(f"round {number + 1}")
            _tell("preserve replicate, read back", _ours(work, server, keys))
            remote = (
                f":s3,provider=Other,endpoint='{server.endpoint}':keeping/r{os.getpid()}-{number}"
            )
            copy = ["copy", str(work / "deposit"), remote, "--config", "/dev/null"]
            _tell("rclone copy, not read back", run(["env", *keys, str(BIN / "rclone"), *copy]))


def _ours(work: Path, server: Server, keys: list[str]) -> Run:
    """The home once more, its bucket without the replica."""
    client = server.client()
    listed = client.list_objects_v2(Bucket="keeping", Prefix="bench/bench/").get("Contents", ())
    for one in listed:
        client.delete_object(Bucket="keeping", Key=one["Key"])
    subprocess.run(["cp", "-a", str(work / "home"), str(work / "again")], check=True)
    done = run(["env", *keys, *_preserve(work, "again"), "replicate"])
    shutil.rmtree(work / "again")
    return done


def _tell(name: str, done: Run) -> None:
    print(
        f"  {name:<30}{done.wall:6.2f} s {done.cpu:6.2f} CPU-s {done.peak_mib:5.0f} MiB, "
        f"others {done.others:.1f}, the server among them"
    )


def _make(work: Path, server: Server, keys: list[str], *, is_checked: bool) -> None:
    """A home with one AIP in a folder; a bucket is promised a replica of it."""
    place = {"site": "here", "operator": "us", "technology": "memory"}
    bucket = {"endpoint": server.endpoint, "bucket": "keeping", "prefix": "bench"}
    tiers = {
        "vault": {"kind": "local", "path": "tiers/vault", **place},
        "cloud": {"kind": "s3", **bucket, "credential": CREDENTIAL, **place},
    }
    documents: dict[str, Any] = {
        "tiers": {"version": 1, "tiers": tiers},
        "baseline": {
            "version": 1,
            "contact": "us",
            "audit": {"tiers": {name: {"level": "E3", "max_age": "90d"} for name in tiers}},
        },
        "bench": {
            "version": 1,
            "community": "bench",
            "title": {"en": "Bench"},
            "intake": {"complete": {"quiet": "0s"}},
            "replicas": [
                {"tier": "vault", "packaging": "folder"},
                {"tier": "cloud", "packaging": "tar"},
            ],
        },
    }
    (work / "policies").mkdir()
    for name, document in documents.items():
        (work / "policies" / f"{name}.yaml").write_text(yaml.safe_dump(document))
    deposit = work / "deposit"
    deposit.mkdir()
    chance = random.Random(1)
    for number in range(FILES):
        (deposit / f"f{number:04}").write_bytes(chance.randbytes(OCTETS))
    check = [["tier", "check", "--tier", "cloud"]] if is_checked else []
    for words in (["init"], ["ingest", str(deposit), "--community", "bench"], *check):
        made = ["env", *keys, *_preserve(work, "home"), *words]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)


def _preserve(work: Path, home: str) -> list[str]:
    places = ["--home", str(work / home), "--policies", str(work / "policies")]
    return [str(BIN / "preserve"), *places]


if __name__ == "__main__":
    main()
