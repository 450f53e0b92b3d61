"""Peak memory of an ingest of many small files, through the command line."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from corpora import make
from measure import run

BIN = Path(sys.executable).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samarkand-memory-") as made:
        work = Path(made)
        files = make("small", work, said.files / 50_000)
        policies = str(Path(__file__).parents[1] / "policies")
        preserve = [str(BIN / "preserve"), "--home", str(work / "home"), "--policies", policies]
        subprocess.run([*preserve, "init"], check=True, stdout=subprocess.DEVNULL)
        for title, command in (
            ("ingest", ["ingest", str(files), "--community", "field-notes"]),
            ("replicate", ["replicate"]),
            ("audit --all", ["audit", "--all"]),
        ):
            seen = run([*preserve, *command])
            rate = said.files / seen.wall
            print(
                f"{title}: {said.files} files, {seen.wall:.1f} s ({rate:.0f} files/s), "
                f"{seen.cpu:.1f} CPU s, peak {seen.peak_mib:.0f} MiB, others {seen.others:.1f}"
            )


if __name__ == "__main__":
    main()
