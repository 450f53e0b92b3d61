"""What commands say about a place that is away, or that no folder can be made in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from homes import Archive

from preservation.app.granting import access_of
from preservation.catalogue.custody import AccessState
from preservation.cli.main import call
from preservation.errors import NotNowError
from preservation.files import durable


@pytest.fixture
def held(archive: Archive) -> Archive:
    archive.ingest(archive.put("first", {"a.txt": b"one"}))
    return archive


def run(archive: Archive, *words: str) -> int:
    return call(["--home", str(archive.home), "--policies", str(archive.policies), *words])


def export(archive: Archive, *words: str) -> int:
    with archive.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
    return run(archive, "aip", "export", version.key.aip, *words)


def test_nothing_is_concluded_about_a_tier_that_is_away(
    held: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    (held.tier("deep") / "samarkand-tier.json").rename(held.tier("deep") / "away")
    assert run(held, "tier", "check", "--tier", "deep", "--json") == 5
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["tiers"] == {}
    assert [error["code"] for error in said["errors"]] == ["TIER-NO-MARKER"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../../../../../../etc/passwd", "data/\udcff"])
def test_a_file_that_is_nowhere_in_the_bag_is_named(
    held: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert export(held, str(tmp_path / "out"), "--file", name) == 2
    assert name.replace("\udcff", "\\xff") in capsys.readouterr().err
    assert list(tmp_path.glob("*out*")) == []


def test_a_place_where_no_folder_can_be_is_told_without_a_traceback(
    held: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert export(held, str(tmp_path / "file" / "out")) == 2
    assert export(held, str(tmp_path / ("n" * 300))) == 2
    assert capsys.readouterr().err.count("AIP-DEST") == 2
    assert export(held, str(tmp_path / ("n" * 255))) == 0


def test_an_export_reaches_a_mount_without_exclusive_renames(
    held: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsuitable(*_: object) -> None:
        raise NotNowError("it cannot promise that", code="FS-UNSUITABLE")

    monkeypatch.setattr(durable, "rename_exclusive", unsuitable)
    assert export(held, f"{tmp_path}/new/out/") == 0
    assert (tmp_path / "new" / "out" / "data" / "a.txt").read_bytes() == b"one"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_a_catalogue_from_before_a_withdrawal_gives_nothing_out(
    held: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (held.home / "catalogue.sqlite").read_bytes()
    with held.opened() as (parts, _):
        (version,) = parts.catalogue.versions()
        key, withdrawn = version.key, AccessState.WITHDRAWN
        access_of(parts).set(key.community, key.aip, 0, withdrawn, None, "ana", "a complaint")
        parts.drain()
    (held.home / "catalogue.sqlite").write_bytes(before)

    assert export(held, str(tmp_path / "out")) == 5
    assert "CAT-BEHIND-JOURNAL" in capsys.readouterr().err
    assert list(tmp_path.glob("*out*")) == []
    assert run(held, "policy", "status") == 5  # what is held is not what it knows
    assert not capsys.readouterr().out
