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
which, most = getattr(resource, sys.argv[2]), int(sys.argv[3])
resource.setrlimit(which, (most, most))
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


@pytest.mark.parametrize(("which", "most"), [("RLIMIT_NOFILE", 24), ("RLIMIT_AS", 1_500_000_000)])
def test_nothing_is_said_of_a_file_where_a_process_may_have_little(
    tmp_path: Path, which: str, most: int
) -> None:
    (tmp_path / "text.txt").write_text("text")
    said = [sys.executable, "-c", _FEW, str(tmp_path), which, str(most)]
    told = subprocess.run(said, capture_output=True, text=True, check=True, timeout=100).stdout
    assert told.startswith("WORKER-START"), told
    assert f"may have {most}" in told
