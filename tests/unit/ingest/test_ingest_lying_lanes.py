"""Lanes that err alike each time: what is recorded first is what all later checks compare with, so
nothing is taken in with digests that are wrong.
"""

from __future__ import annotations

import hashlib
import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from homes import COMMUNITY, SILENCE, Archive

from preservation.bags import copying
from preservation.bags.write import BagWriter
from preservation.errors import NotNowError
from preservation.fixity import sha2
from preservation.ingest import package
from preservation.ingest.copying import PayloadCopier
from preservation.model.digest import Algorithm

FILES = {f"data/{number:02}.dat": random.Random(number).randbytes(3_000) for number in range(20)}


class Lying:
    """Stands in for the extension: takes right digests, but those of one algorithm."""

    def __init__(self, lie: str) -> None:
        class State:
            def __init__(self, name: str) -> None:
                self.name, self.hash = name, hashlib.new(name)

            def digest(self) -> bytes:
                told = self.hash.digest()
                return told[::-1] if self.name == lie else told

        self.State = State

    def update(self, streams: Sequence[Any], buffers: Sequence[Any]) -> None:
        for stream, buffer in zip(streams, buffers, strict=True):
            stream.hash.update(buffer)

    def digests(self, name: str, buffers: Sequence[Any]) -> bytes:
        states = [self.State(name) for _ in buffers]
        self.update(states, buffers)
        return b"".join([state.digest() for state in states])


@pytest.fixture(params=["small", "larger"])
def deposit(
    request: pytest.FixtureRequest, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Files that are copied as small ones are, and as larger ones, which take turns."""
    if request.param == "larger":
        for room in (copying, package):
            monkeypatch.setattr(room, "LARGE_FOR_HELPERS", 100)
    return archive.put("deposit", FILES)


def lie(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sha2, "LANES", {"sha256": 16, "sha512": 8})
    monkeypatch.setattr(sha2, "PAYS", {"sha256": 2, "sha512": 3})
    monkeypatch.setattr(sha2, "_extension", Lying(name))


def test_sha256_is_never_taken_from_lanes_alone(
    deposit: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie(monkeypatch, "sha256")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # reading back tells of this machine
        result = archive.ingest(deposit)
    assert (result.outcome, result.replicas[0].state) == ("accepted", "verified")
    bag = archive.tier("vault") / result.replicas[0].key
    for name in ("sha256", "sha512"):
        told = {
            f"{hashlib.new(name, data).hexdigest()}  data/{path}" for path, data in FILES.items()
        }
        assert set((bag / f"manifest-{name}.txt").read_text().splitlines()) == told


def test_nothing_is_taken_in_where_sha512_in_lanes_is_wrong(
    deposit: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie(monkeypatch, "sha512")
    with pytest.raises(NotNowError) as raised:
        archive.ingest(deposit)
    assert raised.value.code == "BAG-COPY-DISPUTED"
    assert not list((archive.tier("vault")).glob(f"{COMMUNITY}/*"))
    monkeypatch.undo()
    assert archive.ingest(deposit).outcome == "accepted"


def test_helpers_that_copy_small_files_have_no_lanes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StartedError(Exception):
        pass

    def start(*_: object, abreast: bool, **__: object) -> None:
        raise StartedError(abreast)

    monkeypatch.setattr(copying, "Helper", start)
    writer = BagWriter(tmp_path, [Algorithm.SHA512], read_soon=True)
    many: Any = [(b"name", SimpleNamespace(octets=10))] * 1000
    with (
        pytest.raises(StartedError) as started,
        PayloadCopier(-1, writer, (), 2, SILENCE) as copier,
    ):
        copier.expect(many)
    assert started.value.args == (False,)
