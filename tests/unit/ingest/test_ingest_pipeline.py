"""Files are looked into as soon as they are copied, and told of in the order of the walk."""

from __future__ import annotations

import csv
import hashlib
import os
import random
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from homes import SILENCE, Guesser

from preservation.bags import copying
from preservation.bags.write import BagWriter
from preservation.fixity.helpers import Helper
from preservation.formats.checks.checker import FormatChecker
from preservation.ingest import copying as ingest_copying
from preservation.ingest import package as packaging
from preservation.ingest.fenced import Changed, Fenced
from preservation.ingest.inspect import Inspected, Inspector, Tools
from preservation.ingest.package import Source, package
from preservation.ingest.supplied import Supplied
from preservation.ingest.virus import VirusScanner
from preservation.model.digest import Algorithm
from preservation.model.virus_scan import Demand
from preservation.policy.formats import FormatRules

SMALL = 1000  # octets; larger files count as large


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A deposit of some chunks, of small files and large ones."""
    for module in (copying, ingest_copying, packaging):
        monkeypatch.setattr(module, "LARGE_FOR_HELPERS", SMALL)
    monkeypatch.setattr(packaging, "CHUNK", 20)
    for folder in ("bag", "scratch"):
        (tmp_path / folder).mkdir()
    draw = random.Random(7)
    for number in range(70):
        file = tmp_path / "deposit" / f"d{number % 3}" / f"{number:02d}.dat"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(draw.randbytes(200_000 if number % 2 else number))
    return tmp_path


def packaged(place: Path) -> list[dict[str, str]]:
    """Package the deposit; the rows of its inventory."""
    writer = BagWriter(place / "bag", [Algorithm.SHA256, Algorithm.SHA512])
    source = Source(place / "deposit", b"", Supplied({}, exhaustive=False))
    tools = Tools(Guesser(), FormatChecker(), VirusScanner(""))
    with Inspector(tools, check=False, demand=Demand.OFF) as inspector:
        rules, scratch = FormatRules(), place / "scratch"
        package(source, writer, place / "bag", inspector, rules, scratch, 2, SILENCE)
    writer.finish([("Contact-Name", "a test")])
    with (place / "bag/metadata/inventory.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def test_rows_come_in_the_order_of_the_walk_each_with_its_own_digest(place: Path) -> None:
    rows = packaged(place)
    files = sorted(path for path in (place / "deposit").rglob("*") if path.is_file())
    assert [row["path"] for row in rows] == [
        f"data/{path.relative_to(place / 'deposit')}" for path in files
    ]
    for row, path in zip(rows, files, strict=True):
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert int(row["bytes"]) == path.stat().st_size


@pytest.mark.timeout(30)
def test_small_files_are_looked_into_while_large_ones_are_copied(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, begin = threading.Event(), Inspector.begin
    still = Fenced.still

    def beginning(self: Inspector, root: Path, paths: Sequence[bytes], *more: Any) -> Any:
        looked.set()
        begun: Future[list[Inspected]] = begin(self, root, paths, *more)
        return begun

    def waiting(self: Fenced) -> None:
        if os.fstat(self._fd).st_size > SMALL:
            assert looked.wait(20)
        still(self)

    monkeypatch.setattr(Inspector, "begin", beginning)
    monkeypatch.setattr(Fenced, "still", waiting)
    assert len(packaged(place)) == 70


def test_a_large_file_that_changes_is_noticed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = next(path for path in place.rglob("51.dat"))
    still = Fenced.still

    def changing(self: Fenced) -> None:
        victim.write_bytes(b"other")
        still(self)

    monkeypatch.setattr(Fenced, "still", changing)
    with pytest.raises(Changed):
        packaged(place)


def test_copies_that_are_looked_into_next_stay_in_the_page_cache(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    class Heard(Helper):
        def __init__(self, *said: Any, **named: Any) -> None:
            begun.append(named["read_soon"])
            super().__init__(*said, **named)

    monkeypatch.setattr(copying, "Helper", Heard)
    monkeypatch.setattr(copying, "MANY", 10)
    assert len(packaged(place)) == 70
    assert begun == [True, True]
