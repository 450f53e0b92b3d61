"""The sample deposits are what ``examples/README.md`` says they are."""

from __future__ import annotations

import ast
import hashlib
import json
import tarfile
from pathlib import Path

import bagit
import pyarrow.parquet as pq
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
DEPOSITS = EXAMPLES / "deposits"
SILK_ROAD = DEPOSITS / "silk-road"


def deposits() -> set[str]:
    return {path.relative_to(DEPOSITS).as_posix() for path in DEPOSITS.glob("*/*")}


def test_the_generator_and_the_readme_name_exactly_the_deposits_that_are_there() -> None:
    tree = ast.parse((EXAMPLES / "make_deposits.py").read_text())
    tables = [n.value for n in tree.body if isinstance(n, ast.Assign) and "DEPOSITS" in ast.dump(n)]
    made = {key.value for table in tables for key in table.keys}
    readme = (EXAMPLES / "README.md").read_text()
    told = {line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")}
    assert made == told == deposits()


def test_all_deposits_together_stay_small() -> None:
    assert sum(p.stat().st_size for p in DEPOSITS.rglob("*") if p.is_file()) < 5_000_000


def test_the_bag_is_valid_by_the_judgement_of_bagit_python() -> None:
    bag = bagit.Bag(str(SILK_ROAD / "zij-i-sultani-bag"))
    bag.validate()
    assert bag.info["External-Identifier"] == [
        "doi:10.5072/samarkand.zij.1437",
        "CSTR:00000.11.samarkand.zij1437",
    ]
    assert sorted(bag.algorithms) == ["sha256", "sha512"]


@pytest.mark.parametrize(
    ("listed", "algorithm"),
    [
        ("silk-road/Zarafshon vodiysi toʻrlari/checksums.md5", "md5"),
        ("silk-road/Zarafshon vodiysi toʻrlari/sha256sum.txt", "sha256"),
        ("field-notes/Zeravshan expedition 2024/SHA256SUMS", "sha256"),
    ],
)
def test_digests_that_came_along_agree_with_the_files(listed: str, algorithm: str) -> None:
    lines = (DEPOSITS / listed).read_text().splitlines()
    assert lines
    for line in lines:
        digest, name = line.split("  ", 1)
        data = ((DEPOSITS / listed).parent / name).read_bytes()
        assert hashlib.new(algorithm, data).hexdigest() == digest, name


@pytest.mark.parametrize(
    ("pattern", "magic"),
    [
        ("*.nc", b"\x89HDF\r\n\x1a\n"),
        ("*.tif", b"II*\0"),
        ("*.fits", b"SIMPLE  ="),
        ("*.pdf", b"%PDF-1."),
        ("*.parquet", b"PAR1"),
        ("*.tar.gz", b"\x1f\x8b\x08"),
    ],
)
def test_formats_are_real(pattern: str, magic: bytes) -> None:
    found = list(SILK_ROAD.rglob(pattern))
    assert found
    assert all(path.read_bytes().startswith(magic) for path in found)


def test_the_station_tables_agree_with_each_other() -> None:
    folder = SILK_ROAD / "Станции Мавераннахра 2024"
    names = [station["station"] for station in json.loads((folder / "stations.json").read_bytes())]
    rows = (folder / "stations.csv").read_text().splitlines()[1:]
    daily = pq.read_table(folder / "наблюдения" / "сутки 2024.parquet")
    assert [row.split(",")[0] for row in rows] == names
    assert daily.num_rows == 366 * len(names)
    assert set(daily["station"].to_pylist()) == set(names)


def test_the_serialised_deposit_holds_plain_files_below_one_folder() -> None:
    with tarfile.open(SILK_ROAD / "abramov-glacier-2024.tar.gz") as tar:
        members = tar.getmembers()
    assert len(members) == 2
    assert all(m.isreg() and m.name.startswith("Абрамов мөңгүсү/") for m in members)


def test_names_cover_the_scripts_of_our_communities() -> None:
    names = "".join(path.name for path in DEPOSITS.rglob("*"))
    for letter in "丝Сʻ ":
        assert letter in names
