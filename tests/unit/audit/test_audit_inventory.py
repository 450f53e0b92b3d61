"""The central inventory: made from the AIPs, made again the same, honest about what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import COMMUNITY, SILENCE, Archive, Guesser

from preservation.app.holdings import inventory_of, review_of
from preservation.audit.inventory import Refreshed
from preservation.formats.inventory import store
from preservation.formats.inventory.questions import attention, counted, holding
from preservation.formats.inventory.store import CommunityInventory
from preservation.formats.inventory.versions import HeldVersion
from preservation.model.identification import Basis, Identification, Toolchain

FILES = {"a.txt": b"text", "b/c.txt": b"more", "d.dat": b"\x00\x01", "e%\n.txt": b"odd name"}


class Newer(Guesser):
    """Tools of a later release, for which a .dat file is something."""

    toolchain = Toolchain("1", "newer", "")
    known = Identification("fmt/9999", "Data", "2", "application/x-data", basis=Basis.SIGNATURE)

    def identify(
        self, root: Path, paths: Sequence[bytes], digests: object = None, patience: object = None
    ) -> list[Identification]:
        before = super().identify(root, paths)
        return [
            self.known if path.endswith(b".dat") else found
            for path, found in zip(paths, before, strict=True)
        ]


def refresh(archive: Archive, **how: Any) -> Refreshed:
    with archive.opened() as (parts, _):
        return inventory_of(parts).refresh(COMMUNITY, SILENCE, **how)


def inventory(archive: Archive) -> CommunityInventory:
    return CommunityInventory(archive.home / "inventory", COMMUNITY)


def everything(archive: Archive) -> list[dict[str, Any]]:
    opened = inventory(archive)
    return sorted(opened.rows(opened.versions), key=lambda row: (row["aip"], row["path"]))


def review(archive: Archive) -> list[str]:
    refresh(archive)
    with archive.opened() as (parts, policy):
        watch = review_of(parts)
        return [watch.review(policy, due, SILENCE).state for due in watch.plan(COMMUNITY)]


def test_what_is_held_is_counted_by_format(archive: Archive) -> None:
    result = archive.ingest(archive.put("one", FILES))
    assert refresh(archive).files == len(FILES)
    counts = counted(inventory(archive), COMMUNITY)
    assert {(key.id, count.files, count.versions) for key, count in counts.items()} == {
        ("x-fmt/111", 3, 1),
        ("", 1, 1),
    }
    (found,) = holding(inventory(archive), COMMUNITY, lambda id, *_: id == "x-fmt/111")
    assert (found.aip, found.files, found.octets) == (result.aip, 3, 4 + 4 + 8)


def test_a_second_refresh_reads_nothing(archive: Archive) -> None:
    archive.ingest(archive.put("one", FILES))
    assert refresh(archive).taken == 1
    assert refresh(archive).taken == 0
    archive.ingest(archive.put("two", {"x.txt": b"x"}))
    assert refresh(archive).taken == 1
    assert len(everything(archive)) == len(FILES) + 1


def test_a_deleted_inventory_is_made_again_with_the_same_answers(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.ingest(archive.put("one", FILES))
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Newer)
    assert review(archive) == ["changed"]
    refresh(archive)
    before = everything(archive)
    shutil.rmtree(archive.home / "inventory")
    refresh(archive)
    assert everything(archive) == before
    assert refresh(archive, everything=True).taken == 1
    assert everything(archive) == before


def test_a_version_that_cannot_be_read_is_told(archive: Archive) -> None:
    result = archive.ingest(archive.put("one", FILES))
    sealed = archive.bag(result) / "metadata/inventory.csv"
    sealed.chmod(0o644)
    sealed.write_bytes(sealed.read_bytes().replace(b"x-fmt/111", b"x-fmt/112"))
    refreshed = refresh(archive)
    assert [finding.code for finding in refreshed.missing] == ["INV-MISSING"]
    assert everything(archive) == []


def test_a_part_that_is_torn_is_made_again(archive: Archive) -> None:
    archive.ingest(archive.put("one", FILES))
    refresh(archive)
    before = everything(archive)
    (part,) = (archive.home / "inventory").rglob("part-*.parquet")
    part.write_bytes(part.read_bytes()[:-100])
    (part.parent / ".part-00000009.unfinished").write_bytes(b"a run was killed")
    assert refresh(archive).taken == 1
    assert everything(archive) == before
    assert not list((archive.home / "inventory").rglob("*.unfinished"))


def test_many_small_parts_become_one(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preservation.formats.inventory.store.MANY", 3)
    for name in ("one", "two", "three"):
        archive.ingest(archive.put(name, {"name.txt": name.encode()}))
        refresh(archive)
    assert len(list((archive.home / "inventory").rglob("part-*.parquet"))) == 1
    assert [row["bytes"] for row in everything(archive)].count(3) == 2
    assert len(everything(archive)) == 3


def test_newer_tools_find_what_was_unknown_and_both_answers_are_kept(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = archive.ingest(archive.put("one", FILES))
    sealed = (archive.bag(result) / "metadata/inventory.csv").read_bytes()
    assert review(archive) == []  # the same tools: nothing could be otherwise
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Newer)
    assert review(archive) == ["changed"]
    assert review(archive) == []
    (row,) = (row for row in everything(archive) if row["path"].endswith(".dat"))
    assert (row["format_id"], row["sealed_format_id"]) == ("fmt/9999", "")
    assert (archive.bag(result) / "metadata/inventory.csv").read_bytes() == sealed
    with archive.opened() as (parts, _):
        (event,) = (e for e in parts.all_events() if e.type.value == "format identification")
        assert event.outcome == "changed"
        assert event.detail["changes"] == [{"from": "", "to": "fmt/9999", "files": 1}]
        assert parts.catalogue.findings() == []  # what became known is good news
        parts.drain()
    (digest,) = event.detail["results"]
    kept = (archive.home / "tiers").rglob(f"{digest.removeprefix('sha256:')}.json")
    assert len(list(kept)) == 2  # the detail goes where the event goes
    (told,) = attention(inventory(archive), COMMUNITY, ["changed"])
    assert told.reason == "was unknown at ingest"


def test_an_answer_that_is_lost_is_a_warning_that_stands(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Newer)
    archive.ingest(archive.put("one", FILES))
    monkeypatch.setattr(Guesser, "toolchain", Toolchain("2", "worse", ""))
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
    assert review(archive) == ["changed"]
    with archive.opened() as (parts, policy):
        (finding,) = parts.catalogue.findings()
        assert (finding.code, finding.severity) == ("FMT-LOST", "warning")
        assert not [b for b in parts.standing(policy).broken if "finding" in b.code.lower()]


def test_reviews_of_different_years_lie_over_each_other(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.ingest(archive.put("one", FILES))
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Newer)
    assert review(archive) == ["changed"]
    refresh(archive)
    archive.clock.at += timedelta(days=400)
    other = Identification("x-fmt/111", "Plain Text", flags=("tentative",), basis=Basis.TEXT)
    monkeypatch.setattr(Newer, "toolchain", Toolchain("2", "newest", ""))
    monkeypatch.setattr(Guesser, "_known", {**Guesser._known, b"txt": other})
    assert review(archive) == ["changed"]
    refresh(archive)
    before = everything(archive)
    assert [row["doubtful"] for row in before] == [True, True, False, True]
    assert [row["format_id"] for row in before][2] == "fmt/9999"
    shutil.rmtree(archive.home / "inventory")
    refresh(archive)
    assert everything(archive) == before


def test_damaged_bytes_change_no_format(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    result = archive.ingest(archive.put("one", FILES))
    file = archive.bag(result) / "data/d.dat"
    file.chmod(0o644)
    file.write_bytes(b"other")
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Newer)
    assert review(archive) == ["unchanged"]
    (row,) = (row for row in everything(archive) if row["path"].endswith(".dat"))
    assert row["format_id"] == ""


def test_a_month_of_many_versions_is_several_parts_that_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "VERSIONS", 3)
    monkeypatch.setattr(store, "MANY", 2)
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    held = [HeldVersion(f"aip-{one}", 1, "sha256:0", moment, 0, 0) for one in range(8)]
    inventory = store.CommunityInventory(tmp_path, "notes")
    inventory.write("2026-11", ((one, ()) for one in held))
    assert [len(part.versions) for part in inventory.parts] == [3, 3, 2]
    inventory.tidy()
    assert [part.number for part in inventory.parts] == [1, 2, 3]
    inventory.drop([held[0].key])
    assert inventory.versions == {one.key: one for one in held[1:]}


def test_what_was_written_over_and_dropped_is_known_as_if_opened_anew(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    first = [HeldVersion(f"aip-{one}", 1, "sha256:0", moment, 0, 0) for one in range(4)]
    again = [replace(one, seal="sha256:1", reviews=("a", "b")) for one in first[:2]]
    inventory = store.CommunityInventory(tmp_path, "notes")
    assert not inventory.versions  # opened, so that what follows is kept along
    inventory.write("2026-11", ((one, ()) for one in first))
    inventory.write("2026-11", ((one, ()) for one in again))
    inventory.drop([first[0].key, first[3].key])
    inventory.write("2026-12", ((one, ()) for one in first[3:]))
    inventory.tidy()

    anew = store.CommunityInventory(tmp_path, "notes")
    expected = {one.key: one for one in (again[1], first[2], first[3])}
    for one in (inventory, anew):
        assert one.versions == expected
        assert list(one.versions.each()) == list(expected.values())
        counts = {part.number: part.count for part in one.parts}
        assert one.versions.counts() == counts  # no part holds what counts elsewhere
