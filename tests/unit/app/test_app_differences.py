"""A catalogue that says otherwise than tiers and journal is told so in words."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from homes import Archive

from preservation.app.upkeep import check_catalogue, rebuild_catalogue


def test_what_differs_is_said_column_by_column(archive: Archive, tmp_path: Path) -> None:
    file = archive.home / "catalogue.sqlite"
    first = archive.ingest(archive.put("first", {"a.txt": b"a"}))
    shutil.copy(file, tmp_path)
    shutil.rmtree(archive.bag(first) / "data")
    archive.audit()
    second = archive.ingest(archive.put("second", {"b.txt": b"b"}))
    with archive.opened() as (parts, _):
        parts.drain()
    shutil.copy(tmp_path / "catalogue.sqlite", file)
    _, told = check_catalogue(archive.home)
    unknown = "the catalogue does not know it; tiers and journal do"
    assert f"version {second.aip} v1: {unknown}" in told
    (changed,) = (one for one in told if one.startswith(f"replica {first.aip} v1 on vault"))
    assert "state is verified, by tiers and journal damaged" in changed
    assert not any("(" in one for one in told), told


def test_a_former_catalogue_is_kept_with_its_last_transactions(
    archive: Archive, tmp_path: Path
) -> None:
    files = [archive.home / f"catalogue.sqlite{part}" for part in ("", "-wal")]
    with closing(sqlite3.connect(files[0])) as reader:  # as long as it is open, the log stays
        archive.ingest(archive.put("first", {"a.txt": b"a"}))
        reader.execute("SELECT * FROM version").fetchall()
        archive.ingest(archive.put("second", {"b.txt": b"b"}))
        for file in files:
            shutil.copy(file, tmp_path)
    for file in files:  # as a killed process leaves them
        shutil.copy(tmp_path / file.name, file)
    _, former = rebuild_catalogue(archive.home)
    with closing(sqlite3.connect(former)) as kept:
        assert kept.execute("SELECT count(*) FROM version").fetchone() == (2,)
