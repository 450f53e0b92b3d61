"""What lanes say against a file is heard from OpenSSL, too, before it is told."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from preservation.fixity import compare as comparing
from preservation.fixity import crew, helpers, sha2
from preservation.fixity.compare import Compared, Expected, compare
from preservation.fixity.engine import EngineSettings
from preservation.fixity.helper_main import Taken
from preservation.fixity.helpers import Helper
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

BOTH = (Algorithm.SHA256, Algorithm.SHA512)


class Tally(Silence):
    octets = 0

    def advance(self, read_bytes: int) -> None:
        self.octets += read_bytes


def filled(root: Path, number: int) -> dict[bytes, bytes]:
    contents = {b"f%d" % n: os.urandom(n * 30) for n in range(number)}
    for path, data in contents.items():
        (root / os.fsdecode(path)).write_bytes(data)
    return contents


def expected(contents: dict[bytes, bytes], algorithms: Sequence[Algorithm] = BOTH) -> Expected:
    columns = [
        b"".join(hashlib.new(each.value, data).digest() for data in contents.values())
        for each in algorithms
    ]
    return Expected(list(contents), tuple(algorithms), tuple(columns))


def summed(root: Path, batches: list[Expected], progress: Silence, **more: object) -> Compared:
    settings = EngineSettings(**more)  # type: ignore[arg-type]
    intact, octets, unequal = 0, 0, []
    for part in compare(root, batches, settings, progress):
        intact, octets = intact + part.intact, octets + part.octets
        unequal += part.unequal
    return Compared(intact, octets, unequal)


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch, lanes: None) -> None:
    """Lanes that say something else of each third message."""
    honest = sha2.digests

    def lie(name: str, buffers: Sequence[sha2.Octets]) -> bytes:
        wrong = [bytes(buffer) + b"!" * (n % 3 == 0) for n, buffer in enumerate(buffers)]
        return honest(name, wrong)

    monkeypatch.setattr(sha2, "digests", lie)


@pytest.mark.parametrize("workers", [1, 2])
def test_lanes_that_err_make_no_intact_file_altered(
    tmp_path: Path, lying: None, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "_DOUBTED", 10)
    contents, tally = filled(tmp_path, 50), Tally()
    batches = [expected(contents), expected({b"f7": contents[b"f7"]}, BOTH[:1])]
    with pytest.warns(RuntimeWarning, match="look at this machine"):
        found = summed(tmp_path, batches, tally, workers=workers)
    assert (found.intact, list(found.unequal)) == (51, [])
    assert found.octets == tally.octets == sum(map(len, contents.values())) + 7 * 30


def test_a_helper_that_errs_makes_no_intact_file_altered(
    tmp_path: Path, hashing: str, in_python: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "ENOUGH", 4)
    contents = filled(tmp_path, 50)

    class Lying(Helper):
        def __init__(self, root: int, most: int, *, abreast: bool, **more: Any) -> None:
            super().__init__(root, most, abreast=abreast, **more)
            self.lies = abreast

        def hear(self) -> Taken:
            octets, columns = super().hear()
            return octets, [bytes(len(column)) for column in columns] if self.lies else columns

    monkeypatch.setattr(crew, "Helper", Lying)
    with nullcontext() if hashing == "OpenSSL" else pytest.warns(RuntimeWarning, match="50 files"):
        found = summed(tmp_path, [expected(contents)], Silence())
    # Where there are no lanes, nobody is asked again: OpenSSL has spoken.
    assert found.intact == (50 if hashing == "lanes" else 0)
    assert len(found.unequal) == (0 if hashing == "lanes" else 50)


@pytest.mark.usefixtures("lying")
def test_what_is_altered_is_told_with_the_digests_of_openssl(tmp_path: Path) -> None:
    contents = filled(tmp_path, 30)
    wanted = expected(contents)
    (tmp_path / "f9").write_bytes(b"other octets")
    (tmp_path / "f10").unlink()
    with pytest.warns(RuntimeWarning):
        found = summed(tmp_path, [wanted], Silence())
    assert found.intact == 28
    told = {each.seen.path: each for each in found.unequal}
    assert set(told) == {b"f9", b"f10"}
    seen = told[b"f9"].seen
    assert seen.octets == len(b"other octets")
    assert {each: digest.hex for each, digest in seen.digests.items()} == {
        each: hashlib.new(each.value, b"other octets").hexdigest() for each in BOTH
    }
    wished = [hashlib.new(each.value, contents[b"f9"]).hexdigest() for each in BOTH]
    assert [digest.hex for digest in told[b"f9"].expected] == wished


def test_another_algorithm_is_not_taken_again(tmp_path: Path, lying: None) -> None:
    filled(tmp_path, 3)
    tally = Tally()
    found = summed(tmp_path, [expected({b"f2": b"not this"}, [Algorithm.MD5])], tally)
    assert [each.seen.path for each in found.unequal] == [b"f2"]
    assert tally.octets == found.octets == 60
