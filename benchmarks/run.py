"""Measures us against the peers and the limit, side by side in one run.

Each row is the median of paired rounds, and says how many cores other work used meanwhile: with
0.3 or more, only CPU seconds mean anything. Works in memory (/dev/shm) if 8 GiB are free there,
else in the folder for temporary files, or where ``--work`` says: on the medium in question.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import tempfile
from pathlib import Path

from jobs import JOBS, Place, compiled
from measure import compete, machine, rows

_ROOM = 8 << 30  # octets that the largest job needs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", metavar="job", help=f"of {', '.join(JOBS)}; else all")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of the files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="a folder to work in")
    said = parser.parse_args()
    unknown = [name for name in said.jobs if name not in JOBS]
    if unknown:
        parser.error(f"no such job: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(
        prefix="samarkand-bench-", dir=said.work or _roomy(), ignore_cleanup_errors=True
    ) as made:
        work = Path(made)
        limit, why = compiled(work)
        print(machine())
        print(f"scale {said.scale}, {said.rounds} rounds, bagit.py with 2 processes, in {work}")
        print(f"the limit is left out: {why}\n" if why else "")
        _run(said.jobs or list(JOBS), Place(work, said.scale, limit), said.rounds)


def _run(names: list[str], place: Place, rounds: int) -> None:
    """Jobs one after the other; a corpus is removed when the next one is of another shape."""
    for number, name in enumerate(names):
        job, shape = JOBS[name]
        contest = job(place)
        several = contest.rounds is None
        runs = compete(contest, contest.rounds or rounds, warm_up=int(several))
        print("\n".join(rows(contest, runs)), flush=True)
        following = names[number + 1 : number + 2]
        kept = f"{shape}-" if following and JOBS[following[0]][1] == shape else "c_limit"
        for one in place.work.iterdir():
            if one.is_dir() and not one.name.startswith(kept):
                shutil.rmtree(one, ignore_errors=True)


def _roomy() -> Path | None:
    memory = Path("/dev/shm")
    with contextlib.suppress(OSError):
        if shutil.disk_usage(memory).free >= _ROOM:
            return memory
    return None


if __name__ == "__main__":
    main()
