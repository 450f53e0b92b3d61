"""An AIP of 1,000 files, 500 MiB, to a real S3 server on loopback: our tar, sent and read back,
against ``rclone copy`` of the same files, which is not read back; then the tar read back and hashed
by us, by ``rclone hashsum --download`` and, where an interpreter is named that has it, by obstore;
and a thousand small objects, one by one, by us, boto3 and obstore.

    python benchmarks/s3.py [--rounds 2] [--obstore PYTHON] [--endpoint URL]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from buckets import KEYS, Server
from s3_servers import HELP
from s3_servers import server as any_server

from preservation.files import tar
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.s3.address import Address
from preservation.storage.s3.opening import open_s3_tier
from preservation.storage.s3.place import RANGED, S3Place
from preservation.storage.s3.tier import S3Tier

KEY = VersionKey("bench", "0b3d6c5a-8f5e-4f4e-9d5b-0123456789ab", 1)
FILES, OCTETS = 1000, 512 << 10
_RCLONE = str(Path(sys.executable).parent / "rclone")


def _members(source: Path) -> Iterator[tuple[bytes, int, Iterator[bytes]]]:
    for path in sorted(source.iterdir()):
        yield b"data/" + path.name.encode(), OCTETS, iter([path.read_bytes()])


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _ours(tier: S3Tier, source: Path) -> str:
    sent, began, cpu = hashlib.sha256(), time.perf_counter(), _cpu(resource.RUSAGE_SELF)

    def chunks() -> Iterator[bytes]:
        for chunk in tar.write_tar(KEY.top, _members(source)):
            sent.update(chunk)
            yield chunk

    incoming = tier.incoming(KEY, Packaging.TAR, FILES * OCTETS)
    incoming.write(chunks())
    back = hashlib.sha256()
    with incoming.held().open() as stream:
        while block := stream.read(1 << 20):
            back.update(block)
    told = f"{time.perf_counter() - began:.2f} s, {_cpu(resource.RUSAGE_SELF) - cpu:.2f} CPU-s"
    if back.digest() != sent.digest():
        raise SystemExit("what was read back is not what was sent")
    incoming.discard()
    return told


def _rclone(server: Server, source: Path, name: str) -> str:
    id_, secret = KEYS.values()
    remote = f":s3,provider=Other,endpoint='{server.endpoint}':keeping/{name}"
    keys = {"RCLONE_S3_ACCESS_KEY_ID": id_, "RCLONE_S3_SECRET_ACCESS_KEY": secret}
    began, cpu = time.perf_counter(), _cpu(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [_RCLONE, "copy", str(source), remote, "--config", "/dev/null"],
        env=os.environ | keys,
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return f"{time.perf_counter() - began:.2f} s, {_cpu(resource.RUSAGE_CHILDREN) - cpu:.2f} CPU-s"


def _read_back(tier: S3Tier) -> str:
    """Read the tar that lies there, and hash it."""
    began, cpu, back = time.perf_counter(), _cpu(resource.RUSAGE_SELF), hashlib.sha256()
    held = tier.held(KEY, Packaging.TAR)
    with held.open() as stream:
        while block := stream.read(1 << 20):
            back.update(block)
    spent = (_cpu(resource.RUSAGE_SELF) - cpu) / (held.octets / (1 << 30))
    return f"{time.perf_counter() - began:.2f} s, {spent:.2f} CPU-s/GiB"


def _others_read(command: list[str], octets: int, keys: dict[str, str]) -> str:
    began, cpu = time.perf_counter(), _cpu(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=os.environ | keys, check=True, stdout=subprocess.DEVNULL)
    spent = (_cpu(resource.RUSAGE_CHILDREN) - cpu) / (octets / (1 << 30))
    return f"{time.perf_counter() - began:.2f} s, {spent:.2f} CPU-s/GiB"


_OBSTORE = """
import hashlib, sys
from obstore.store import S3Store
endpoint, name, id_, secret = sys.argv[1:]
store = S3Store("keeping", endpoint=endpoint, access_key_id=id_, secret_access_key=secret,
                region="us-east-1", client_options={"allow_http": True},
                virtual_hosted_style_request=False)
hashed = hashlib.sha256()
for block in store.get(name).stream(min_chunk_size=1 << 20):
    hashed.update(block)
