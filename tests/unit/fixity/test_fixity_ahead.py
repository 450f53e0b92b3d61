"""What is read ahead is compared like everything else: only sooner read."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from preservation.fixity import crew, helpers
from preservation.fixity.ahead import Ahead
from preservation.fixity.compare import Compared, Expected, compare
from preservation.fixity.engine import EngineSettings
from preservation.fixity.helpers import Helper
from preservation.fixity.reading import Reading, StoppedError
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

pytestmark = pytest.mark.usefixtures("hashing")
BOTH = (Algorithm.SHA256, Algorithm.SHA512)
SETTINGS = EngineSettings(workers=2)


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "LARGE", 4096)
    monkeypatch.setattr(crew, "LARGE_FOR_HELPERS", 4096)
    monkeypatch.setattr("preservation.fixity.ahead.LARGE_FOR_HELPERS", 4096)
    monkeypatch.setattr(helpers, "ENOUGH", 4)
    monkeypatch.setattr(helpers, "BATCH", 5)


@pytest.fixture
def contents(tmp_path: Path) -> dict[bytes, bytes]:
    found = {b"d%d/f%02d" % (n // 20, n): os.urandom(n * 70) for n in range(80)}
    for path, data in found.items():
        place = tmp_path / os.fsdecode(path)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    return found


@pytest.fixture
def ahead(tmp_path: Path) -> Iterator[Ahead]:
    root = os.open(tmp_path, os.O_RDONLY)
    with Ahead(root, 2) as reading:
        yield reading
    os.close(root)
    assert not _children()


def expected(contents: dict[bytes, bytes], algorithms: tuple[Algorithm, ...] = BOTH) -> Expected:
    columns = (
        b"".join(hashlib.new(each.value, data).digest() for data in contents.values())
        for each in algorithms
    )
    return Expected(list(contents), algorithms, tuple(columns))


def summed(root: Path, batch: Expected, ahead: Ahead | None) -> Compared:
    parts = list(compare(root, [batch], SETTINGS, Silence(), ahead=ahead))
    unequal = sorted(
        (each for part in parts for each in part.unequal), key=lambda each: each.seen.path
    )
    return Compared(sum(p.intact for p in parts), sum(p.octets for p in parts), unequal)


@pytest.mark.parametrize("order", ["as listed", "otherwise", "in lots", "some", "none"])
def test_what_was_read_ahead_is_compared_as_if_it_was_not(
    tmp_path: Path, contents: dict[bytes, bytes], ahead: Ahead, order: str
) -> None:
    (tmp_path / "d0" / "f03").write_bytes(b"other octets")
    (tmp_path / "d1" / "f25").unlink()
    (tmp_path / "d1" / "f26").unlink()
    (tmp_path / "d1" / "f26").symlink_to("f27")
    (tmp_path / "d2" / "f41").unlink()
    os.mkfifo(tmp_path / "d2" / "f41")
    (tmp_path / "unlisted").write_bytes(b"in nobody's list")
    names = [b"unlisted", *contents]
    lots = {
        "as listed": [[*contents][n : n + 20] for n in range(0, 80, 20)],
        "otherwise": [names[::-1]],
        "in lots": [names[n::3] for n in range(3)],
        "some": [names[13:30]],
        "none": [],
    }
    for lot in lots[order]:
        ahead.put(lot, BOTH)
    batch = expected(contents)
    assert summed(tmp_path, batch, ahead) == summed(tmp_path, batch, None)


def test_no_small_file_is_read_twice(
    tmp_path: Path,
    contents: dict[bytes, bytes],
    ahead: Ahead,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []
    ask = Helper.ask

    def noting(self: Helper, names: Sequence[str], paths: Sequence[bytes]) -> None:
        asked.extend(paths)
        ask(self, names, paths)

    monkeypatch.setattr(Helper, "ask", noting)
    ahead.put([*contents], BOTH)
    early = len(asked)
    assert summed(tmp_path, expected(contents), ahead).intact == len(contents)
    small = [path for path, data in contents.items() if len(data) <= 4096]
    assert early
    assert [asked.count(path) for path in small] == [1] * len(small)


def test_fewer_digests_than_were_taken_ahead_are_compared(
    tmp_path: Path, contents: dict[bytes, bytes], ahead: Ahead
) -> None:
    ahead.put([*contents], BOTH)
    batch = expected(contents, BOTH[1:])
    assert summed(tmp_path, batch, ahead) == summed(tmp_path, batch, None)


def test_digests_that_were_not_taken_ahead_are_taken(
    tmp_path: Path, contents: dict[bytes, bytes], ahead: Ahead
) -> None:
    ahead.put([*contents], BOTH[:1])
    (tmp_path / "d0" / "f03").write_bytes(b"other octets")
    seen = summed(tmp_path, expected(contents), ahead)
    assert seen.intact == len(contents) - 1
    assert [each.seen.path for each in seen.unequal] == [b"d0/f03"]


def test_a_second_comparison_reads_again(
    tmp_path: Path, contents: dict[bytes, bytes], ahead: Ahead
) -> None:
    for first in range(3):
        ahead.put([*contents][first::3], BOTH)
    before = summed(tmp_path, expected(contents), ahead)
    (tmp_path / "d0" / "f03").write_bytes(b"other octets")
    second = summed(tmp_path, expected(contents), ahead)
    assert (before.intact, second.intact) == (len(contents), len(contents) - 1)


def test_pipes_that_hold_little_end_it_early_and_nobody_waits(
    tmp_path: Path, contents: dict[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "_PIPE", 4096)
    monkeypatch.setattr(helpers, "BATCH", 40)
    root = os.open(tmp_path, os.O_RDONLY)
    with Ahead(root, 1) as ahead:
        for _ in range(100):
            ahead.put([*contents], BOTH)
        assert summed(tmp_path, expected(contents), ahead).intact == len(contents)
    os.close(root)


def test_a_helper_that_is_killed_has_read_nothing(
    tmp_path: Path, contents: dict[bytes, bytes], ahead: Ahead
) -> None:
    ahead.put([*contents][:10], BOTH)
    for pid in _children():
        os.kill(pid, signal.SIGKILL)
    ahead.put([*contents][10:], BOTH)
    assert summed(tmp_path, expected(contents), ahead).intact == len(contents)


def test_cancelling_ends_it(tmp_path: Path, contents: dict[bytes, bytes], ahead: Ahead) -> None:
    ahead.put([*contents], BOTH)
    with pytest.raises(StoppedError):
        list(
            compare(tmp_path, [expected(contents)], SETTINGS, Silence(), lambda: True, ahead=ahead)
        )


def test_who_leaves_early_waits_for_no_file_that_nobody_wants_any_more(
    tmp_path: Path, contents: dict[bytes, bytes]
) -> None:
    root = os.open(tmp_path, os.O_RDONLY)
    with Ahead(root, 2) as ahead:
        ahead.put([*contents], BOTH)
        started = [helper.process for helper in ahead._helpers]
    os.close(root)
    assert [each and each.returncode for each in started] == [-signal.SIGKILL] * 2


def test_cancelling_ends_the_handing_over_too(contents: dict[bytes, bytes], ahead: Ahead) -> None:
    ahead.put([*contents], BOTH)
    with pytest.raises(StoppedError):
        ahead.helpers(lambda: True)


def test_a_file_that_differs_ahead_of_time_is_told_with_what_was_read(
    tmp_path: Path, contents: dict[bytes, bytes], ahead: Ahead
) -> None:
    (tmp_path / "d0" / "f01").write_bytes(b"other octets")
    ahead.put([*contents], BOTH)
    batch = expected(contents)
    (unequal,) = summed(tmp_path, batch, ahead).unequal
    assert (unequal.seen.path, unequal.seen.reading) == (b"d0/f01", Reading.READ)
    assert unequal.seen.digests[BOTH[0]].value == hashlib.sha256(b"other octets").digest()


def _children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(p) for p in listed if "helper_main" in Path(f"/proc/{p}/cmdline").read_text()]
