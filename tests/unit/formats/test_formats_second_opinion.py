"""libmagic from the system, else from the wheel, else none: identification goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from preservation.formats.evidence import Evidence
from preservation.formats.reconcile import reconcile

# In a process of its own: the worker's module must not be imported here.
SCRIPT = """
import json, sys
from pathlib import Path
import preservation.formats.worker as worker
real, seen, absent = worker.import_module, [], sys.argv[1].split(",")
def load(name):
    seen.append(name)
    if name in absent or (name == "magic" and "pylibmagic" not in seen):
        raise ImportError(name)
    return real(name)
worker.import_module = load
root = Path(sys.argv[2])
examiner = worker.Examiner(root)
said = examiner.examine(worker.Folders(), worker.Request(bytes(root), b"table.csv"))
print(json.dumps([examiner.toolchain()["libmagic"], said.to_json()]))
"""


@pytest.mark.parametrize(
    ("absent", "known", "flags"),
    [
        ("", True, ()),
        ("pylibmagic", False, ("second_opinion_absent",)),
    ],
)
def test_without_the_library_of_the_system(tmp_path: Path, absent, known, flags):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, absent, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    libmagic, said = json.loads(run.stdout)
    assert bool(libmagic) is known
    answer = reconcile(Evidence.from_json(said))
    assert (answer.puid, answer.flags) == ("x-fmt/18", flags)
