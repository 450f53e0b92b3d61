"""A digest that lies beside a container is verified, and is no deposit of its own."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from homes import Archive, codes


def container(archive: Archive, name: str = "corpus.tar") -> Path:
    path = archive.inbox / name
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("a.txt")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"one"))
    return path


def beside(path: Path, ending: str, text: str) -> Path:
    place = path.with_name(path.name + ending)
    place.write_text(text)
    return place


@pytest.mark.parametrize(
    ("ending", "algorithm", "line"),
    [
        (".sha256", "sha256", "{digest}  {name}\n"),
        (".md5", "md5", "{digest}\n"),
        (".sha512sum", "sha512", "{digest} *./{name}\r\n"),
        (".sha1.txt", "sha1", "SHA1 ({name}) = {digest}\n"),
    ],
)
def test_it_is_verified_and_told_in_the_package(
    archive: Archive, ending: str, algorithm: str, line: str
) -> None:
    path = container(archive)
    digest = hashlib.new(algorithm, path.read_bytes()).hexdigest()
    beside(path, ending, line.format(digest=digest, name=path.name))
    (result,) = archive.take_inbox()
    assert (result.outcome, result.deposit) == ("accepted", "corpus.tar")
    facts = json.loads((archive.bag(result) / "metadata/deposit.json").read_text())
    assert facts["container"]["beside"] == [
        {"path": path.name + ending, "digest": f"{algorithm}:{digest}", "outcome": "matched"}
    ]


def test_one_that_differs_rejects_the_deposit_until_it_is_mended(archive: Archive) -> None:
    path = container(archive)
    place = beside(path, ".sha256", f"{'0' * 64}  corpus.tar\n")
    (result,) = archive.take_inbox()
    assert result.outcome == "rejected"
    assert "DEP-DIGEST-DIFFERS" in codes(result)
    assert archive.take_inbox() == []
    place.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  corpus.tar\n")
    (result,) = archive.take_inbox()
    assert result.outcome == "accepted"


def test_one_that_says_nothing_is_a_warning(archive: Archive) -> None:
    beside(container(archive), ".sha256", "to be done\n")
    (result,) = archive.take_inbox()
    assert result.outcome == "accepted"
    assert "DEP-LIST-UNREAD" in codes(result)


def test_a_digest_of_nothing_that_is_there_is_still_looked_at(archive: Archive) -> None:
    (archive.inbox / "lost.tar.sha256").write_text(f"{'0' * 64}  lost.tar\n")
    (result,) = archive.take_inbox()
    assert (result.outcome, result.deposit) == ("rejected", "lost.tar.sha256")


def test_a_link_beside_is_not_followed(archive: Archive, tmp_path: Path) -> None:
    path = container(archive)
    (tmp_path / "elsewhere").write_text(f"{'0' * 64}  corpus.tar\n")
    path.with_name("corpus.tar.sha256").symlink_to(tmp_path / "elsewhere")
    (result,) = archive.take_inbox()
    assert result.outcome == "accepted"


def test_the_container_is_read_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    path = container(archive)
    for algorithm in ("md5", "sha256", "sha512"):
        digest = hashlib.new(algorithm, path.read_bytes()).hexdigest()
        beside(path, f".{algorithm}", f"{digest}  {path.name}\n")
    monkeypatch.setattr("preservation.ingest.beside._digests", pytest.fail)
    (result,) = archive.take_inbox()
    assert result.outcome == "accepted"


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_container_that_cannot_be_unpacked_is_compared_all_the_same(
    archive: Archive, algorithm: str
) -> None:
    path = container(archive)
    path.write_bytes(path.read_bytes()[:700])
    beside(path, f".{algorithm}", f"{'0' * hashlib.new(algorithm).digest_size * 2}  {path.name}\n")
    (result,) = archive.take_inbox()
    assert {"DEP-CONTAINER", "DEP-DIGEST-DIFFERS"} <= codes(result)
