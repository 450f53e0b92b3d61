"""Names that are not UTF-8: refused, or kept encoded and given back, as the policy says."""

from __future__ import annotations

import csv
import hashlib
import os
import tarfile
from pathlib import Path

import pytest
from folders import shape
from homes import Archive

from preservation.bags.validate import validate
from preservation.cli.main import call
from preservation.fixity.engine import EngineSettings
from preservation.model.names import unescaped
from preservation.model.progress import Silence

LATIN = b"caf\xe9.txt"
FILES = {
    LATIN: b"coffee",
    b"non-utf8=caf=E9.txt": b"looks encoded",
    b"\xe9t\xe9/deep/\xff": b"deep",
    b"plain.txt": b"plain",
}


@pytest.fixture
def encoding(tmp_path: Path) -> Archive:
    return Archive(tmp_path, {"intake": {"names": {"non_utf8": "encode"}}})


def put(root: Path) -> Path:
    for name, data in FILES.items():
        path = os.fsencode(root) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    digest = hashlib.sha256(b"coffee").hexdigest().encode()
    (root / "checksums.sha256").write_bytes(digest + b"  " + LATIN + b"\n")
    (root / "empty/inside").mkdir(parents=True)
    return root


def paths(table: Path, column: str) -> set[bytes]:
    with table.open(encoding="utf-8", newline="") as rows:
        return {unescaped(row[column]) for row in csv.DictReader(rows)}


def exported(archive: Archive, aip: str, dest: Path, *options: str) -> Path:
    homes = ["--home", str(archive.home), "--policies", str(archive.policies)]
    assert call([*homes, "aip", "export", aip, str(dest), *options]) == 0
    return dest


def test_they_are_refused_unless_the_policy_says_otherwise(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    result = archive.ingest(put(archive.inbox / "deposit"))
    assert {finding.code for finding in result.findings} == {"DEP-NAME-ENCODING"}
    assert result.outcome == "rejected"


@pytest.mark.parametrize("packed", [False, True])
def test_they_are_kept_encoded_and_come_back(
    encoding: Archive, tmp_path: Path, packed: bool
) -> None:
    source = put(tmp_path / "source")
    before = shape(source)
    deposit = encoding.inbox / ("deposit.tar" if packed else "deposit")
    if packed:
        with tarfile.open(deposit, "w", format=tarfile.GNU_FORMAT) as tar:
            for name in sorted(os.listdir(source)):
                tar.add(source / name, name)
    else:
        source.rename(deposit)
    result = encoding.ingest(deposit)
    assert result.outcome == "accepted", result.findings
    assert {f.code for f in result.findings if f.severity.value == "warning"} >= {
        "DEP-NAME-ENCODING"
    }
    bag = encoding.bag(result)
    report = validate(bag, settings=EngineSettings(workers=1), progress=Silence())
    assert [finding.code for finding in report.findings] == ["BAG-TAGMANIFEST-ALGORITHMS"]
    files = {b"data/" + path for path, data in before.items() if data is not None}
    assert paths(bag / "metadata/inventory.csv", "path") == files
    assert paths(bag / "metadata/names.csv", "original") == files - {
        b"data/plain.txt",
        b"data/checksums.sha256",
    }
    assert (
        '"supplied":{"absent":0,"differs":0,"matched":1'
        in (bag / "metadata/deposit.json").read_text()
    )
    back = exported(encoding, result.aip, tmp_path / "back", "--payload")
    assert shape(back) == before
    as_bag = exported(encoding, result.aip, tmp_path / "as-bag")
    assert (as_bag / "data/plain.txt").read_bytes() == b"plain"


def test_the_payload_of_a_bag_comes_back_without_its_tag_files(
    encoding: Archive, tmp_path: Path
) -> None:
    data = b"x"
    files = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "data/a/b.txt": data,
        "manifest-sha256.txt": hashlib.sha256(data).hexdigest().encode() + b"  data/a/b.txt\n",
        os.fsdecode(b"notes-\xe9.txt"): b"of the depositor",
    }
    deposit = encoding.put("bag", files)
    (deposit / "data/empty").mkdir()
    (deposit / "outside").mkdir()
    result = encoding.ingest(deposit)
    assert result.outcome == "accepted", result.findings
    back = exported(encoding, result.aip, tmp_path / "back", "--payload")
    assert shape(back) == {b"a": None, b"a/b.txt": data, b"empty": None}
    kept = encoding.bag(result) / "metadata/deposit/non-utf8=notes-=E9.txt"
    assert kept.read_bytes() == b"of the depositor"