"""


def _contest(server: Server, tier: S3Tier, source: Path, obstore: str) -> None:
    """Read the same tar back by each of them, in turn."""
    incoming = tier.incoming(KEY, Packaging.TAR, FILES * OCTETS)
    incoming.write(tar.write_tar(KEY.top, _members(source)))
    octets = incoming.held().octets
    id_, secret = KEYS.values()
    keys = {"RCLONE_S3_ACCESS_KEY_ID": id_, "RCLONE_S3_SECRET_ACCESS_KEY": secret}
    name = f"bench/{KEY.place(Packaging.TAR)}"
    remote = f":s3,provider=Other,endpoint='{server.endpoint}':keeping/{name}"
    words = ["hashsum", "sha256", "--download", remote, "--config", "/dev/null"]
    print("read back, ours:           ", _read_back(tier))
    unproven = open_s3_tier(server.spec("bench", "bench"), KEYS)
    print("the same, no tier check:   ", _read_back(unproven))
    print("rclone hashsum --download: ", _others_read([_RCLONE, *words], octets, keys))
    if obstore:
        command = [obstore, "-c", _OBSTORE, server.endpoint, name, id_, secret]
        print("obstore:                   ", _others_read(command, octets, {}))
    incoming.discard()


_OBSTORE_SMALL = """
import hashlib, sys
from obstore.store import S3Store
endpoint, name, id_, secret, objects = sys.argv[1:]
store = S3Store("keeping", endpoint=endpoint, access_key_id=id_, secret_access_key=secret,
                region="us-east-1", client_options={"allow_http": True},
                virtual_hosted_style_request=False)
for number in range(int(objects)):
    hashlib.sha256(memoryview(store.get(f"{name}/{number}").bytes()))
"""


def _small_ones(server: Server, octets: int, obstore: str) -> None:
    """Read a thousand objects, one after the other, and hash each."""
    place = S3Place("bench", Address.of(server.spec("bench", "bench")), KEYS)
    names = [f"small-{octets}/{number}" for number in range(FILES)]
    for name in names:
        place.replace(name, os.urandom(octets))

    def by_boto3(name: str) -> bytes:
        return bytes(place.client.get_object(**place.about(name))["Body"].read())

    print(f"{FILES} objects of {octets >> 10} KiB, CPU ms each: ", end="")
    for told, read in (("ours", place.get), ("boto3", by_boto3)):
        cpu = _cpu(resource.RUSAGE_SELF)
        for name in names:
            hashlib.sha256(read(name) or b"").digest()
        print(f"{told} {(_cpu(resource.RUSAGE_SELF) - cpu) / FILES * 1000:.2f}  ", end="")
    if obstore:
        spent = [_obstore_small(server, obstore, octets, objects) for objects in (0, FILES)]
        print(f"obstore {(spent[1] - spent[0]) / FILES * 1000:.2f} (without its start)", end="")
    print()


def _obstore_small(server: Server, obstore: str, octets: int, objects: int) -> float:
    cpu = _cpu(resource.RUSAGE_CHILDREN)
    name = f"bench/small-{octets}"
    words = [obstore, "-c", _OBSTORE_SMALL, server.endpoint, name, *KEYS.values(), str(objects)]
    subprocess.run(words, check=True)
    return _cpu(resource.RUSAGE_CHILDREN) - cpu


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--obstore", default="", help="an interpreter that has obstore")
    parser.add_argument("--endpoint", default="", help=HELP)
    asked = parser.parse_args()
    rounds = asked.rounds
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        any_server(asked.endpoint) as server,
    ):
        chance = random.Random(1)
        for number in range(FILES):
            (Path(folder) / f"f{number:04}").write_bytes(chance.randbytes(OCTETS))
        server.tier("bench", "bench")
        tier = open_s3_tier(server.spec("bench", "bench"), KEYS, proven=[RANGED])
        for number in range(rounds):
            print("ours, read back:      ", _ours(tier, Path(folder)))
            print(
                "rclone copy, not read:", _rclone(server, Path(folder), f"r{os.getpid()}-{number}")
            )
            _contest(server, tier, Path(folder), asked.obstore)
        for octets in (8 << 10, OCTETS):
            _small_ones(server, octets, asked.obstore)
    print(f"our peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
