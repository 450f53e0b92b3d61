"""A process that runs out of open files has nothing to say about the bag that it was reading."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from preservation.bags.create import BagPlan, create
from preservation.fixity.engine import EngineSettings
from preservation.model.progress import Silence

# In a process of its own: with so few descriptors nothing else works either.
_CHILD = """
import resource, sys
from pathlib import Path
from preservation.bags.validate import Mode, validate
from preservation.errors import NotNowError
from preservation.files.walk import walk
from preservation.fixity.engine import EngineSettings
from preservation.model.progress import Silence

bag, settings, hard = Path(sys.argv[1]), EngineSettings(workers=2), 256

def told(ask):
    try:
        return ask()
    except NotNowError as error:
        return error.code

def validated():
    report = validate(bag, mode=Mode.FULL, settings=settings, progress=Silence())
    return "valid" if report.valid and report.fixity_checked else report.findings

validated()  # whatever is loaded on the way is loaded now
for most in (*range(3, 24, int(sys.argv[2])), 40):
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    said = told(validated), told(lambda: {entry.error for entry in walk(bag)})
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(most, *said)
"""


@pytest.mark.parametrize(("files", "step"), [(3, 1), (2100, 4)])
def test_too_few_descriptors_are_never_a_verdict_on_the_bag(
    tmp_path: Path, files: int, step: int
) -> None:
    bag = _bag(tmp_path, files)
    child = [sys.executable, "-c", _CHILD, str(bag), str(step)]
    told = subprocess.run(child, capture_output=True, text=True, check=True, timeout=120).stdout
    said = [line.split(maxsplit=2)[1:] for line in told.splitlines()]
    validated, walked = ({each[place] for each in said} for place in (0, 1))
    assert validated == {"valid", "FS-OUT-OF-MEANS"}, told
    assert walked == {"{''}", "FS-OUT-OF-MEANS"}, told
    assert said[-1] == ["valid", "{''}"]


def test_a_bag_is_made_with_as_few_open_files_as_one_file_after_the_other_takes(
    tmp_path: Path,
) -> None:
    source, code = (
        tmp_path / "source",
        (
            "import resource, sys\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256))\n"
            "from preservation.cli.main import run\n"
            "run(['bag', 'create', *sys.argv[1:]])\n"
        ),
    )
    source.mkdir()
    for number in range(200):
        (source / f"{number}.bin").write_bytes(bytes(600_000 if number % 2 else number))
    child = [sys.executable, "-c", code, source, tmp_path / "bag"]
    ended = subprocess.run(child, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr


def _bag(folder: Path, files: int) -> Path:
    source = folder / "source"
    for number in range(files):
        path = source / str(number % 3) / "deeper" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number))
    bag = folder / "bag"
    create(source, bag, BagPlan(), settings=EngineSettings(workers=2), progress=Silence())
    return bag
