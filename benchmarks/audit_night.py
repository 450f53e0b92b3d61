"""A night's audit through the service, its events written, against tools that check files.

    python benchmarks/audit_night.py [--scale 1] [--rounds 3] [--work DIR]

50,000 files of 1 to 16 KiB in 100 AIPs, with two digests each. `preserve audit` reads every file
of one tier, compares it under the seal, and records an event for each AIP; so do it bagit-python
(no record), `rclone check --download` (against a second copy, no record), and `restic check
--read-data` and `borg check --verify-data` over a repository of the same files, where they are
installed. Formats are guessed while the home is made: what is measured is the audit.
"""

from __future__ import annotations

import argparse
import os
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

import preservation.app.parts

PROJECT, BIN = Path(__file__).parents[1], Path(sys.executable).parent
COMMUNITY, EACH = "field-notes", 500  # files of an AIP


def a_home(work: Path, scale: float) -> Path:
    """A home whose first tier holds the corpus, an AIP for each of its folders."""
    home = work / "home"
    if (home / "complete").exists():
        return home
    preservation.app.parts.FormatIdentifier = homes.Guesser  # type: ignore[misc,assignment]
    preservation.app.create_home(home, PROJECT / "policies", by="a benchmark")
    with preservation.app.open_home(home, PROJECT / "policies") as parts:
        policy = parts.store.governing(COMMUNITY)
        for deposit in sorted(make("small", work, scale).iterdir()):
            arrival = parts.ingest.arrive(policy, deposit)
            result = parts.ingest.take(policy, arrival, homes.SILENCE)
            if result.outcome != "accepted":
                raise SystemExit(f"{deposit}: {result.findings}")
        parts.drain()
    (home / "complete").touch()
    return home


def contest(work: Path, home: Path) -> Contest:
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
            "--budget", "1PiB",
        ],
    }  # fmt: skip
    if rclone := shutil.which("rclone", path=f"{BIN}:{os.environ['PATH']}"):
        copy = work / "copy"
        if not copy.exists():
            shutil.copytree(vault, copy)
        commands["rclone check --download"] = [
            rclone, "check", "--download", "--config", "", "-q", str(vault), str(copy),
        ]  # fmt: skip
    environment = {"RESTIC_PASSWORD": "x", "BORG_PASSPHRASE": "x"}
    os.environ.update(environment)
    for name, made, backed_up, checked in (
        (
            "restic check --read-data",
            ["restic", "init", "-q", "-r", "{repo}"],
            ["restic", "backup", "-q", "-r", "{repo}", str(vault)],
            ["restic", "check", "-q", "--read-data", "-r", "{repo}"],
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
        if not repo.exists():
            for words in (made, backed_up):
                subprocess.run([one.format(repo=repo) for one in words], check=True)
        commands[name] = [one.format(repo=repo) for one in checked]
    return Contest("a night's audit", commands, "bagit.py, 2 processes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.work) as scratch:
        work = asked.work or Path(scratch)
        home = a_home(work, asked.scale)
        told = contest(work, home)
        print(machine())
        print("\n".join(rows(told, compete(told, asked.rounds))))


if __name__ == "__main__":
    main()
