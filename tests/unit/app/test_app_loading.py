"""Each command loads the rooms that it needs, and no other: a start is paid by every night."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from homes import Archive

import preservation
from preservation.app.editing import edited_policies
from preservation.ledger.policies import PolicyFiles

_SCRIPT = """
import sys
from preservation.cli.main import call
code = call(sys.argv[2:])
loaded = {name for name in sys.argv[1].split(",") if name in sys.modules}
print(code, *sorted(loaded), file=sys.stderr)
"""
_NEVER = (
    "airflow", "alembic", "boto3", "numpy", "pyarrow", "psycopg", "pydantic", "rich", "yaml",
    "sqlalchemy.dialects.postgresql", "sqlalchemy.orm", "preservation.storage.s3",
    "preservation.policy.check", "preservation.policy.montecarlo",
)  # fmt: skip
_WORK = ("formats.identifier", "ingest.service", "repair.service", "replication.service")


_KEEPING = ("retention.service", "repair.salvage", "replication.restore", "bags.validate")


@pytest.mark.parametrize(
    ("words", "needs"),
    [
        (["audit", "--all"], []),
        (["replicate"], ["preservation.replication.service"]),
        (["repair"], ["preservation.repair.service"]),
        (["ingest", "--inbox"], ["preservation.formats.identifier", "preservation.ingest.service"]),
    ],
)
def test_a_command_loads_no_room_but_its_own(
    words: list[str], needs: list[str], archive: Archive
) -> None:
    assert _loaded([*words, "--json"], _WORK, archive) == ["0", *needs]


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [(["aip", "list"], (*_WORK, *_KEEPING)), (["replicate"], ()), (["audit", "--all"], ())],
)
def test_a_table_in_a_pipe_takes_no_rich(
    words: list[str], unwanted: tuple[str, ...], archive: Archive
) -> None:
    archive.ingest(archive.put("d", {"f.txt": b"f"}))
    assert _loaded(words, unwanted, archive) == ["0"]


def _loaded(words: list[str], rooms: tuple[str, ...], archive: Archive) -> list[str]:
    """How a command ended, and what it loaded of some rooms, and of what none ever does."""
    # What was edited is known again by its octets: only the first command after that reads it.
    assert not edited_policies(PolicyFiles(archive.home / "policies"), archive.policies)
    watched = [*_NEVER, *(f"preservation.{name}" for name in rooms)]
    places = ["--home", str(archive.home), "--policies", str(archive.policies)]
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT, ",".join(watched), *places, *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stderr.splitlines()[-1].split()


def test_no_class_of_ours_has_its_methods_written_while_it_is_loaded() -> None:
    eager = re.compile(
        r"^from dataclasses import .*\bdataclass\b|\bdataclasses\.dataclass\(", re.MULTILINE
    )
    root = Path(preservation.__file__).parent
    found = {path.stem for path in root.rglob("*.py") if eager.search(path.read_text("utf-8"))}
    assert found == {"deferred"}, "import it from preservation.model.deferred"
