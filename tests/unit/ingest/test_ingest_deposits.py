"""What becomes of deposits that are as they should be, or nearly."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from homes import SILENCE, Archive, codes, only, snapshot

from preservation.app.home import find_home
from preservation.app.policies import apply_policies, read_policies
from preservation.ingest.result import DepositResult

FILES = {"readings/a.txt": b"one", "readings/b.txt": b"two", "z.bin": b"three"}
DOI = {"datacite.json": json.dumps({"doi": "10.1234/afrasiab"}).encode()}


def tar_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1_000_000
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def bag_of(
    files: dict[str, bytes], info: str = "", extra: dict[str, bytes] | None = None
) -> dict[str, bytes]:
    bag = {f"data/{name}": data for name, data in files.items()} | (extra or {})
    lines = [
        f"{hashlib.md5(data).hexdigest()}  {name}\n"
        for name, data in bag.items()
        if name.startswith("data/")
    ]
    bag["manifest-md5.txt"] = "".join(lines).encode()
    bag["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    bag["bag-info.txt"] = info.encode()
    return bag


def payload(archive: Archive, result: DepositResult) -> dict[str, bytes]:
    data = archive.bag(result) / "data"
    return {str(p.relative_to(data)): p.read_bytes() for p in data.rglob("*") if p.is_file()}


PACKED: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "a.tar": tar_of,
    "a.tar.gz": lambda files: gzip.compress(tar_of(files)),
    "a.tgz": lambda files: gzip.compress(tar_of(files)),
    "a.tar.bz2": lambda files: bz2.compress(tar_of(files)),
    "a.tar.xz": lambda files: lzma.compress(tar_of(files)),
    "two streams.tar.xz": lambda files: (
        lzma.compress(tar_of(files)[:600]) + b"\0" * 8 + lzma.compress(tar_of(files)[600:])
    ),
    "a.ZIP": zip_of,
}


@pytest.mark.parametrize("name", PACKED)
def test_a_container_is_taken_in_as_the_files_that_it_holds(archive: Archive, name: str) -> None:
    path = archive.inbox / name
    path.write_bytes(PACKED[name](FILES))
    before = snapshot(archive.inbox)
    result = archive.ingest(path)
    assert (result.outcome, codes(result)) == ("accepted", set())
    assert payload(archive, result) == FILES
    facts = json.loads((archive.bag(result) / "metadata/deposit.json").read_bytes())
    assert facts["container"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert snapshot(archive.inbox) == before
    assert archive.unfinished() == []


def test_a_folder_becomes_a_bag_that_others_call_valid(archive: Archive) -> None:
    path = archive.put("Afrasiab", FILES)
    before = snapshot(archive.inbox)
    result = archive.ingest(path)
    bagit.Bag(str(archive.bag(result))).validate(processes=1)
    assert payload(archive, result) == FILES
    assert only(result.replicas).state == "verified"
    assert snapshot(archive.inbox) == before


def test_a_bag_in_a_container_is_opened_and_its_digests_are_compared(archive: Archive) -> None:
    path = archive.inbox / "bag.tar.gz"
    inside = bag_of(FILES, "Source-Organization: Afrasiab\n  Museum\n", {"notes/x.md": b"tag"})
    path.write_bytes(gzip.compress(tar_of({f"top/{name}": d for name, d in inside.items()})))
    result = archive.ingest(path)
    assert result.outcome == "accepted"
    assert payload(archive, result) == FILES
    assert dict(result.supplied) == {"matched": 3, "differs": 0, "absent": 0, "unlisted": 0}
    kept = archive.bag(result) / "metadata/deposit"
    assert (kept / "manifest-md5.txt").read_bytes() == inside["manifest-md5.txt"]
    assert (kept / "notes/x.md").read_bytes() == b"tag"
    assert (
        b"Source-Organization: Afrasiab Museum\n"
        in (archive.bag(result) / "bag-info.txt").read_bytes()
    )


def test_a_bag_beside_something_else_is_plain_files_and_that_is_told(archive: Archive) -> None:
    path = archive.inbox / "bag.zip"
    inside = {f"bag/{name}": data for name, data in bag_of(FILES).items()}
    path.write_bytes(zip_of(inside | {"__MACOSX/bag/._bagit.txt": b"x"}))
    result = archive.ingest(path)
    assert result.outcome == "accepted"
    assert "DEP-BAG-INSIDE" in codes(result)
    assert payload(archive, result).keys() >= inside.keys()


def test_what_a_refused_member_leaves_out_is_not_called_missing(archive: Archive) -> None:
    path = archive.inbox / "bag.tar"
    inside = bag_of({"../../../x": b"1"})
    path.write_bytes(tar_of({f"bag/{name}": data for name, data in inside.items()}))
    result = archive.ingest(path)
    assert result.outcome == "rejected"
    assert "DEP-MEMBER-ESCAPES" in codes(result)
    assert "BAG-PAYLOAD-FOLDER" not in codes(result)


def test_the_same_content_is_stored_once_whatever_its_folder_is_called(archive: Archive) -> None:
    first = archive.ingest(archive.put("one", FILES))
    second = archive.ingest(archive.put("two", FILES))
    assert (second.outcome, second.aip, second.version) == ("held already", first.aip, 1)
    assert archive.told()["validation", "held already", ""] == 1
    assert archive.standing()["versions"] == [(1, "one", 3, first_formats(archive))]


def first_formats(archive: Archive) -> object:
    with archive.opened() as (parts, _):
        return next(parts.catalogue.versions()).formats


def test_an_unchanged_deposit_is_not_read_again(archive: Archive) -> None:
    path = archive.put("one", FILES)
    first = archive.ingest(path)
    events = archive.told()
    again = archive.ingest(path)
    assert (again.outcome, again.aip, again.seal) == ("held already", first.aip, first.seal)
    assert archive.told() == events
    assert archive.take_inbox() == []


def test_changed_content_under_a_held_identifier_is_the_next_version(archive: Archive) -> None:
    first = archive.ingest(archive.put("one", FILES | DOI))
    second = archive.ingest(archive.put("another name", FILES | DOI | {"new.txt": b"four"}))
    assert (second.outcome, second.aip, second.version) == ("accepted", first.aip, 2)
    with archive.opened() as (parts, _):
        last = list(parts.catalogue.versions())[-1]
    assert str(last.previous_seal) == first.seal
    sidecar = json.loads(archive.bag(second).with_name("v2.seal.json").read_bytes())
    assert sidecar["previous_seal"] == first.seal
    assert (
        b"Lineage-Identifier: doi:10.1234/afrasiab\n"
        in (archive.bag(second) / "bag-info.txt").read_bytes()
    )


def test_a_changed_deposit_without_an_identifier_is_another_aip(archive: Archive) -> None:
    path = archive.put("one", FILES)
    first = archive.ingest(path)
    (path / "new.txt").write_bytes(b"four")
    second = archive.ingest(path)
    assert second.outcome == "accepted"
    assert second.aip != first.aip
    assert second.version == 1


def test_two_identifiers_of_the_deciding_scheme_are_ambiguous(archive: Archive) -> None:
    twice = {"doi": "10.1234/a", "alternateIdentifiers": [{"alternateIdentifier": "10.1234/b"}]}
    files = FILES | {"datacite.json": json.dumps(twice).encode()}
    result = archive.ingest(archive.put("one", files))
    assert (result.outcome, codes(result)) == ("rejected", {"DEP-LINEAGE-AMBIGUOUS"})


def test_an_identifier_that_two_aips_have_is_ambiguous(archive: Archive) -> None:
    archive.ingest(archive.put("one", FILES | DOI))
    archive.ingest(archive.put("two", {"other.txt": b"x"}))
    with archive.opened() as (parts, policy):
        one, two = sorted(parts.catalogue.versions(), key=lambda row: row.ingested_at)
        detail = next(e for e in parts.all_events() if e.aip == two.key.aip).detail
        event = parts.events.about(
            one.key.__class__(policy.community, parts.events.new_id(), 1),
            next(e for e in parts.all_events() if e.aip == two.key.aip).type,
            "success",
            {**detail, "lineage": one.lineage, "content_digest": str(one.seal)},
        )
        parts.catalogue.record([event])
    result = archive.ingest(archive.put("three", {"new.txt": b"y"} | DOI))
    assert (result.outcome, codes(result)) == ("rejected", {"DEP-LINEAGE-AMBIGUOUS"})


@pytest.mark.parametrize(
    "strange", [b"[]", b"{", b'{"identifiers": 5}', b'{"doi": 5}', b"[" * 9999]
)
def test_strange_metadata_says_nothing_and_stops_nothing(archive: Archive, strange: bytes) -> None:
    result = archive.ingest(archive.put("one", FILES | {"datacite.json": strange}))
    assert result.outcome == "accepted"


def test_quiet_means_that_nothing_changed_for_so_long(ground: Path) -> None:
    archive = Archive(ground, {"intake": {"complete": {"quiet": "2h"}}})
    path = archive.put("one", FILES)
    changed = max(p.stat().st_ctime for p in [path, *path.rglob("*")])
    archive.clock.at = archive.clock.at.fromtimestamp(changed + 7100, archive.clock.at.tzinfo)
    assert archive.take_inbox() == []
    archive.clock.at = archive.clock.at.fromtimestamp(changed + 7300, archive.clock.at.tzinfo)
    assert only(archive.take_inbox()).outcome == "accepted"


def test_a_file_dated_into_the_far_future_does_not_wait_for_it(archive: Archive) -> None:
    path = archive.put("one", FILES)
    os.utime(path / "z.bin", ns=(0, 2**62))
    os.utime(path / "readings/a.txt", ns=(0, -(2**31) * 10**9))
    result = only(archive.take_inbox())
    assert result.outcome == "accepted"
    assert b"1901-12-13T" in (archive.bag(result) / "metadata/tree.csv").read_bytes()


def test_a_marker_says_when_a_deposit_is_complete(ground: Path) -> None:
    archive = Archive(ground, {"intake": {"complete": {"marker": "complete.txt"}}})
    path = archive.put("one", FILES)
    (archive.inbox / "two.tar").write_bytes(tar_of({"x": b"y"}))
    assert archive.take_inbox() == []
    (path / "complete.txt").touch()
    (archive.inbox / "two.tarcomplete.txt").touch()
    assert [result.deposit for result in archive.take_inbox()] == ["one", "two.tar"]


def listed(digests: dict[str, str]) -> dict[str, bytes]:
    text = "".join(f"{digest} *{name}\n" for name, digest in digests.items())
    return {"sha256sums.txt": text.encode()}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_digests_that_came_along_are_compared_and_counted(archive: Archive) -> None:
    known = {"z.bin": sha(b"three"), "gone.txt": sha(b"")}
    result = archive.ingest(archive.put("one", FILES | listed(known)))
    assert result.outcome == "accepted"
    assert dict(result.supplied) == {"matched": 1, "differs": 0, "absent": 1, "unlisted": 2}
    assert codes(result) == {"DEP-ABSENT", "DEP-LIST-PARTIAL"}


def test_a_digest_that_differs_rejects_with_both_values(archive: Archive) -> None:
    result = archive.ingest(archive.put("one", FILES | listed({"z.bin": sha(b"thrice")})))
    finding = only(one for one in result.findings if one.code != "DEP-LIST-PARTIAL")
    assert (result.outcome, finding.code) == ("rejected", "DEP-DIGEST-DIFFERS")
    assert sha(b"three") in finding.message
    assert sha(b"thrice") in finding.message


def test_a_list_that_contradicts_itself_is_not_believed_by_halves(archive: Archive) -> None:
    lists = listed({"z.bin": sha(b"three")})
    lists["more.sha256"] = f"{sha(b'other')}  z.bin\n".encode()
    assert archive.ingest(archive.put("one", FILES | lists)).outcome == "rejected"


def test_a_bags_manifest_is_a_promise_about_every_file(archive: Archive) -> None:
    bag = bag_of(FILES)
    del bag["data/z.bin"]
    bag["data/stray.txt"] = b"?"
    result = archive.ingest(archive.put("bag", bag))
    assert result.outcome == "rejected"
    assert codes(result) >= {"DEP-ABSENT", "DEP-NOT-LISTED"}


def test_refused_formats_reject_and_name_what_to_use(archive: Archive) -> None:
    result = archive.ingest(archive.put("one", {"setup.exe": b"MZ"}))
    assert (result.outcome, codes(result)) == ("rejected", {"DEP-FORMAT-REFUSED"})


def test_what_cannot_be_identified_is_refused_where_the_policy_says_so(ground: Path) -> None:
    archive = Archive(ground, {"intake": {"formats": {"unidentified": "refuse"}}})
    result = archive.ingest(archive.put("one", FILES))
    assert (result.outcome, codes(result)) == ("rejected", {"DEP-FORMAT-UNKNOWN"})


LIMITS = {
    "DEP-FILES": ({"files": 2}, FILES),
    "DEP-SIZE": ({"size": "10 B"}, FILES),
    "DEP-FILE-SIZE": ({"file_size": "4 B"}, FILES),
    "DEP-PATH-LENGTH": ({"path": 8}, FILES),
    "DEP-DEPTH": ({"depth": 1}, FILES),
}


@pytest.mark.parametrize("code", LIMITS)
@pytest.mark.parametrize("packed", [False, True])
def test_each_limit_rejects_folders_and_containers(ground: Path, code: str, packed: bool) -> None:
    limits, files = LIMITS[code]
    archive = Archive(ground, {"intake": {"limits": limits}})
    path = archive.put("one", files)
    if packed:
        path = archive.inbox / "one.tar"
        path.write_bytes(tar_of({f"f{n}": b"x" for n in range(9)} | files))
    result = archive.ingest(path)
    assert result.outcome == "rejected"
    assert code in codes(result)


def test_a_rejected_deposit_is_looked_at_again_under_a_new_policy(ground: Path) -> None:
    archive = Archive(ground, {"intake": {"limits": {"files": 2}}})
    archive.put("one", FILES)
    assert only(archive.take_inbox()).outcome == "rejected"
    assert archive.take_inbox() == []
    archive.write_policies({})
    checked = read_policies(archive.policies).require()
    apply_policies(find_home(archive.home), checked, "us", "more room", archive.clock)
    assert only(archive.take_inbox()).outcome == "accepted"


def test_the_depositor_reads_in_the_receipt_what_to_mend(archive: Archive) -> None:
    path = archive.put("сады", {"a.txt": b"x"})
    (path / "out").symlink_to("/etc/passwd")
    result = archive.ingest(path)
    receipts = archive.home / "receipts/notes"
    letter = (receipts / f"{result.arrival}.txt").read_text("utf-8")
    assert "Deposit: сады\n" in letter
    assert "Your deposit was not accepted. Nothing in it was changed." in letter
    assert "[DEP-LINK-ESCAPES] out: a symbolic link to /etc/passwd" in letter
    assert "What to do: it leads out of the deposit: remove it" in letter
    document = json.loads((receipts / f"{result.arrival}.json").read_bytes())
    assert (document["schema"], document["outcome"]) == ("samarkand.receipt/1", "rejected")


def test_the_depositor_of_an_accepted_deposit_reads_the_seal(archive: Archive) -> None:
    result = archive.ingest(archive.put("one", FILES))
    letter = (archive.home / f"receipts/notes/{result.arrival}.txt").read_text()
    assert f"is kept as AIP {result.aip}, version 1." in letter
    assert result.seal in letter


@pytest.mark.parametrize("name", ["  ", " x ", "a\nb: c", "\u202eevil", "[/red]", "%0A", "é" * 120])
def test_any_folder_name_will_do(archive: Archive, name: str) -> None:
    path = archive.put(name, FILES)
    result = archive.ingest(path)
    assert result.outcome == "accepted"
    bagit.Bag(str(archive.bag(result))).validate(processes=1)


def test_a_link_in_the_inbox_is_no_deposit_and_is_not_followed(
    archive: Archive, ground: Path
) -> None:
    outside = ground / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    (archive.inbox / "link").symlink_to(outside)
    result = only(archive.take_inbox())
    assert (result.outcome, codes(result)) == ("rejected", {"DEP-NOT-A-DEPOSIT"})


def test_one_deposit_that_is_gone_keeps_no_other_waiting(archive: Archive) -> None:
    archive.put("one", FILES)
    with archive.opened() as (parts, policy):
        waiting = parts.ingest.scan(policy)
        archive.put("two", {"x": b"y"})
        assert len(parts.ingest.scan(policy)) == 2
        assert parts.ingest.take(policy, waiting[0], SILENCE).outcome == "accepted"
