"""How many files a second are identified, by one worker and by two.

    python benchmarks/format_speed.py [CACHE] [--rounds 3]

One caller, the mix of `format_accuracy.py`, warm pages; a fresh pool for each round. What it takes
the workers to start is not counted. *others* is how many cores other work used meanwhile: above 0.3
only the CPU seconds say something.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from format_corpus import corpus
from measure import QUIET, busy

from preservation.formats.identifier import FormatIdentifier

_WARM_UP = 1100  # with fewer, one worker is at it alone
_GOALS = {1: 700, 2: 1200}  # files a second, by workers
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Speed:
    """One round: files a second, CPU seconds of each worker and of the caller, MiB, cores."""

    rate: float
    workers: tuple[float, ...]
    caller: float
    peak_mib: float
    others: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        items = corpus(asked.cache.resolve() if asked.cache else None, Path(folder) / "made")
        paths = [os.fsencode(item.path.relative_to("/")) for item in items]
        octets = sum(len(item.path.read_bytes()) for item in items)  # warms the pages, too
        print(f"{len(paths)} files, {octets >> 20} MiB")
        runs: dict[int, list[Speed]] = {workers: [] for workers in _GOALS}
        for _ in range(asked.rounds):
            for workers, seen in runs.items():
                seen.append(_round(paths, workers))
                print(_line(workers, seen[-1]))
    for workers, seen in runs.items():
        rate = statistics.median(one.rate for one in seen)
        noise = "" if all(one.others < QUIET for one in seen) else "; others were at work"
        print(f"median, {workers} at work: {rate:.0f} of {_GOALS[workers]} files a second{noise}")


def _round(paths: Sequence[bytes], workers: int) -> Speed:
    with FormatIdentifier(workers) as identifier:
        identifier.identify(Path("/"), paths[:_WARM_UP])
        children = _children()
        before, own, all_work = _spent(children), time.process_time(), busy()
        began = time.perf_counter()
        identifier.identify(Path("/"), paths)
        wall = time.perf_counter() - began
        caller, all_work = time.process_time() - own, busy() - all_work
        spent = tuple(now - then for now, then in zip(_spent(children), before, strict=True))
        peak = max(map(_peak_mib, children))
    others = max(0.0, (all_work - sum(spent) - caller) / wall)
    return Speed(len(paths) / wall, spent, caller, peak, others)


def _line(workers: int, one: Speed) -> str:
    spent = " + ".join(f"{seconds:.2f}" for seconds in one.workers)
    return (
        f"{workers} at work: {one.rate:5.0f} files/s, {spent} CPU-s, caller {one.caller:.2f}, "
        f"peak {one.peak_mib:.0f} MiB, others {one.others:.1f}"
    )


def _children() -> list[int]:
    """The processes that this one started."""
    numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [number for number in numbers if _stat(number)[1:2] == [str(os.getpid())]]


def _stat(number: int) -> list[str]:
    """Fields of proc(5)'s ``stat`` from the third on; none if the process is gone."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def _spent(numbers: Sequence[int]) -> list[float]:
    """CPU seconds of each process: ``utime`` and ``stime``."""
    return [sum(map(int, _stat(number)[11:13])) / _TICK for number in numbers]


def _peak_mib(number: int) -> float:
    """The most memory that a process held at a time: ``VmHWM``."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
