"""Measures validation and packaging against bagit-python, side by side in one run.

Every row says how many cores other work used meanwhile: above 0.3, only CPU seconds mean
anything. Works in a temporary folder; ``--scale 1`` needs 20 GiB there.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from corpora import SHAPES, make
from measure import Contest, compete, rows

BIN = Path(sys.executable).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES))
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="a folder to work in, kept afterwards")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samarkand-bench-") as made:
        work = said.work or Path(made)
        print(f"scale {said.scale}, {said.rounds} rounds, bagit.py with 2 processes\n")
        for shape in said.shapes:
            files = make(shape, work, said.scale)
            print("\n".join(_validate(shape, files, work, said.rounds)), flush=True)
            print("\n".join(_create(shape, files, work, said.rounds)), flush=True)


def _validate(shape: str, files: Path, work: Path, rounds: int) -> list[str]:
    bag = work / f"bag-{shape}"
    if not bag.exists():
        create = [str(BIN / "preserve"), "bag", "create", str(files), str(bag)]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
    contest = Contest(
        title=f"validate, {shape}, SHA-256 and SHA-512",
        commands={
            "bagit.py": [str(BIN / "bagit.py"), "--validate", "--processes", "2", str(bag)],
            "preserve": [str(BIN / "preserve"), "bag", "validate", str(bag)],
        },
        peer="bagit.py",
    )
    lines = rows(contest, compete(contest, rounds))
    shutil.rmtree(bag)
    return lines


def _create(shape: str, files: Path, work: Path, rounds: int) -> list[str]:
    """Both make a bag and leave the source as it is: bagit.py needs a copy first."""
    peer, ours = work / "peer", work / "ours"
    make_peer = f"cp -r '{files}' '{peer}' && '{BIN}/bagit.py' --quiet --processes 2 '{peer}' && sync -f '{peer}'"
    contest = Contest(
        title=f"create, {shape}, SHA-256 and SHA-512, source untouched, on disk",
        commands={
            "cp, bagit.py, sync": ["sh", "-c", make_peer],
            "preserve": [str(BIN / "preserve"), "bag", "create", str(files), str(ours)],
        },
        peer="cp, bagit.py, sync",
        before=lambda _: [shutil.rmtree(one, ignore_errors=True) for one in (peer, ours)] and None,
    )
    lines = rows(contest, compete(contest, rounds))
    for made in (peer, ours):
        shutil.rmtree(made, ignore_errors=True)
    return lines


if __name__ == "__main__":
    main()
