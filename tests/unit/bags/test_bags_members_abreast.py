"""Small files of a sealed folder, several at a time: the same files, and the same verdicts."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path

import pytest
from bagmaker import QUIET, SETTINGS, as_tar, held, held_tar, sealed, tar_facts

from preservation.bags import members_abreast
from preservation.bags.sealed import Member, Verification, members, verify
from preservation.errors import SourceDamagedError
from preservation.files.held import HeldTar
from preservation.fixity import sha2
from preservation.model.digest import Digest
from preservation.model.outcome import Outcome

FILES = {
    f"data/{number:02}": os.urandom(size)
    for number, size in enumerate([5, 0, *[900 + n for n in range(20)], 1 << 20, 7, (1 << 20) + 1])
}


class Bag:
    """One on disk, and its seal."""

    def __init__(self, root: Path, files: dict[str, bytes]) -> None:
        payload = {name.removeprefix("data/").encode(): data for name, data in files.items()}
        self.root, self.seal = root, sealed(root, payload)

    def members(self) -> Iterator[Member]:
        return members(held(self.root), self.seal, None)

    def read(self, into: dict[str, bytes] | None = None) -> dict[str, bytes]:
        """The payload; of one that fails, what came whole before is in ``into``."""
        into = {} if into is None else into
        for path, _, chunks in self.members():
            data = b"".join(chunks)
            if path.startswith(b"data/"):
                into[path.decode()] = data
        return into


@pytest.fixture
def bag(tmp_path: Path) -> Bag:
    return Bag(tmp_path / "bag", FILES)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files were hashed together, time by time, on whatever machine this is."""
    counts: list[int] = []

    def digests(name: str, buffers: Sequence[bytes]) -> bytes:
        counts.append(len(buffers))
        return b"".join(sha256(each).digest() for each in buffers)

    monkeypatch.setattr(sha2, "LANES", {"sha256": 16})
    monkeypatch.setattr(sha2, "PAYS", {"sha256": 10})
    monkeypatch.setattr(sha2, "digests", digests)
    return counts


def test_all_come_in_their_order_whoever_hashes_them(bag: Bag, taken: list[int]) -> None:
    assert [*bag.read().items()] == [*FILES.items()]
    assert taken == [16]  # the first goes by itself; those that are left are too few


def test_who_looks_at_tag_files_alone_reads_no_payload_ahead(
    bag: Bag, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members_abreast, "_small", lambda *_: pytest.fail("it was read"))
    for path, _, chunks in bag.members():
        if path.startswith(b"data/"):
            break
        assert b"".join(chunks)


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"#")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("harm", [flip, grow, pipe, Path.unlink])
@pytest.mark.parametrize("name", ["data/00", "data/05", "data/16", "data/21", "data/24"])
def test_what_is_wrong_with_one_is_told_in_its_place(
    bag: Bag, taken: list[int], harm: Callable[[Path], None], name: str
) -> None:
    harm(bag.root / name)
    before: dict[str, bytes] = {}
    with pytest.raises(SourceDamagedError, match=name):
        bag.read(before)
    assert [*before] == sorted(FILES)[: sorted(FILES).index(name)]


def test_lanes_that_are_wrong_call_nothing_damaged(
    bag: Bag, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sha2, "digests", lambda _, buffers: bytes(32 * len(buffers)))
    assert bag.read() == FILES


def test_no_more_than_some_mebibytes_are_held(tmp_path: Path, taken: list[int]) -> None:
    large = {f"data/{number:02}": bytes(1 << 20) for number in range(30)}
    assert Bag(tmp_path / "large", large).read() == large
    assert max(chain([0], taken)) <= 8


def verdict(data: bytes, seal: Digest) -> Verification:
    return verify(held_tar(data), seal, tar=tar_facts(data), settings=SETTINGS, progress=QUIET)


def altered(at: int, data: bytes) -> bytes:
    return data[:at] + b"#" + data[at + 1 :]


def gone(data: bytes) -> bytes:
    """Without its sixth file of payload."""
    at = data.index(b"/data/05")
    at -= at % 512
    return data[:at] + data[at + 1024 + 512 :]


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data,
        lambda data: data[:-700_000],
        lambda data: data[: data.index(b"/data/09")],
        gone,
        *[
            lambda data, at=at: data[:at] + b"#" + data[at + 1 :]
            for at in range(7000, 60_000, 2999)
        ],
    ],
)
def test_a_tar_gets_the_verdict_that_it_gets_file_by_file(
    bag: Bag, taken: list[int], monkeypatch: pytest.MonkeyPatch, harm: Callable[[bytes], bytes]
) -> None:
    data = harm(as_tar(bag.root, bag.seal))
    together = verdict(data, bag.seal)
    monkeypatch.setattr(sha2, "LANES", {})
    assert together == verdict(data, bag.seal)
    assert max(taken) == 16 or together.outcome is not Outcome.INTACT


def test_lanes_that_are_wrong_call_no_tar_altered(
    bag: Bag, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = as_tar(bag.root, bag.seal)
    monkeypatch.setattr(sha2, "digests", lambda _, buffers: bytes(32 * len(buffers)))
    assert verdict(data, bag.seal).outcome is Outcome.INTACT


def test_a_medium_that_fails_between_small_files_leaves_the_others_compared(
    bag: Bag, taken: list[int]
) -> None:
    data = as_tar(bag.root, bag.seal)
    stop = data.index(b"/data/09")

    class Failing(io.BytesIO):
        def read(self, octets: int | None = -1) -> bytes:
            if self.tell() >= stop - stop % 512:
                raise OSError(errno.EIO, "the medium")
            return super().read(octets)

    tar = HeldTar(lambda: Failing(data), len(data), cache_bypassed=True)
    got = verify(tar, bag.seal, tar=tar_facts(data), settings=SETTINGS, progress=QUIET)
    assert got.outcome is Outcome.UNREADABLE
    assert got.counts[Outcome.INTACT] == 6 + 9  # tag files, and what came before
