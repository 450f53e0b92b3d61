"""A catalogue is made anew by one process at a time; nothing recorded meanwhile is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from homes import Archive

from preservation.app import upkeep
from preservation.app.parts import Parts
from preservation.app.upkeep import check_catalogue, rebuild_catalogue
from preservation.cli.main import call
from preservation.errors import BusyError


@pytest.fixture
def held(archive: Archive) -> Archive:
    archive.ingest(archive.put("first", {"a.txt": b"a"}))
    with archive.opened() as (parts, _):
        parts.drain()
    return archive


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Once the journal was read, and before anything takes the old catalogue's place."""
    folded = upkeep.rebuild

    def fold(*said: Any) -> Any:
        report = folded(*said)
        monkeypatch.setattr(upkeep, "rebuild", folded)
        act()
        return report

    monkeypatch.setattr(upkeep, "rebuild", fold)


def test_damage_that_is_found_meanwhile_stays_on_record(
    held: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = held.tier("vault").rglob("a.txt")

    def damage() -> None:
        file.write_bytes(b"b")
        held.audit()

    meanwhile(monkeypatch, damage)
    with pytest.raises(BusyError) as caught:
        rebuild_catalogue(held.home)
    assert caught.value.code == "CAT-GOES-ON"
    assert not [*held.home.glob("*.former-*"), *held.home.glob("*.rebuilding*")]
    with held.opened() as (parts, _):
        assert len(list(parts.catalogue.findings(state="open"))) == 1
        parts.drain()
    rebuild_catalogue(held.home)
    with held.opened() as (parts, _):
        assert len(list(parts.catalogue.findings(state="open"))) == 1


def test_damage_that_is_found_right_after_the_drain_stays_on_record(
    held: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in no journal yet, and not younger than what is compared."""
    drain = Parts.drain

    def drained(parts: Parts, **said: Any) -> Any:
        result = drain(parts, **said)
        for file in held.tier("vault").rglob("a.txt"):
            file.write_bytes(b"b")
        held.audit()
        return result

    monkeypatch.setattr(Parts, "drain", drained)
    assert call(["--home", str(held.home), "catalogue", "rebuild"]) == 5
    assert "CAT-GOES-ON" in capsys.readouterr().err
    with held.opened() as (parts, _):
        assert len(list(parts.catalogue.findings(state="open"))) == 1


def test_what_was_recorded_and_drained_meanwhile_counts_too(
    held: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_in() -> None:
        held.ingest(held.put("second", {"b.txt": b"b"}))
        with held.opened() as (parts, _):
            parts.drain()

    meanwhile(monkeypatch, take_in)
    with pytest.raises(BusyError):
        rebuild_catalogue(held.home)
    with held.opened() as (parts, _):
        assert len(list(parts.catalogue.versions())) == 2


@pytest.mark.parametrize("other", [check_catalogue, rebuild_catalogue])
def test_a_second_process_does_not_make_one_in_the_same_place(
    held: Archive, monkeypatch: pytest.MonkeyPatch, other: Callable[[Path], Any]
) -> None:
    codes: list[str] = []

    def another() -> None:
        with pytest.raises(BusyError) as caught:
            other(held.home)
        codes.append(caught.value.code)

    meanwhile(monkeypatch, another)
    rebuild_catalogue(held.home)
    assert codes == ["CAT-MAKING"]
    with held.opened() as (parts, _):
        assert len(list(parts.catalogue.versions())) == 1


def test_a_comparison_leaves_no_second_catalogue(held: Archive) -> None:
    before = {path.name for path in held.home.iterdir()}
    check_catalogue(held.home)
    assert {path.name for path in held.home.iterdir()} - before <= {"catalogue.lock"}
