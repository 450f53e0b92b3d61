"""Digests that come along: compared with the files they mean, whoever wrote them, and told of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pytest
from homes import Archive, codes

from preservation.bags.abreast import Digests
from preservation.cli.aip_origin import origins
from preservation.errors import NotNowError
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import EventType

A, B = b"one", b"two"
FILES = {"data/a.txt": A, "data/б.txt": B}


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def taken(archive: Archive, lists: Mapping[str, bytes]) -> tuple[str, dict[str, int], set[str]]:
    result = archive.ingest(archive.put("deposit", FILES | dict(lists)))
    return result.outcome, dict(result.supplied), codes(result)


ALL = {"matched": 2, "differs": 0, "absent": 0, "unlisted": 0}
LISTS = {
    "gnu": {"md5sums.txt": f"{md5(A)}  data/a.txt\n{md5(B)} *data/б.txt\n"},
    "of a folder": {"data/checksums.md5": f"{md5(A)}  ./a.txt\r\n{md5(B)}  б.txt\r\n"},
    "in a folder of its own": {"lists/md5.txt": f"{md5(A)}  data/a.txt\n{md5(B)}  data/б.txt\n"},
    "bsd": {"CHECKSUM.txt": f"MD5 (data/a.txt) = {md5(A)}\nMD5 (data/б.txt) = {md5(B)}\n"},
    "utf-16": {"md5sums.txt": f"\ufeff{md5(A)} data/a.txt\r\n{md5(B)} data/б.txt\r\n"},
    "absolute": {
        "md5sums.txt": f"{md5(A)}  /home/u/d/data/a.txt\n{md5(B)}  /home/u/d/data/б.txt\n"
    },
    "get-filehash": {
        "hashes.csv": f'"Algorithm","Hash","Path"\n"MD5","{md5(A)}","D:\\x\\data\\a.txt"\n'
        f'"MD5","{md5(B)}","D:\\x\\data\\б.txt"\n'
    },
    "table": {"inventory.csv": f"path;md5\ndata/a.txt;{md5(A)}\ndata/б.txt;{md5(B).upper()}\n"},
    "beside": {"data/a.txt.md5": md5(A), "data/б.txt.md5": f"{md5(B)}  б.txt"},
    "a manifest of no bag": {"manifest-md5.txt": f"{md5(A)}  data/a.txt\n{md5(B)}  data/б.txt\n"},
    "hashdeep": {
        "hashdeep.txt": f"%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n3,{md5(A)},./data/a.txt\n"
        f"3,{md5(B)},./data/б.txt\n"
    },
}


@pytest.mark.parametrize("style", LISTS)
def test_a_list_of_any_style_is_compared(archive: Archive, style: str) -> None:
    encoding = "utf-16-le" if style == "utf-16" else "utf-8"
    lists = {name: text.encode(encoding) for name, text in LISTS[style].items()}
    assert taken(archive, lists) == ("accepted", ALL, set())


@pytest.mark.parametrize("style", LISTS)
def test_a_wrong_digest_rejects_in_any_style(archive: Archive, style: str) -> None:
    encoding = "utf-16-le" if style == "utf-16" else "utf-8"
    lists = {
        name: text.replace(md5(A), md5(b"else")).encode(encoding)
        for name, text in LISTS[style].items()
    }
    outcome, _, found = taken(archive, lists)
    assert (outcome, "DEP-DIGEST-DIFFERS" in found) == ("rejected", True)


ODD = {
    "DEP-LIST-PARTIAL": f"{md5(A)}  data/a.txt\n",
    "DEP-LIST-OUTSIDE": f"{md5(A)}  data/a.txt\n{md5(A)}  ../../etc/passwd\n",
    "DEP-LIST-NAME": f"{md5(A)}  DATA\\A.TXT\n{md5(B)}  data\\б.txt\n",
    "DEP-LIST-UNREAD": f"made by hand\n{md5(A)}  data/a.txt\n",
    "DEP-LIST-ALGORITHM": f"RMD160 (data/a.txt) = {'0' * 40}\n{md5(B)}  data/б.txt\n",
    "DEP-ABSENT": f"{md5(A)}  data/gone.txt\n",
}


@pytest.mark.parametrize("code", ODD)
def test_what_is_odd_about_a_list_is_told_and_does_not_reject(archive: Archive, code: str) -> None:
    outcome, _, found = taken(archive, {"md5sums": ODD[code].encode()})
    assert (outcome, code in found) == ("accepted", True)


@pytest.mark.parametrize("algorithm", ["sha512", "blake2b", "sha3_512", "sha256", "sha3_256"])
def test_a_list_that_does_not_say_its_algorithm_is_not_guessed_wrong(
    archive: Archive, algorithm: str
) -> None:
    text = "".join(
        f"{hashlib.new(algorithm, data).hexdigest()}  {name}\n" for name, data in FILES.items()
    )
    assert taken(archive, {"checksums.txt": text.encode()}) == ("accepted", ALL, set())
    wrong = text.replace(text[0], "0" if text[0] != "0" else "1", 1)
    outcome, _, found = taken(archive, {"checksums.txt": wrong.encode(), "new": b"new"})
    assert (outcome, "DEP-DIGEST-DIFFERS" in found) == ("rejected", True)


def test_a_list_of_unknown_algorithms_alone_is_told(archive: Archive) -> None:
    outcome, counts, found = taken(archive, {"all.sfv": b"data/a.txt deadbeef\n"})
    assert (outcome, counts, found) == ("accepted", {}, {"DEP-LIST-ALGORITHM"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SHA512SUMS", f"{hashlib.sha256(A).hexdigest()}  data/a.txt\n"),
        ("data/a.txt.sha256", md5(A)),
        ("checksums.md5", f"Hash : {md5(A)}\nPath : a.txt\n"),
    ],
)
def test_a_list_of_which_nothing_can_be_read_is_told(
    archive: Archive, name: str, text: str
) -> None:
    outcome, counts, found = taken(archive, {name: text.encode()})
    assert (outcome, counts, found) == ("accepted", {}, {"DEP-LIST-UNREAD"})


def test_a_text_that_may_be_no_list_is_none(archive: Archive) -> None:
    assert taken(archive, {"checklist.txt": b"water the plants\n"}) == ("accepted", {}, set())


def test_lists_that_contradict_each_other_reject(archive: Archive) -> None:
    lists = {
        "md5sums": f"{md5(A)}  data/a.txt\n".encode(),
        "data/a.txt.md5": md5(b"else").encode(),
    }
    outcome, _, found = taken(archive, lists)
    assert (outcome, found) == ("rejected", {"DEP-LISTS-DISAGREE"})


def test_a_name_that_is_there_is_never_taken_for_its_twin(archive: Archive) -> None:
    files = {"A.txt": A, "a.txt": B, "md5sums": f"{md5(A)}  A.txt\n{md5(B)}  a.txt\n".encode()}
    result = archive.ingest(archive.put("twins", files))
    assert (result.outcome, result.supplied["matched"]) == ("accepted", 2)


def test_who_supplied_digests_and_when_is_in_package_event_and_receipt(archive: Archive) -> None:
    text = LISTS["gnu"]["md5sums.txt"].encode()
    result = archive.ingest(archive.put("deposit", FILES | {"md5sums.txt": text}))
    facts = json.loads((archive.bag(result) / "metadata/deposit.json").read_bytes())
    (told,) = facts["digest_lists"]
    assert told["path"] == "md5sums.txt"
    assert (told["sha256"], told["digests"]) == (hashlib.sha256(text).hexdigest(), 2)
    assert (told["algorithms"], told["modified"][:2]) == (["md5"], "20")
    assert facts["arrived"].endswith("Z")
    (event,) = [one for one in archive.events() if one.type is EventType.INGESTION]
    assert event.detail["digest_lists"] == [told]
    with archive.opened() as (parts, _):
        shown = origins(parts, list(parts.catalogue.versions()))
    assert shown[1]["digest_lists"] == [told]
    receipt = archive.home / f"receipts/notes/{result.arrival}"
    assert json.loads(receipt.with_suffix(".json").read_bytes())["digest_lists"] == [told]
    assert "from md5sums.txt (md5)" in receipt.with_suffix(".txt").read_text("utf-8")


def test_a_machine_that_hashes_wrongly_is_told_and_rejects_nobody(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Digests.digests

    def lying(self: Digests) -> dict[Algorithm, Digest]:
        return honest(self) | {Algorithm.SHA256: Digest(Algorithm.SHA256, bytes(32))}

    monkeypatch.setattr(Digests, "digests", lying)
    lists = {"sha256sums": f"{hashlib.sha256(A).hexdigest()}  data/a.txt\n".encode()}
    with pytest.raises(NotNowError) as raised:
        taken(archive, lists)
    assert raised.value.code == "BAG-COPY-DISPUTED"
    monkeypatch.undo()
    assert taken(archive, lists)[0] == "accepted"
