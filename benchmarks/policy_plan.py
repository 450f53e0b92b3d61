"""`preserve policy plan`, `status`, `apply` over a million AIPs on three tiers: seconds, memory.

    python benchmarks/policy_plan.py [--aips 1000000] [--postgresql]

The catalogue is filled by the database itself, row for row as ingest, replication and audits
leave it. Proposed is everything at once: another tier, shorter ages, formats refused, disposal.
Goal for the plan: 10 s, 500 MB. On PostgreSQL the server's CPU comes on top: wall tells it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from measure import machine, run
from private_postgres import private_postgres

from preservation.app.create import create_home
from preservation.catalogue.database import Database
from preservation.catalogue.migrations import counting
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
TIERS = {"vault": "true", "mirror": "i % 50 <> 0", "deep": "i % 9 <> 0"}  # which AIPs are there
THERE = " || ".join(  # the same, as the catalogue writes it beside a version
    [
        *(f"CASE WHEN {TIERS[tier]} THEN '{tier},' ELSE '' END" for tier in ("deep", "mirror")),
        "'vault'",
    ]
)
SOUND = "i % 97 <> 0"  # those that were read back
FOLDER, VERIFIED, WRITTEN, INTACT, E3 = 0, 1, 2, 1, 3  # as codes: ``catalogue.tables``
FORMATS = (("x-fmt/18", "text/csv", "CSV"), ("fmt/11", "image/png", "PNG"))


def fill(url: str, count: int) -> None:
    """Put so many AIPs of one version into an empty catalogue, each with up to three replicas."""
    database = Database(Place.parse(url))
    with database.kept_open(), database.writing() as connection:
        kind = connection.dialect.name
        _unhindered(connection)
        _insert_rows(connection, count)
        # The first one writes each version's tiers, which stand there already.
        for statement in [*counting.recounting(kind)][1:]:
            connection.exec_driver_sql(statement)
        for statement in counting.statements(kind):
            connection.exec_driver_sql(statement)
    with database.writing() as connection:
        connection.exec_driver_sql("ANALYZE")  # as upkeep does within minutes
    database.close()


def _unhindered(connection: sa.Connection) -> None:
    """Millions of rows come at once, and are right: nothing is looked up or counted for each."""
    kind = connection.dialect.name
    for statement in counting.dropping(kind):
        connection.exec_driver_sql(statement)
    if kind == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    else:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("PRAGMA cache_size = -1000000")


def _insert_rows(connection: sa.Connection, count: int) -> None:
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
    insert(
        "version (community, aip, version, title, seal, content_digest, lineage, files, "
        "octets, ingested_at, policy, adopted, there, verified)",
        f"'{COMMUNITY}', {id_}, 1, 'a deposit', {digest}, {digest}, '', 100, 1000000000 + i, "
        f"{AGO} + i, {digest}, {false}, {THERE}, CASE WHEN {SOUND} THEN {THERE} ELSE '' END",
    )
    for puid, mime, name in FORMATS:
        insert(
            "content_format (community, aip, version, puid, mime, name, files, octets)",
            f"'{COMMUNITY}', {id_}, 1, '{puid}', '{mime}', '{name}', 50, 500000000",
        )
    for tier, where in TIERS.items():
        insert(
            "replica (community, aip, version, tier, packaging, state, seal, octets, "
            "written_at, verified_at, checked_at, aged_from, young, lot, outcome, level, "
            "adopted)",
            f"'{COMMUNITY}', {id_}, 1, '{tier}', {FOLDER}, "
            f"CASE WHEN {SOUND} THEN {VERIFIED} ELSE {WRITTEN} END, {digest}, "
            f"1000000000 + i, {AGO}, {AGO}, {AGO} + i * 1000000, {AGO} + i * 1000000, "
            f"{false}, 0, {INTACT}, {E3}, {false}",
            f"WHERE {where}",
        )


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


def measure(name: str, times: int, command: list[str]) -> str:
    """What the quickest of some runs took."""
    least = min((run(command, allowed=(0, 4)) for _ in range(times)), key=lambda one: one.wall)
    return (
        f"policy {name}: {least.wall:.1f} s, of it {least.cpu:.1f} s of CPU here, "
        f"{least.peak_mib:.0f} MiB; others used {least.others:.1f} cores"
    )


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
            began = time.perf_counter()
            # In a process of its own: what it took would count as the commands' memory, too.
            filling = get_context("spawn").Process(target=fill, args=(url, asked.aips))
            filling.start()
            filling.join()
            if filling.exitcode:
                raise SystemExit("the catalogue could not be filled")
            filled = time.perf_counter() - began
            preserve = str(Path(sys.executable).with_name("preserve"))
            policy = [preserve, "--home", str(home), "--policies", str(proposed), "policy"]
            agreed = ["--reason", "a benchmark", "--consent", "nobody is harmed"]
            told = [
                measure("plan", 3, [*policy, "plan", "--json"]),
                measure("status, all as promised but what is young", 3, [*policy, "status"]),
                measure("apply", 1, [*policy, "apply", *agreed]),
                measure("status, with a million replicas to make", 3, [*policy, "status"]),
            ]
    kind = "PostgreSQL" if asked.postgresql else "SQLite"
    print(machine())
    print(f"{asked.aips:,} AIPs, 3 tiers, {kind}, filled in {filled:.0f} s (goal for the plan: "
          "10 s, 500 MB)")  # fmt: skip
    print("\n".join(told))


if __name__ == "__main__":
    main()
