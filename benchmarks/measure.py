"""Whole processes, started in turn, measured by the operating system."""

from __future__ import annotations

import os
import platform
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

# Every command runs from compiled bytecode, as an installation does after its first start.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "samarkand-bench-bytecode")
}


QUIET = 0.3  # cores that others may use while a figure is taken


@dataclass(frozen=True)
class Run:
    """One process: seconds of wall and CPU, MiB at its peak, cores that others used meanwhile."""

    wall: float
    cpu: float
    peak_mib: float
    others: float


def run(command: Sequence[str], cwd: Path | None = None, *, allowed: Collection[int] = (0,)) -> Run:
    """Run a command to its end.

    Args:
        allowed: exit codes with which it did what is measured.

    Raises:
        SystemExit: it failed; a figure of a failed command means nothing.
    """
    busy_before, began = busy(), time.perf_counter()
    process = subprocess.Popen(
        list(command),
        cwd=cwd,
        env=_ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if os.waitstatus_to_exitcode(status) not in allowed:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    cpu = usage.ru_utime + usage.ru_stime
    others = max(0.0, (busy() - busy_before - cpu) / wall)
    return Run(wall, cpu, usage.ru_maxrss / 1024, others)


def busy() -> float:
    """Seconds of CPU that the machine has spent at work."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, *_ = fields
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contest:
    """Commands by name, who is the peer, and what is the limit.

    Attributes:
        before: what has to happen before each run; not measured.
        limit: the command that does the least that anybody could who hashes one file after the
            other; may be absent.
        rounds: if not as many as asked for.
    """

    title: str
    commands: dict[str, Sequence[str]]
    peer: str
    limit: str = ""
    before: Callable[[str], None] = lambda _: None
    rounds: int | None = None


def compete(contest: Contest, rounds: int, warm_up: int = 1) -> dict[str, list[Run]]:
    """Let the commands run in turn, A B A B …; the first rounds are not counted."""
    runs: dict[str, list[Run]] = {name: [] for name in contest.commands}
    for number in range(rounds + warm_up):
        for name, command in contest.commands.items():
            contest.before(name)
            measured = run(command)
            if number >= warm_up:
                runs[name].append(measured)
    return runs


def rows(contest: Contest, runs: dict[str, list[Run]]) -> list[str]:
    """Markdown: medians, and ratios that are taken round by round.

    *Times the peer* is how many times as fast; *of the limit* what part of the speed that C and
    OpenSSL reach, one file after the other: whoever hashes several at once may pass it. With
    others at work on 0.3 cores or more, only the CPU column says something.
    """
    out = [
        f"### {contest.title}",
        "",
        "| command | wall s | CPU s | MiB | times the peer | CPU / peer | of the limit | others |",
        "|---|---|---|---|---|---|---|---|",
    ]
    peers, limits = runs[contest.peer], runs.get(contest.limit)
    for name, mine in runs.items():
        speed = statistics.median(b.wall / a.wall for a, b in zip(mine, peers, strict=True))
        cpu = statistics.median(a.cpu / b.cpu for a, b in zip(mine, peers, strict=True))
        of_limit = "-"
        if limits:
            pairs = zip(mine, limits, strict=True)
            of_limit = f"{statistics.median(b.wall / a.wall for a, b in pairs):.0%}"
        others = _median(mine, "others")
        counts = "" if others < QUIET else " *does not count*"
        out.append(
            f"| {name} | {_median(mine, 'wall'):.2f} | {_median(mine, 'cpu'):.2f} "
            f"| {_median(mine, 'peak_mib'):.0f} | {speed:.2f} | {cpu:.2f} | {of_limit} "
            f"| {others:.1f}{counts} |"
        )
    return [*out, ""]


def machine() -> str:
    """One line that says where this was measured."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    kib = int(Path("/proc/meminfo").read_text().split()[1])
    system = os.uname()
    return (
        f"{os.cpu_count()} cores {model}, {kib / (1 << 20):.0f} GiB, {system.sysname} "
        f"{system.release}, CPython {platform.python_version()}, {ssl.OPENSSL_VERSION}"
    )


def _median(runs: list[Run], field: str) -> float:
    return statistics.median(getattr(one, field) for one in runs)
