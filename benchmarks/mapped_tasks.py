"""Two hundred deposits through one ingest run of the real, local Airflow: none may get stuck."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from preservation.supervise.rest import AirflowApi

PROJECT = Path(__file__).parent.parent
DAG = "ingest__field-notes"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deposits", type=int, default=200)
    said = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="samarkand-soak-"))
    policies = never_by_itself(work)
    program = str(Path(sys.executable).with_name("preserve"))
    preserve = [program, "--home", str(work / "home"), "--policies", str(policies)]
    subprocess.run([*preserve, "init"], check=True, cwd=PROJECT, stdout=subprocess.DEVNULL)
    for number in range(said.deposits):
        deposit = work / "home" / "inbox" / "field-notes" / f"deposit {number:04d}"
        deposit.mkdir()
        (deposit / "note.txt").write_text(f"note {number}\n" * 20, "utf-8")
    try:
        up = subprocess.run(
            [*preserve, "up", "--json"], check=True, cwd=PROJECT, capture_output=True, text=True
        )
        return _soak(json.loads(up.stdout), said.deposits)
    finally:
        subprocess.run([*preserve, "down"], check=False, cwd=PROJECT)
        shutil.rmtree(work, ignore_errors=True)


def never_by_itself(work: Path) -> Path:
    """The shipped policies, but that nothing is taken in until we say so."""
    policies = work / "policies"
    shutil.copytree(PROJECT / "policies", policies)
    baseline = policies / "baseline.yaml"
    text = baseline.read_text("utf-8")
    baseline.write_text(text.replace('"*/15 * * * *"', '"0 0 1 1 *"'), "utf-8")
    return policies


def _soak(running: dict[str, object], deposits: int) -> int:
    admin = next(user for user in running["users"] if user["name"] == "admin")
    api = AirflowApi(str(running["url"]), "admin", admin["password"])
    api.wait_for_dag(DAG)
    began = time.monotonic()
    run = api.trigger(DAG)
    state = api.wait(DAG, run, timeout_seconds=3600)
    took = time.monotonic() - began
    tasks = [one for one in api.task_instances(DAG, run) if one.task == "deposit.take"]
    states = Counter(one.state for one in tasks)
    tries = Counter(one.tries for one in tasks)
    print(f"{len(tasks)} mapped tasks in {took:.0f} s ({took / max(1, len(tasks)):.2f} s each)")
    print(f"run {state}; states {dict(states)}; tries {dict(tries)}")
    well = state == "success" and states == {"success": deposits}
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
