"""A worker that lacks open files says nothing about the item that it was asked about."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from preservation.errors import NotNowError
from preservation.files.workers import Trouble, WorkerFailure, WorkerPool

_FEW = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
from pathlib import Path
from preservation.errors import NotNowError
from preservation.formats.identifier import FormatIdentifier
with FormatIdentifier() as identifier:
    try:
        print(identifier.identify(Path(sys.argv[1]), [b"text.txt"]))
    except NotNowError as error:
        print(error.code, error.message)
"""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.mark.parametrize("short", [errno.EMFILE, errno.ENFILE])
def test_a_lack_of_descriptors_is_no_items_doing(short: int) -> None:
    batch = [{"errno": 0}, {"errno": short}, {"errno": 0}]
    with WorkerPool("short_worker") as pool:
        with pytest.raises(NotNowError) as raised:
            pool.run(batch, 30)
        assert raised.value.code == "FS-OUT-OF-MEANS"
        assert pool.run([{"errno": 0}], 30) == [{"errno": 0}]


def test_any_other_error_is_told_of_its_item() -> None:
    with WorkerPool("short_worker") as pool:
        good, bad = pool.run([{"errno": 0}, {"errno": errno.EIO}], 30)
    assert good == {"errno": 0}
    assert isinstance(bad, WorkerFailure)
    assert bad.trouble is Trouble.RAISED


def test_nothing_is_called_unreadable_where_few_files_may_be_open(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("text")
    said = [sys.executable, "-c", _FEW, str(tmp_path)]
    told = subprocess.run(said, capture_output=True, text=True, check=True, timeout=100).stdout
    assert told.startswith("WORKER-START"), told
    assert "may have 24" in told
