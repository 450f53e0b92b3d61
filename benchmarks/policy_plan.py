"""`preserve policy plan` over a million AIPs on three tiers: seconds and memory of the process.

    python benchmarks/policy_plan.py [--aips 1000000] [--postgresql]

The catalogue is filled by the database itself, row for row as ingest, replication and audits
leave it. Proposed is everything at once: another tier, shorter ages, formats refused.
Goal: 10 s, 500 MB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from measure import machine, run
from private_postgres import private_postgres

from preservation.app import create_home
from preservation.catalogue.database import Database
from preservation.catalogue.place import Place
from preservation.catalogue.schema import migrate

PROJECT = Path(__file__).parents[1]
COMMUNITY = "silk-road"
NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) ",
    "postgresql": "WITH n AS (SELECT generate_series(1::bigint, {count}) AS i) ",
}
# A UUID's 16 octets and a digest's 32, different for every number.
ID = {
    "sqlite": "CAST(printf('%016d', i) AS BLOB)",
    "postgresql": "convert_to(lpad(i::text, 16, '0'), 'UTF8')",
}
DIGEST = {
    "sqlite": "CAST(printf('%032d', i) AS BLOB)",
    "postgresql": "convert_to(lpad(i::text, 32, '0'), 'UTF8')",
}
AGO = 1_790_000_000_000_000  # microseconds: November 2026 less a few weeks
FORMATS = (("x-fmt/18", "text/csv", "CSV"), ("fmt/11", "image/png", "PNG"))


def fill(url: str, count: int) -> None:
    """Put so many AIPs of one version into an empty catalogue, each with up to three replicas."""
    database = Database(Place.parse(url))
    with database.writing() as connection:
        kind = connection.dialect.name
        numbers, id_, digest = NUMBERS[kind].format(count=count), ID[kind], DIGEST[kind]
        false = "0" if kind == "sqlite" else "false"

        def insert(columns: str, values: str, where: str = "") -> None:
            into = f"INSERT INTO {columns} "
            head = into + numbers if kind == "sqlite" else numbers + into
            connection.execute(sa.text(f"{head}SELECT {values} FROM n {where}"))

        connection.execute(
            sa.text("INSERT INTO community (community) VALUES (:name) ON CONFLICT DO NOTHING"),
            {"name": COMMUNITY},
        )
        insert("aip (aip, community)", f"{id_}, '{COMMUNITY}'")
        insert(
            "version (community, aip, version, title, seal, content_digest, lineage, files, "
            "octets, ingested_at, policy, adopted)",
            f"'{COMMUNITY}', {id_}, 1, 'a deposit', {digest}, {digest}, '', 100, 1000000000 + i, "
            f"{AGO} + i, 'sha256:0', {false}",
        )
        for puid, mime, name in FORMATS:
            insert(
                "content_format (community, aip, version, puid, mime, name, files, octets)",
                f"'{COMMUNITY}', {id_}, 1, '{puid}', '{mime}', '{name}', 50, 500000000",
            )
        for tier, where in (
            ("vault", ""),
            ("mirror", "WHERE i % 50 <> 0"),
            ("deep", "WHERE i % 9 <> 0"),
        ):
            insert(
                "replica (community, aip, version, tier, packaging, state, seal, octets, "
                "written_at, verified_at, checked_at, aged_from, young, lot, outcome, level, "
                "adopted)",
                f"'{COMMUNITY}', {id_}, 1, '{tier}', 'folder', "
                f"CASE WHEN i % 97 = 0 THEN 'written' ELSE 'verified' END, {digest}, "
                f"1000000000 + i, {AGO}, {AGO}, {AGO} + i * 1000000, {AGO} + i * 1000000, "
                f"{false}, 0, 'intact', 'E3', {false}",
                where,
            )
        if kind == "postgresql":  # as its own upkeep does within minutes
            connection.execute(sa.text("ANALYZE"))
    database.close()


def propose(folder: Path) -> Path:
    """Policy files that change a little of everything."""
    folder.mkdir()
    for path in (PROJECT / "policies").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if path.name == "silk-road.yaml":
            text = text.replace(
                "{tier: deep, packaging: tar, within: 2d}", "{tier: far, packaging: tar}"
            )
            text = text.replace("    refused:", "    unlisted: refuse\n    refused:")
        if path.name == "tiers.yaml":
            text += (
                "  far: {kind: local, path: tiers/far, site: elsewhere, operator: us, "
                "technology: tape, cost: {stored: 5 EUR per TB and year}}\n"
            )
        if path.name == "baseline.yaml":
            text = text.replace("max_age: 90d}", "max_age: 20d}")
            text = text.replace("    deep:", "    far: {level: E3, max_age: 1y}\n    deep:")
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


@contextmanager
def catalogue(home: Path, postgresql: bool) -> Iterator[str]:
    """Where the catalogue is; on PostgreSQL, a private server's."""
    if not postgresql:
        yield f"sqlite:///{home}/catalogue.sqlite"
        return
    with private_postgres() as server:
        url = server.database()
        migrate(url)
        settings = home / "samarkand.toml"
        line = 'catalogue = "sqlite:///catalogue.sqlite"'
        settings.write_text(settings.read_text().replace(f"\n{line}", f'\ncatalogue = "{url}"'))
        yield url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--aips", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        create_home(home, PROJECT / "policies", by="a benchmark")
        proposed = propose(Path(scratch) / "policies")
        with catalogue(home, asked.postgresql) as url:
            fill(url, asked.aips)
            places = ["--home", str(home), "--policies", str(proposed)]
            preserve = str(Path(sys.executable).with_name("preserve"))
            runs = [run([preserve, *places, "policy", "plan", "--json"]) for _ in range(3)]
    least = min(runs, key=lambda one: one.wall)
    kind = "PostgreSQL" if asked.postgresql else "SQLite"
    print(machine())
    print(
        f"policy plan, {asked.aips:,} AIPs, 3 tiers, {kind}: {least.wall:.1f} s, of it "
        f"{least.cpu:.1f} s of CPU here, {least.peak_mib:.0f} MiB (goal 10 s, 500 MB)"
    )


if __name__ == "__main__":
    main()
