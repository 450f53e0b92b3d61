"""Replicas of an AIP: durable, and read back past the page cache.

    python benchmarks/replication.py [--work DIR] [--rounds 2] [--corpus usual] [--corpus larger]

- one folder, against ``cp -r`` and ``bagit.py --validate`` of the copy, and the same with a
  ``sync`` between, as durability needs it;
- of 1,000 files of 512 KiB, three tiers due together (two folders, a tar), from one read, against
  tier by tier.

Each is a whole process, with its source in the page cache. Besides seconds it is told how often
the source was read.

What was made is removed when a corpus is done (4 GB a round, of the larger ones up to 13): for
minutes, ext4 gives no number of a removed file to another one and looks each of them through, which
made 1,000 new files cost up to 0.7 CPU seconds more, ours and ``cp``'s. So the corpora of many
files come first.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from measure import run

BIN = Path(sys.executable).parent
CORPORA = {  # files, octets of each
    "small": (50_000, 4 << 10),
    "usual": (1000, 512 << 10),
    "larger": (1000, 2 << 20),
    "giant": (4, 1 << 30),
}
FEW = 100  # files that may be removed before the end
PIECE = 1 << 20
TIERS = {"first": "folder", "second": "folder", "third": "tar", "vault": "folder"}
_COUNTED = """
import gc, json, sys
gc.set_threshold(50_000)  # as `preserve` starts
from pathlib import Path
from preservation.app.parts import open_home
from preservation.bags import sealed
from preservation.model.progress import Silence
from preservation.replication import writing
begun = []
def counting(original):
    def begin(held, *rest, **more):
        begun.append(held)
        return original(held, *rest, **more)
    return begin
writing.members = counting(writing.members)  # one pass over the source, file by file
sealed.copy_folder = counting(sealed.copy_folder)  # the same, by helper processes
home, tiers, together = json.loads(sys.argv[1])
with open_home(Path(home)) as parts:
    policy = parts.store.governing("bench")
    for tier in tiers:
        for shard in parts.replication.plan(policy, tier=tier, together=together):
            for made in parts.replication.run(policy, shard, Silence()):
                assert made.state == "verified", made
Path(sys.argv[2]).write_text(str(len(begun)))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--corpus", action="append", choices=CORPORA)
    asked = parser.parse_args()
    for corpus in asked.corpus or ["usual"]:
        files, octets = CORPORA[corpus]
        print(f"{corpus}: {files:,} files of {octets >> 10:,} KiB")
        with tempfile.TemporaryDirectory(dir=asked.work) as folder:
            _make(Path(folder), files, octets)
            for number in range(asked.rounds):
                print(f"round {number + 1}")
                _round(Path(folder), number, several=corpus == "usual")


def _round(work: Path, number: int, *, several: bool) -> None:
    jobs: list[tuple[str, list[str | None], bool]] = [
        ("ours: one folder, read back", ["first"], True),
        ("ours: three tiers from one read", [None], True),
        ("ours: three tiers, one by one", ["first", "second", "third"], False),
    ]
    for name, tiers, together in jobs if several else jobs[:1]:
        home, count = _again(work), work / "count"
        words = json.dumps([str(home), tiers, together])
        done = run([sys.executable, "-c", _COUNTED, words, str(count)])
        times = count.read_text()
        _tell(name, done, f", source read {times} time{'s' * (times != '1')}")
    bag = next((_again(work) / "tiers/vault").glob("bench/*/*/*/v1"))
    for name, more in (
        ("cp -r, bagit.py --validate", ""),
        ("cp -r, sync, bagit.py", "sync -f {} &&"),
    ):
        copy = work / f"copy-{number}-{len(more)}"
        said = f"cp -r {bag} {copy} && {more.format(copy)} {BIN / 'bagit.py'} --validate {copy}"
        _tell(name, run(["sh", "-c", said]), "")
        os.sync()


def _tell(name: str, done: Any, more: str) -> None:
    print(
        f"  {name:<34}{done.wall:6.2f} s {done.cpu:6.2f} CPU-s {done.peak_mib:5.0f} MiB, "
        f"others {done.others:.1f}{more}"
    )


def _make(work: Path, files: int, octets: int) -> None:
    """A home with one AIP on the first tier of four."""
    policies = work / "policies"
    policies.mkdir()
    place = {"kind": "local", "site": "here", "operator": "us", "technology": "disk"}
    documents: dict[str, Any] = {
        "tiers": {
            "version": 1,
            "tiers": {name: {**place, "path": f"tiers/{name}"} for name in TIERS},
        },
        "baseline": {
            "version": 1,
            "contact": "us",
            "audit": {"tiers": {name: {"level": "E3", "max_age": "90d"} for name in TIERS}},
        },
        "bench": {
            "version": 1,
            "community": "bench",
            "title": {"en": "Bench"},
            "intake": {"complete": {"quiet": "0s"}},
            "replicas": [
                {"tier": name, "packaging": TIERS[name]}
                for name in sorted(TIERS, key=lambda name: name != "vault")
            ],
        },
    }
    for name, document in documents.items():
        (policies / f"{name}.yaml").write_text(yaml.safe_dump(document))
    home = ["--home", str(work / "home"), "--policies", str(policies)]
    _preserve(*home, "init")
    deposit = work / "deposit"
    deposit.mkdir()
    chance = random.Random(1)
    for number in range(files):
        with (deposit / f"f{number:05}").open("wb") as file:
            for at in range(0, octets, PIECE):
                file.write(chance.randbytes(min(PIECE, octets - at)))
    _preserve(*home, "ingest", str(deposit), "--community", "bench")
    if files < FEW:
        shutil.rmtree(deposit)


def _preserve(*words: str) -> None:
    subprocess.run([str(BIN / "preserve"), *words], check=True, stdout=subprocess.DEVNULL)


def _again(work: Path) -> Path:
    """The home once more, to be changed; the AIP's files are the same ones, and cached."""
    home, again = work / "home", Path(tempfile.mkdtemp(dir=work, prefix="again-"))
    shutil.copytree(home, again, ignore=lambda *_: ["vault"], dirs_exist_ok=True, symlinks=True)
    vault = home / "tiers/vault"
    subprocess.run(["cp", "-al", str(vault), str(again / "tiers/vault")], check=True)
    for path in vault.rglob("data/*"):
        with path.open("rb") as file:
            while file.read(PIECE):
                pass
    os.sync()
    return again


if __name__ == "__main__":
    main()
