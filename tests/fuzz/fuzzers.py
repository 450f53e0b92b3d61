"""Run every harness, each in a process of its own, for a share of the time.

    python tests/fuzz/fuzzers.py [SECONDS] [--only NAME]

Exit code 1 if a harness fell; its case is in ``tests/fuzz/found/``. Mend the parser, and keep the
case in ``corpus/<parser>/`` under a name that says what it was.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
FOUND = HERE / "found"
LARGEST = 4096  # octets of a case


def harnesses() -> list[str]:
    """The names of all parsers."""
    return sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))


def run(name: str, seconds: int) -> subprocess.CompletedProcess[str]:
    """Fuzz one parser."""
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as new:
        command = [
            sys.executable,
            str(HERE / f"fuzz_{name}.py"),
            f"-max_total_time={seconds}",
            f"-max_len={LARGEST}",
            "-timeout=10",
            "-rss_limit_mb=1024",
            f"-artifact_prefix={FOUND}/{name}-",
            "-print_final_stats=1",
            new,
            str(CORPUS / name),
        ]
        return subprocess.run(command, capture_output=True, text=True, errors="replace")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=int, nargs="?", default=60, help="in all")
    parser.add_argument("--only", help="one parser")
    chosen = parser.parse_args()
    names = [chosen.only] if chosen.only else harnesses()
    fallen = 0
    for name in names:
        done = run(name, max(1, chosen.seconds // len(names)))
        stats = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        executed = stats[0].rpartition(":")[2].strip() if stats else "?"
        print(f"{name:16} {'fine' if done.returncode == 0 else 'FELL':5} {executed:>9} cases")
        if done.returncode:
            fallen += 1
            print(done.stdout[-4000:], done.stderr[-1000:])
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
