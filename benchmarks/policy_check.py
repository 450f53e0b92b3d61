"""`preserve policy check` over a thousand communities, and `policy status` beside as many files.

    python benchmarks/policy_check.py [--communities 1000]

Goal: 10 s for the check.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measure import machine, run

PROJECT = Path(__file__).parents[1]


def crowd(folder: Path, count: int) -> Path:
    """The shipped policies, and copies of one until there are so many communities."""
    folder.mkdir()
    for path in (PROJECT / "policies").glob("*.yaml"):
        (folder / path.name).write_bytes(path.read_bytes())
    text = (folder / "silk-road.yaml").read_text(encoding="utf-8")
    for number in range(count - len(list(folder.glob("*.yaml"))) + 2):
        name = f"community-{number:04}"
        (folder / f"{name}.yaml").write_text(text.replace("silk-road", name), encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--communities", type=int, default=1000)
    count = parser.parse_args().communities
    preserve = str(Path(sys.executable).with_name("preserve"))
    with tempfile.TemporaryDirectory() as scratch:
        home, policies = Path(scratch) / "home", crowd(Path(scratch) / "policies", count)
        places = ["--home", str(home), "--policies", str(policies)]
        check = run([preserve, *places, "policy", "check", "--json"])
        run([preserve, *places, "init"])
        for _ in range(2):  # the first one notes which files it saw to be in force
            after = run([preserve, *places, "aip", "list"])
    print(machine())
    for what, one in (("policy check", check), ("any command after that", after)):
        print(
            f"{what}, {count:,} communities: {one.wall:.1f} s, of it {one.cpu:.1f} s of CPU, "
            f"{one.peak_mib:.0f} MiB (others used {one.others:.1f} cores)"
        )


if __name__ == "__main__":
    main()
