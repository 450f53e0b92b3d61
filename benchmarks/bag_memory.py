"""Time and peak memory of opening a large bag: ours and bagit-python's, side by side.

The bag holds empty files and two manifests. Files of the same folder are links to one, so that
ten million of them need no more than their names; it is made once and kept if ``--work`` says
where.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from measure import run

BIN = Path(sys.executable).parent
IN_A_FOLDER = 1000
PEER = "import bagit, sys; bagit.Bag(sys.argv[1]).validate(completeness_only=True)"
JOBS = {
    "completeness": ["--completeness-only"],
    "full": [],
}


def make(folder: Path, files: int) -> Path:
    """A bag of so many empty files, unless it is there."""
    bag = folder / f"bag-{files}"
    if (folder / f"{bag.name}.complete").exists():
        return bag
    (bag / "data").mkdir(parents=True)
    (bag / "bagit.txt").write_text(
        "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", encoding="ascii"
    )
    (bag / "bag-info.txt").write_text(f"Payload-Oxum: 0.{files}\n", encoding="ascii")
    digests = hashlib.sha256().hexdigest(), hashlib.sha512().hexdigest()
    with (
        (bag / "manifest-sha256.txt").open("w", encoding="ascii") as sha256,
        (bag / "manifest-sha512.txt").open("w", encoding="ascii") as sha512,
    ):
        for first in range(0, files, IN_A_FOLDER):
            paths = _fill(bag, first, min(files, first + IN_A_FOLDER))
            sha256.writelines(f"{digests[0]}  {path}\n" for path in paths)
            sha512.writelines(f"{digests[1]}  {path}\n" for path in paths)
    (folder / f"{bag.name}.complete").touch()
    return bag


def _fill(bag: Path, first: int, after: int) -> list[str]:
    folder = f"data/{first // IN_A_FOLDER:06d}"
    (bag / folder).mkdir()
    fd = os.open(bag / folder, os.O_RDONLY)
    try:
        names = [f"file {number:08d}.dat" for number in range(first, after)]
        os.mknod(names[0], 0o100644, dir_fd=fd)
        for name in names[1:]:
            os.link(names[0], name, src_dir_fd=fd, dst_dir_fd=fd)
    finally:
        os.close(fd)
    return [f"{folder}/{name}" for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[50_000, 500_000, 1_000_000])
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--work", type=Path, help="where bags are made, and kept")
    parser.add_argument("--no-peer", action="store_true", help="ours only")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samarkand-memory-") as made:
        work = said.work or Path(made)
        for files in said.files:
            bag = str(make(work, files))
            for job in said.jobs:
                ours = [str(BIN / "preserve"), "bag", "validate", bag, *JOBS[job]]
                _tell(f"{files} files, {job}, ours", ours)
            if not said.no_peer:
                _tell(f"{files} files, completeness, peer", [sys.executable, "-c", PEER, bag])


def _tell(title: str, command: list[str]) -> None:
    seen = run(command)
    print(
        f"{title}: {seen.wall:.1f} s, {seen.cpu:.1f} CPU s, peak {seen.peak_mib:.0f} MiB, "
        f"others {seen.others:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
