"""Comparing says which files are not intact, counts the others, and believes no silence."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from preservation.errors import MalformedError
from preservation.fixity import crew, engine, helpers, reading
from preservation.fixity.compare import Compared, Expected, compare
from preservation.fixity.engine import EngineSettings, Reading
from preservation.fixity.rate import RateLimit
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

pytestmark = pytest.mark.usefixtures("hashing")
BOTH = (Algorithm.SHA256, Algorithm.SHA512)


@pytest.fixture(params=["one", "threads", "helpers", "dead helpers"])
def settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> EngineSettings:
    """Every way through the engine, in short steps."""
    monkeypatch.setattr(crew, "LARGE", 4096)
    monkeypatch.setattr(crew, "LARGE_FOR_HELPERS", 4096)
    monkeypatch.setattr(helpers, "BATCH", 7)
    if "helpers" in request.param:
        monkeypatch.setattr(helpers, "ENOUGH", 4)
    if request.param == "dead helpers":
        monkeypatch.setattr(helpers.sys, "executable", "/bin/false")
    return EngineSettings(workers=1 if request.param == "one" else 2)


def filled(root: Path, number: int = 40) -> dict[bytes, bytes]:
    contents = {b"d%d/f%d" % (n % 3, n): os.urandom(n * 300) for n in range(number)}
    for path, data in contents.items():
        place = root / os.fsdecode(path)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    return contents


def expected(contents: dict[bytes, bytes]) -> Expected:
    columns = [
        b"".join(hashlib.new(each.value, data).digest() for data in contents.values())
        for each in BOTH
    ]
    return Expected(list(contents), BOTH, tuple(columns))


def summed(root: Path, batches: list[Expected], settings: EngineSettings) -> Compared:
    intact = octets = 0
    unequal = []
    for part in compare(root, batches, settings, Silence()):
        intact, octets = intact + part.intact, octets + part.octets
        unequal += part.unequal
    return Compared(intact, octets, unequal)


def test_what_is_intact_is_counted_and_nothing_else_comes_back(
    tmp_path: Path, settings: EngineSettings
) -> None:
    contents = filled(tmp_path)
    total = sum(len(data) for data in contents.values())
    assert summed(tmp_path, [expected(contents)], settings) == Compared(40, total, [])


def test_every_other_file_comes_back_with_what_was_seen(
    tmp_path: Path, settings: EngineSettings
) -> None:
    contents = filled(tmp_path)
    batch = expected(contents)
    (tmp_path / "d1/f1").write_bytes(b"x")
    (tmp_path / "d2/f38").write_bytes(contents[b"d2/f38"][:-1] + b"?")  # a large one
    (tmp_path / "d2/f2").unlink()
    (tmp_path / "d0/f3").unlink()
    (tmp_path / "d0/f3").symlink_to("f6")
    batch = batch._replace(paths=[*batch.paths[:-1], b"../d0/f39"])
    found = summed(tmp_path, [batch], settings)
    assert found.intact == 35
    readings = {each.seen.path: each.seen.reading for each in found.unequal}
    assert readings == {
        b"d1/f1": Reading.READ,
        b"d2/f38": Reading.READ,
        b"d2/f2": Reading.MISSING,
        b"d0/f3": Reading.IRREGULAR,
        b"../d0/f39": Reading.UNCHECKED,
    }
    for seen, wanted in found.unequal:
        assert [digest.algorithm for digest in wanted] == [*BOTH]
        assert bool(seen.digests) is (seen.reading is Reading.READ)


def test_one_differing_digest_of_two_is_enough(tmp_path: Path, settings: EngineSettings) -> None:
    batch = expected(filled(tmp_path, 5))
    first, second = batch.digests
    batch = batch._replace(digests=(first, second[:-1] + bytes([second[-1] ^ 1])))
    found = summed(tmp_path, [batch], settings)
    assert (found.intact, [each.seen.path for each in found.unequal]) == (4, [b"d1/f4"])


def test_a_folder_that_is_missing_halfway_leads_no_other_path_astray(
    tmp_path: Path, settings: EngineSettings
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_bytes(b"another")
    (tmp_path / "f").write_bytes(b"the one")
    wanted = expected({b"d/gone/f": b"the one", b"f": b"the one", b"g": b"", b"h": b""})
    found = summed(tmp_path, [wanted], settings)
    assert found.intact == 1
    assert {each.seen.path for each in found.unequal} == {b"d/gone/f", b"g", b"h"}


@pytest.mark.parametrize(
    "absent",
    [
        Expected([b"f"], (), ()),
        Expected([b"f"], BOTH, ()),
        Expected([b"f"], BOTH, (bytes(32), b"")),
        Expected([b"f", b"g"], (Algorithm.SHA256,), (bytes(32),)),
    ],
)
def test_an_absent_digest_is_never_equal_to_anything(tmp_path: Path, absent: Expected) -> None:
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(MalformedError):
        summed(tmp_path, [absent], EngineSettings())


def test_a_file_that_cannot_be_read_equals_no_digest_not_even_of_nothing(
    tmp_path: Path, settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(bytes(5000))

    def failing(*_: object) -> int:
        raise OSError(errno.EACCES, "refused")

    monkeypatch.setattr(os, "readv", failing)
    found = summed(tmp_path, [expected({b"f": b""})], settings)
    assert found.intact == 0
    seen = found.unequal[0].seen
    assert (seen.reading, seen.size, seen.octets) == (Reading.UNCHECKED, 5000, 0)


def test_a_medium_that_fails_halfway_is_told_with_what_was_read_and_what_was_seen(
    tmp_path: Path, settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(bytes(5000))
    readv = os.readv

    def failing(fd: int, buffers: list[memoryview]) -> int:
        if os.lseek(fd, 0, os.SEEK_CUR) >= 2000:
            raise OSError(errno.EIO, "broken")
        return readv(fd, buffers)

    monkeypatch.setattr(reading, "BLOCK", 1000)
    monkeypatch.setattr(reading, "_PAUSE", 0)
    monkeypatch.setattr(os, "readv", failing)
    seen = summed(tmp_path, [expected({b"f": bytes(5000)})], settings).unequal[0].seen
    assert (seen.reading, seen.size, seen.octets) == (Reading.UNREADABLE, 5000, 2000)
    assert not seen.digests


def test_a_budget_holds_for_helpers_too_and_may_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "ENOUGH", 4)
    contents = filled(tmp_path, 60)
    paid: list[int] = []

    class Noting(RateLimit):
        def take(self, octets: int, give_up: object = None) -> None:
            paid.append(octets)

    rate = Noting(None)
    summed(tmp_path, [expected(contents)], EngineSettings(rate=rate))
    assert sum(paid) >= sum(len(data) for data in contents.values())
    assert max(paid) <= max(engine.PAID * 60 * 300, 2 * crew.LARGE)


def test_cancelling_ends_a_wait_for_the_budget(tmp_path: Path) -> None:
    contents = filled(tmp_path, 200)
    asked = iter([False] * 4)
    with pytest.raises(StoppedError):
        for _ in compare(
            tmp_path,
            [expected(contents)],
            EngineSettings(rate=RateLimit(1)),
            Silence(),
            cancelled=lambda: next(asked, True),
        ):
            pass
