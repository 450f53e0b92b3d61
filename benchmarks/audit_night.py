"""A night's audit through the service, its events written, against tools that check files.

    python benchmarks/audit_night.py [small mixed big] [--quick] [--cold] [--rounds 3] [--work DIR]

Without a name all three corpora; `--quick` is a tenth of each, in one round. In full it needs up
to 20 GiB below DIR at a time (the corpus, a copy, two repositories), and as much memory, to stay
in the cache.

Three corpora, each in AIPs of 500 files at most, with two digests: 50,000 files of 1 to 16 KiB,
5,000 of 2 GiB together, 4 of 1 GiB. `preserve audit` reads every file of one tier, compares it
under the seal by SHA-256, as by default, and records an event for each AIP; in a row of its own by
all digests, as ``all_digests`` in the policy asks for now and then, which is more work. The same
files are read by bagit-python (both digests, no record), `rclone check --download` (against a
second copy, no record), and, in repositories of their own, `restic check --read-data` and
`borg check --verify-data`, where they are installed.
Below each table stands how many times as fast as each of them the audit was, by wall and by CPU.
Formats are guessed while the home is made: what is measured is the audit.

An audit reads past the page cache where it can be passed; the others take what is cached. So on a
disk the two are different work, and ``--cold`` drops all caches before each command (root): then
all of them read the medium. In memory (``--work /dev/shm``) nobody does.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import homes
from corpora import make
from measure import Contest, Run, compete, machine, rows

import preservation.app.services.tools
from preservation.app.create import create_home
from preservation.app.parts import open_home

PROJECT, BIN = Path(__file__).parents[1], Path(sys.executable).parent
COMMUNITY = "field-notes"
CORPORA = ("small", "mixed", "big")
OURS = "preserve audit"
BY_ALL = "preserve audit, all digests by policy"


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
    policies = _by_all(work)
    commands: dict[str, Sequence[str]] = {
        "bagit.py, 2 processes": [
            str(BIN / "bagit.py"), "--quiet", "--validate", "--processes", "2", *bags,
        ],
        **{
            name: [
                *_preserve(home, where), "audit", "-c", COMMUNITY, "-t", "vault", "--all",
                "--budget", "1PiB", "--json",
            ]
            for name, where in policies.items()
        },
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

    def put_in_force(name: str) -> None:
        """Every audit obeys what is in force."""
        if name in policies:
            apply = [*_preserve(home, policies[name]), "policy", "apply", "--reason", "a contest"]
            subprocess.run([*apply, "--consent", "nobody"], check=True, capture_output=True)

    return Contest(title, commands, "bagit.py, 2 processes", before=put_in_force)


def _preserve(home: Path, policies: Path) -> list[str]:
    return [str(BIN / "preserve"), "--home", str(home), "--policies", str(policies)]


def _by_all(work: Path) -> dict[str, Path]:
    """The policies that audits obey: those that ship, and with all digests at each check."""
    shutil.copytree(PROJECT / "policies", work / "policies")
    baseline = work / "policies" / "baseline.yaml"
    said = baseline.read_text()
    asked = said.replace("max_age: 90d}", "max_age: 90d, all_digests: 90d}")
    if asked == said:
        raise SystemExit(f"{baseline} says nothing of checks every 90d")
    baseline.write_text(asked)
    return {OURS: PROJECT / "policies", BY_ALL: work / "policies"}


def without_caches() -> None:
    """What is read next comes from the medium, for everybody."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def _cold(night: Contest, name: str) -> None:
    """Before each of a cold night's commands."""
    night.before(name)
    without_caches()


def told(runs: dict[str, list[Run]]) -> list[str]:
    """How many times as fast as each of the others the audit was, round by round."""
    ours, lines = runs[OURS], []
    for name, theirs in runs.items():
        if name in (OURS, BY_ALL):
            continue
        wall = statistics.median(b.wall / a.wall for a, b in zip(ours, theirs, strict=True))
        cpu = statistics.median(b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True))
        lines.append(f"{wall:.2f} times as fast as {name}, {cpu:.2f} times by CPU")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpora", nargs="*", choices=(*CORPORA, "all"), default="all")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--scale", type=float)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    scale = asked.scale or (0.1 if asked.quick else 1.0)
    rounds = asked.rounds or (1 if asked.quick else 3)
    print(machine())
    for corpus in CORPORA if "all" in asked.corpora else asked.corpora:
        with tempfile.TemporaryDirectory(dir=asked.work) as scratch:
            work = Path(scratch)
            home = a_home(work, corpus, scale)
            cold = ", cold" if asked.cold else ""
            night = contest(work, home, f"a night's audit: {corpus}, scale {scale}{cold}")
            if asked.cold:
                night = replace(night, before=partial(_cold, night))
            runs = compete(night, rounds)
            print("\n".join([*rows(night, runs), *told(runs)]), flush=True)


if __name__ == "__main__":
    main()
