"""Measures validation and packaging against bagit-python, side by side in one run.

Every row says how many cores other work used meanwhile: above 0.3, only CPU seconds and the
least times mean anything. Works in a temporary folder, of a disk or of a tmpfs as ``--work``
says; ``--scale 1`` needs 20 GiB there for the shape ``big``.
"""

from __future__ import annotations

import argparse
import itertools
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from corpora import SHAPES, make
from measure import Contest, compete, machine, rows

BIN = Path(sys.executable).parent
BAGIT, PRESERVE = str(BIN / "bagit.py"), str(BIN / "preserve")
FEW = {"mixed", "big", "one"}  # shapes whose bags are large, and quickly removed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES))
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="a folder to work in, on the medium in question")
    parser.add_argument("--jobs", nargs="+", choices=["validate", "create"])
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samarkand-bench-", dir=said.work) as made:
        work = Path(made)
        print(machine())
        print(f"scale {said.scale}, {said.rounds} rounds, bagit.py with 2 processes\n")
        for shape in said.shapes:
            files = make(shape, work, said.scale)
            for job in said.jobs or ["validate", "create"]:
                run = _validate if job == "validate" else _create
                print("\n".join(run(shape, files, work, said.rounds)), flush=True)
            shutil.rmtree(files.parent)


def _validate(shape: str, files: Path, work: Path, rounds: int) -> list[str]:
    bag = work / f"bag-{shape}"
    create = [PRESERVE, "bag", "create", str(files), str(bag)]
    subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
    contest = Contest(
        title=f"validate, {shape}, SHA-256 and SHA-512",
        commands={
            "bagit.py": [BAGIT, "--quiet", "--validate", "--processes", "2", str(bag)],
            "preserve": [PRESERVE, "bag", "validate", str(bag)],
        },
        peer="bagit.py",
    )
    lines = rows(contest, compete(contest, rounds))
    shutil.rmtree(bag)
    return lines


def _create(shape: str, files: Path, work: Path, rounds: int) -> list[str]:
    """Both make a bag, leave the source as it is, and wait until the medium has it.

    bagit.py works in place, so that it needs a copy first. Bags of many files are kept until
    the end: ext4 is slow to make files where many were removed a moment ago.
    """
    peer, ours, numbers = work / "peer", work / "ours", itertools.count()
    source, copy = shlex.quote(str(files)), shlex.quote(str(peer))
    steps = [
        f"cp -r {source} {copy}",
        f"{shlex.quote(BAGIT)} --quiet --processes 2 {copy}",
        f"sync -f {copy}",
    ]

    def put_aside(_: str) -> None:
        for one in (peer, ours):
            if one.exists() and shape in FEW:
                shutil.rmtree(one)
            elif one.exists():
                one.rename(work / f"done-{next(numbers)}")

    contest = Contest(
        title=f"create, {shape}, SHA-256 and SHA-512, source untouched",
        commands={
            "cp, bagit.py, sync": ["sh", "-c", " && ".join(steps)],
            "preserve": [PRESERVE, "bag", "create", str(files), str(ours)],
        },
        peer="cp, bagit.py, sync",
        before=put_aside,
    )
    lines = rows(contest, compete(contest, rounds))
    for made in (peer, ours, *work.glob("done-*")):
        shutil.rmtree(made, ignore_errors=True)
    return lines


if __name__ == "__main__":
    main()
