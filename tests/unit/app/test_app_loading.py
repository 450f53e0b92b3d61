"""Each command loads the rooms that it needs, and no other: a start is paid by every night."""

from __future__ import annotations

import subprocess
import sys

import pytest
from homes import Archive

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
    # What was edited is known again by its octets: only the first command after that reads it.
    assert not edited_policies(PolicyFiles(archive.home / "policies"), archive.policies)
    watched = [*_NEVER, *(f"preservation.{name}" for name in _WORK)]
    places = ["--home", str(archive.home), "--policies", str(archive.policies)]
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT, ",".join(watched), *places, *words, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr.splitlines()[-1].split() == ["0", *needs]
