"""Whatever files are called, the bag holds their very names, and the CSV files give them back."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from pathlib import Path

from homes import SILENCE, Guesser
from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.bags.tree import csv_line
from preservation.bags.write import BagWriter
from preservation.files.walk import Kind, walk
from preservation.formats.checks.checker import FormatChecker
from preservation.ingest.inspect import Inspector, Tools
from preservation.ingest.package import Source, package
from preservation.ingest.supplied import Supplied
from preservation.ingest.virus import VirusScanner
from preservation.model.digest import Algorithm
from preservation.model.names import escaped, unescaped
from preservation.model.virus_scan import Demand
from preservation.policy.formats import FormatRules

PART = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda text: text not in (".", ".."))
NAMES = st.sets(st.lists(PART, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6)
RULES = FormatRules()
TOOLS = Tools(Guesser(), FormatChecker(), VirusScanner(""))


def put(root: Path, names: set[str]) -> dict[bytes, bytes]:
    """Make the files that can be made beside each other."""
    made = {}
    for name in sorted(names):
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
        made[name.encode()] = name.encode()
    return made


def content(folder: Path, path: bytes) -> bytes:
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + path)).read_bytes()


@settings(max_examples=60, deadline=None)
@given(names=NAMES)
def test_a_bag_holds_names_and_contents_byte_for_byte(names: set[str]) -> None:
    place = Path(tempfile.mkdtemp())
    try:
        for folder in ("deposit", "bag", "scratch"):
            (place / folder).mkdir()
        made = put(place / "deposit", names)
        writer = BagWriter(place / "bag", [Algorithm.SHA256])
        source = Source(place / "deposit", b"", Supplied({}, exhaustive=False))
        with Inspector(TOOLS, check=False, demand=Demand.OFF) as inspector:
            package(source, writer, place / "bag", inspector, RULES, place / "scratch", 2, SILENCE)
        writer.finish([("Contact-Name", "a test")])
        data = place / "bag/data"
        kept = {e.path: e for e in walk(data) if e.kind is Kind.FILE}
        assert {path: content(data, path) for path in kept} == made
        with (place / "bag/metadata/inventory.csv").open(encoding="utf-8", newline="") as rows:
            told = {unescaped(row["path"]) for row in csv.DictReader(rows)}
        assert told == {b"data/" + path for path in made}
    finally:
        shutil.rmtree(place)


@given(name=st.binary(min_size=1, max_size=60))
def test_an_escaped_path_gives_the_very_bytes_back(name: bytes) -> None:
    text = escaped(name)
    assert unescaped(text) == name
    assert "\n" not in csv_line([text, "x"]).decode()[:-1]
