"""What a mapped task costs beside its shard, in CPU seconds of everything that `preserve up` runs.

    python benchmarks/shard_overhead.py [--shards 7]

Some AIPs of one small file each stand in the catalogue as if they were of many GiB, so that each
becomes a shard of its own that takes next to no work. One run of the real audit DAG checks one of
them, another all: the difference, shared out, is what scheduler, API server, database, supervisor
and the start of a task cost for a shard. What all of it costs at rest is subtracted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mapped_tasks import PROJECT, never_by_itself
from measure import machine

from preservation.supervise.rest import AirflowApi

COMMUNITY, DAG = "field-notes", "audit__field-notes"
SINCE = "2000-01-01"  # aims a run at everything, due or not
WORK_S = 30  # of a shard, as the goal says
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shards", type=int, default=7)
    parser.add_argument("--rest", type=int, default=30, help="seconds to look at it at rest")
    said = parser.parse_args()
    print(machine())
    work = Path(tempfile.mkdtemp(prefix="samarkand-shards-"))
    home = work / "home"
    program = str(Path(sys.executable).with_name("preserve"))
    preserve = [program, "--home", str(home), "--policies", str(never_by_itself(work))]
    subprocess.run([*preserve, "init"], check=True, cwd=PROJECT, stdout=subprocess.DEVNULL)
    aips = list(_ingested(preserve, work, said.shards))
    with sqlite3.connect(home / "catalogue.sqlite") as catalogue:
        catalogue.execute("UPDATE replica SET octets = ?", (12 * 1024**3,))
    try:
        up = subprocess.run(
            [*preserve, "up", "--json"], check=True, cwd=PROJECT, capture_output=True, text=True
        )
        _measure(json.loads(up.stdout), str(home), aips, said.rest)
    finally:
        subprocess.run([*preserve, "down"], check=False, cwd=PROJECT)
        shutil.rmtree(work, ignore_errors=True)


def _ingested(preserve: list[str], work: Path, count: int) -> Iterator[str]:
    for number in range(count):
        deposit = work / f"deposit {number}"
        deposit.mkdir()
        (deposit / "note.txt").write_text(f"note {number}\n", "utf-8")
        command = [*preserve, "ingest", str(deposit), "--community", COMMUNITY, "--json"]
        told = subprocess.run(command, check=True, cwd=PROJECT, capture_output=True, text=True)
        yield json.loads(told.stdout)["deposits"][0]["aip"]


def _measure(running: dict[str, Any], home: str, aips: list[str], rest: int) -> None:
    admin = next(user for user in running["users"] if user["name"] == "admin")
    api = AirflowApi(str(running["url"]), "admin", admin["password"])
    api.wait_for_dag(DAG)
    _run(api, home, aips[0])  # once, so that nothing is done for the first time below
    time.sleep(rest)
    before = spent(home)
    time.sleep(rest)
    idle = (spent(home) - before) / rest
    print(f"at rest: {idle:.3f} CPU-s a second")
    costs = []
    for aip in (aips[0], None):
        cpu, wall, tasks, shards = _run(api, home, aip)
        costs.append((shards, cpu - idle * wall))
        print(
            f"{shards} shards, {tasks} tasks: {cpu:.1f} CPU-s in {wall:.0f} s, {costs[-1][1]:.1f} "
            "of them not at rest"
        )
    (few, least), (many, most) = costs
    each = (most - least) / (many - few)
    print(f"each shard: {each:.2f} CPU-s, {each / WORK_S:.1%} of {WORK_S} s of work")
    print(f"what a run costs once, whatever its shards: {least - few * each:.1f} CPU-s")


def _run(api: AirflowApi, home: str, aip: str | None) -> tuple[float, float, int, int]:
    """Audit one AIP, or all: CPU and wall seconds, tasks, shards."""
    conf = {"tier": "vault"} | ({"since": SINCE} if aip is None else {"aip": aip})
    cpu, began = spent(home), time.monotonic()
    run = api.trigger(DAG, conf)
    state = api.wait(DAG, run, timeout_seconds=1200)
    tasks = api.task_instances(DAG, run)
    done = [one for one in tasks if one.state == "success"]
    shards = [one for one in done if one.task == "tier-vault.audit"]
    if state != "success" or not shards:
        raise SystemExit(f"the run ended {state}: {[(one.task, one.state) for one in tasks]}")
    return spent(home) - cpu, time.monotonic() - began, len(done), len(shards)


def spent(home: str) -> float:
    """CPU seconds of all processes that speak of a home, of what they started, and of those that
    have ended and were waited for.
    """
    ours, parents, ticks = set[int](), dict[int, int](), dict[int, int]()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            said = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        number = int(folder.name)
        parents[number], ticks[number] = int(fields[1]), sum(map(int, fields[11:15]))
        if home.encode() in said and number != os.getpid():
            ours.add(number)
    return sum(ticks[one] for one in ticks if _descends(one, ours, parents)) / TICKS


def _descends(process: int, ours: set[int], parents: dict[int, int]) -> bool:
    while process in parents:
        if process in ours:
            return True
        process = parents[process]
    return False


if __name__ == "__main__":
    main()
