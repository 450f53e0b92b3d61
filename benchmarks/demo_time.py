"""Seconds of ``make demo``: from a fresh clone, with the installation, and once more."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from measure import run

PROJECT = Path(__file__).parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="samarkand-demo-") as made:
        clone = Path(made) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(clone)], check=True)
        for title in ("fresh clone, with the installation", "second run", "third run"):
            seen = run(["make", "demo"], cwd=clone)
            print(f"{title}: {seen.wall:.0f} s wall, others {seen.others:.1f} cores", flush=True)


if __name__ == "__main__":
    main()
