"""A night's audit through the service, its events written, against tools that check files.

    python benchmarks/audit_night.py [small mixed big] [--scale 1] [--rounds 3] [--work DIR]

Three corpora, each in AIPs of 500 files at most, with two digests: 50,000 files of 1 to 16 KiB,
5,000 of 2 GiB together, 4 of 1 GiB. `preserve audit` reads every file of one tier, compares it
under the seal, and records an event for each AIP; the same files are read by bagit-python (no
record), `rclone check --download` (against a second copy, no record), and, in repositories of
their own, `restic check --read-data` and `borg check --verify-data`, where they are installed.
Formats are guessed while the home is made: what is measured is the audit.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import homes
from corpora import make
from measure import Contest, compete, machine, rows

import preservation.app.services.tools
from preservation.app.create import create_home
from preservation.app.parts import open_home

PROJECT, BIN = Path(__file__).parents[1], Path(sys.executable).parent
COMMUNITY = "field-notes"
CORPORA = ("small", "mixed", "big")


def _unlike(data: Path) -> Path:
    """Fill every file with octets of its own: restic and borg read what is alike only once."""
    draw = random.Random(str(data.name))
    for file in sorted(path for path in data.rglob("*") if path.is_file()):
        left = file.stat().st_size
        with file.open("wb") as out:
            while left:
                left -= out.write(draw.randbytes(min(left, 1 << 20)))
    return data


def a_home(work: Path, corpus: str, scale: float) -> Path:
    """A home whose first tier holds the corpus, an AIP for each of its folders."""
    home = work / "home"
    preservation.app.services.tools.FormatIdentifier = homes.Guesser  # type: ignore[misc,assignment]
    create_home(home, PROJECT / "policies", by="a benchmark")
    with open_home(home) as parts:
        policy = parts.store.governing(COMMUNITY)
        for deposit in sorted(_unlike(make(corpus, work, scale)).iterdir()):
            arrival = parts.ingest.arrive(policy, deposit)
            result = parts.ingest.take(policy, arrival, homes.SILENCE)
            if result.outcome != "accepted":
                raise SystemExit(f"{deposit}: {result.findings}")
        parts.drain()
    return home


def contest(work: Path, home: Path, title: str) -> Contest:
    """Everybody who is there."""
    vault = home / "tiers" / "vault" / COMMUNITY
    bags = sorted(str(one) for one in vault.glob("*/*/*/v1"))
    places = ["--home", str(home), "--policies", str(PROJECT / "policies")]
    commands: dict[str, Sequence[str]] = {
        "bagit.py, 2 processes": [
            str(BIN / "bagit.py"), "--quiet", "--validate", "--processes", "2", *bags,
        ],
        "preserve audit": [
            str(BIN / "preserve"), *places, "audit", "-c", COMMUNITY, "-t", "vault", "--all",
            "--budget", "1PiB", "--json",
        ],
    }  # fmt: skip
    if rclone := shutil.which("rclone", path=f"{BIN}:{os.environ['PATH']}"):
        copy = work / "copy"
        shutil.copytree(vault, copy)
        commands["rclone check --download"] = [
            rclone, "check", "--download", "--config", "", "-q", str(vault), str(copy),
        ]  # fmt: skip
    password = work / "password"
    password.write_text("x")
    restic = ["restic", "-q", "-p", str(password), "-r", "{repo}"]
    for name, made, backed_up, checked in (
        (
            "restic check --read-data",
            [*restic, "init"],
            [*restic, "backup", str(vault)],
            [*restic, "check", "--read-data"],
        ),
        (
            "borg check --verify-data",
            ["borg", "init", "-e", "none", "{repo}"],
            ["borg", "create", "{repo}::one", str(vault)],
            ["borg", "check", "--verify-data", "{repo}"],
        ),
    ):
        program, repo = made[0], work / made[0]
        if shutil.which(program) is None:
            print(f"{program}: not installed")
            continue
        for words in (made, backed_up):
            subprocess.run([one.format(repo=repo) for one in words], check=True)
        commands[name] = [one.format(repo=repo) for one in checked]
    return Contest(title, commands, "bagit.py, 2 processes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpora", nargs="*", choices=CORPORA)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    print(machine())
    for corpus in asked.corpora or CORPORA[:1]:
        with tempfile.TemporaryDirectory(dir=asked.work) as scratch:
            work = Path(scratch)
            home = a_home(work, corpus, asked.scale)
            told = contest(work, home, f"a night's audit: {corpus}, scale {asked.scale}")
            print("\n".join(rows(told, compete(told, asked.rounds))), flush=True)


if __name__ == "__main__":
    main()
