"""What is measured: each job prepares its corpus and says which commands compete.

The peer is bagit-python with two processes; the limit of hashing one file after the other is
``c_limit.c``. Every command is a whole process, started as a user would.
"""

from __future__ import annotations

import itertools
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from corpora import make
from measure import Contest

BIN = Path(sys.executable).parent
BAGIT, PRESERVE = str(BIN / "bagit.py"), str(BIN / "preserve")
POLICIES = str(Path(__file__).parents[1] / "policies")
LIMIT = "C and OpenSSL"
_BOTH = ("sha256", "sha512")


@dataclass(frozen=True)
class Place:
    """Where a job works, and how much of it is done.

    Attributes:
        limit: the compiled ``c_limit``; None where it cannot be compiled.
    """

    work: Path
    scale: float
    limit: Path | None


Job = Callable[[Place], Contest]


def compiled(work: Path) -> tuple[Path | None, str]:
    """The limit, and why there is none."""
    made, source = work / "c_limit", Path(__file__).with_name("c_limit.c")
    command = ["cc", "-O2", "-o", str(made), str(source), "-lcrypto", "-lpthread"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return None, f"no C compiler: {error.strerror}"
    if ended.returncode:
        return None, f"it cannot be compiled: {ended.stderr.strip().splitlines()[0]}"
    return made, ""


def _bag(place: Place, shape: str, algorithms: Sequence[str]) -> Path:
    """A bag of a corpus; made by a process of its own: what we hold counts as our children's."""
    words = [shape, "--out", place.work, "--scale", place.scale, "--list", place.work / "files"]
    words += ["--bag", ",".join(algorithms)]
    script = Path(__file__).with_name("corpora.py")
    command = [sys.executable, str(script), *map(str, words)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Path(said.strip()).parent


def validate(place: Place, shape: str, algorithms: Sequence[str]) -> Contest:
    """Read and compare every file of a bag."""
    bag = _bag(place, shape, algorithms)
    commands: dict[str, Sequence[str]] = {
        "bagit.py": [BAGIT, "--quiet", "--validate", "--processes", "2", str(bag)],
        "preserve": [PRESERVE, "bag", "validate", str(bag)],
    }
    if place.limit is not None:
        listed = shlex.quote(str(place.work / "files"))
        words = f"{shlex.quote(str(place.limit))} 2 {','.join(algorithms)} < {listed}"
        commands[LIMIT] = ["sh", "-c", words]
    title = f"validate, {shape}, {' and '.join(algorithms)}"
    return Contest(title, commands, "bagit.py", LIMIT)


def validate_only_ours(place: Place, shape: str) -> Contest:
    """For the peak of memory: the peer would take minutes."""
    bag = _bag(place, shape, _BOTH)
    command = [PRESERVE, "bag", "validate", str(bag)]
    return Contest(f"validate, {shape}, memory", {"preserve": command}, "preserve", rounds=1)


def complete(place: Place, shape: str) -> Contest:
    """Open a bag and compare names; no payload is read."""
    bag = _bag(place, shape, _BOTH)
    commands = {
        "bagit.py": [BAGIT, "--quiet", "--validate", "--completeness-only", str(bag)],
        "preserve": [PRESERVE, "bag", "validate", "--completeness-only", str(bag)],
    }
    return Contest(f"open and check completeness, {shape}", commands, "bagit.py", rounds=1)


def create(place: Place, shape: str) -> Contest:
    """Make a bag. The peer works in place: what it is given is copied before, uncounted; or
    counted, as ours leaves the source as it is. All wait until the medium has it.

    Bags of many files are kept until the end: ext4 is slow to make files where many were
    removed a moment ago.
    """
    files = make(shape, place.work, place.scale)
    peer, ours, numbers = place.work / "peer", place.work / "ours", itertools.count()
    source, copy = shlex.quote(str(files)), shlex.quote(str(peer))
    in_place = f"{shlex.quote(BAGIT)} --quiet --processes 2 {copy} && sync -f {copy}"

    def prepare(name: str) -> None:
        for one in (peer, ours):
            if one.exists() and shape == "small":
                one.rename(place.work / f"done-{next(numbers)}")
            shutil.rmtree(one, ignore_errors=True)
        if name == "bagit.py in place":
            shutil.copytree(files, peer)

    commands = {
        "bagit.py in place": ["sh", "-c", in_place],
        "cp, bagit.py": ["sh", "-c", f"cp -r {source} {copy} && {in_place}"],
        "preserve": [PRESERVE, "bag", "create", str(files), str(ours)],
    }
    title = f"create, {shape}, sha256 and sha512"
    return Contest(title, commands, "bagit.py in place", before=prepare)


def ingest(place: Place, shape: str) -> Contest:
    """Bag, identify, two replicas. Ours reads each replica back and compares it besides; so the
    second peer does.
    """
    files = make(shape, place.work, place.scale)
    home, bag = place.work / "home", place.work / "bag"
    copies = [place.work / "copy-1", place.work / "copy-2"]
    quoted = partial(shlex.quote)
    ours = f"{quoted(PRESERVE)} --home {quoted(str(home))} --policies {quoted(POLICIES)}"
    steps = [
        f"cp -r {quoted(str(files))} {quoted(str(bag))}",
        f"{quoted(BAGIT)} --quiet --processes 2 {quoted(str(bag))}",
        f"find {quoted(str(bag))}/data -type f -print0 | xargs -0 file --brief --mime > /dev/null",
        *(f"cp -r {quoted(str(bag))} {quoted(str(copy))}" for copy in copies),
    ]
    checks = [
        f"{quoted(BAGIT)} --quiet --validate --processes 2 {quoted(str(copy))}" for copy in copies
    ]

    def prepare(name: str) -> None:
        for one in (home, bag, *copies):
            shutil.rmtree(one, ignore_errors=True)
        if name == "preserve":
            subprocess.run(["sh", "-c", f"{ours} init"], check=True, stdout=subprocess.DEVNULL)

    taken = f"{ours} ingest {quoted(str(files))} --community field-notes --replicate"
    commands = {
        "cp, bagit.py, file, cp, cp": ["sh", "-c", " && ".join(steps)],
        "and both validated": ["sh", "-c", " && ".join(steps + checks)],
        "preserve": ["sh", "-c", taken],
    }
    title = f"ingest, {shape}: bag, formats, two replicas"
    return Contest(title, commands, "cp, bagit.py, file, cp, cp", before=prepare)


JOBS: dict[str, tuple[Job, str]] = {
    "validate-small": (partial(validate, shape="small", algorithms=_BOTH), "small"),
    "validate-small-sha256": (partial(validate, shape="small", algorithms=_BOTH[:1]), "small"),
    "create-small": (partial(create, shape="small"), "small"),
    "validate-mixed": (partial(validate, shape="mixed", algorithms=_BOTH), "mixed"),
    "validate-mixed-sha256": (partial(validate, shape="mixed", algorithms=_BOTH[:1]), "mixed"),
    "create-mixed": (partial(create, shape="mixed"), "mixed"),
    "validate-big": (partial(validate, shape="big", algorithms=_BOTH), "big"),
    "validate-big-sha256": (partial(validate, shape="big", algorithms=_BOTH[:1]), "big"),
    "validate-one": (partial(validate, shape="one", algorithms=_BOTH), "one"),
    "validate-deposit": (partial(validate, shape="deposit", algorithms=_BOTH), "deposit"),
    "ingest": (partial(ingest, shape="deposit"), "deposit"),
    "memory": (partial(validate_only_ours, shape="tiny"), "tiny"),
    "open": (partial(complete, shape="empty"), "empty"),
}
