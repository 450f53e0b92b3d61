"""Payload files are read while manifests are: the verdict is that of reading them afterwards."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from preservation.bags.validate import BagReport, validate
from preservation.fixity import crew, helpers
from preservation.fixity.ahead import Ahead
from preservation.fixity.engine import EngineSettings
from preservation.model.progress import Silence


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    folder = tmp_path / "bag"
    lines: dict[str, list[str]] = {"sha256": [], "sha512": [], "md5": []}
    for number in range(60):
        name = f"data/d{number // 20}/f{number:02d}"
        data = os.urandom(number * 150)
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        for algorithm, listed in lines.items():
            if algorithm != "md5" or number % 2:
                listed.append(f"{hashlib.new(algorithm, data).hexdigest()}  {name}\n")
    for algorithm, listed in lines.items():
        (folder / f"manifest-{algorithm}.txt").write_text("".join(listed))
    (folder / "bagit.txt").write_text("BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n")
    return folder


def spoil(bag: Path) -> None:
    """One of each: what can be wrong with a file."""
    data = bag / "data"
    (data / "d0" / "f04").write_bytes(b"altered")
    (data / "d1" / "f24").unlink()
    (data / "d1" / "f25").unlink()
    (data / "d1" / "f25").symlink_to("f26")
    (data / "d2" / "unlisted").write_bytes(b"x")
    (data / "d2" / "unlisted and large").write_bytes(bytes(200_000))
    composed = unicodedata.normalize("NFC", "f\u0301\u00e9")
    (data / "d2" / unicodedata.normalize("NFD", composed)).write_bytes(b"y")
    with (bag / "manifest-sha256.txt").open("a") as manifest:
        manifest.write(f"{hashlib.sha256(b'y').hexdigest()}  data/d2/{composed}\n")
        manifest.write(f"{'0' * 64}  data/d0/f01\n")
        manifest.write(f"{'nothing':64}  data/d0/f02\n")


def verdict(bag: Path, workers: int) -> BagReport:
    return validate(bag, settings=EngineSettings(workers=workers), progress=Silence())


@pytest.mark.parametrize("is_spoilt", [False, True])
def test_the_verdict_is_the_same(
    bag: Path, is_spoilt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_spoilt:
        spoil(bag)
    alone = verdict(bag, workers=1)
    put = Ahead.put
    begun: list[bytes] = []

    def noting(self: Ahead, paths: list[bytes], algorithms: object) -> None:
        begun.extend(paths)
        put(self, paths, algorithms)  # type: ignore[arg-type]

    monkeypatch.setattr(Ahead, "put", noting)
    monkeypatch.setattr(helpers, "ENOUGH", 4)
    monkeypatch.setattr(helpers, "BATCH", 5)
    monkeypatch.setattr(crew, "LARGE_FOR_HELPERS", 5000)
    monkeypatch.setattr("preservation.fixity.ahead.LARGE_FOR_HELPERS", 5000)
    early = verdict(bag, workers=2)
    assert len(begun) >= 60
    told = tuple(sorted(early.findings, key=repr))
    assert replace(early, findings=told) == replace(
        alone, findings=tuple(sorted(alone.findings, key=repr))
    )
    assert early.valid is not is_spoilt
