"""A catalogue filled by the database itself, row for row as ingest, replication and a year of
audits leave it: three replicas of each AIP, ingested over three years.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from private_postgres import private_postgres

from preservation.catalogue.database import Database
from preservation.catalogue.migrations import counting
from preservation.catalogue.place import Place
from preservation.catalogue.sql import SqlCatalogue

COMMUNITY = "silk-road"
NOW = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
TIERS = ("vault", "mirror", "deep")
EVERYWHERE = ",".join(sorted(TIERS))
DAY = 86_400_000_000  # microseconds
FOLDER, VERIFIED, INTACT, E3 = 0, 1, 1, 3  # as codes: ``catalogue.tables``
SPELLED = {
    "sqlite": {
        "numbers": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) ",
        "lot": "((i * 40503) % 65536) / 2",
        "id": "aip(i)",
        "digest": "digest(i)",
        "policy": f"x'00{'5a' * 32}'",
        "false": "0",
    },
    "postgresql": {
        "numbers": "WITH n AS (SELECT generate_series(1::bigint, {}) AS i) ",
        "lot": "((i * 40503) % 65536) / 2",
        "id": "decode(lpad(to_hex((i * 40503) % 65536), 4, '0') || lpad(to_hex(i), 28, '0'), "
        "'hex')",
        "digest": "sha256(convert_to(i::text, 'UTF8'))",
        "policy": f"'\\x00{'5a' * 32}'::bytea",
        "false": "false",
    },
}


def digest(number: int) -> bytes:
    """Something like a digest, another one for each AIP."""
    return hashlib.sha256(str(number).encode()).digest()


def aip(number: int) -> str:
    """The UUID of the AIP with a number, the same as the database makes."""
    return str(uuid.UUID(int=((number * 40503) % 65536 << 112) | number))


def fill(url: str, count: int) -> None:
    """Put so many AIPs of one version into an empty catalogue, each with three replicas."""
    database = Database(Place.parse(url))
    micro = int(NOW.timestamp() * 1_000_000)
    with database.kept_open(), database.writing() as connection:
        if connection.dialect.name == "sqlite":  # rows come in no order: all pages in memory
            connection.exec_driver_sql("PRAGMA cache_size = -2000000")
        kind = connection.dialect.name
        spelled = SPELLED[kind]
        if kind == "sqlite":
            raw: Any = connection.connection.driver_connection
            raw.create_function("aip", 1, lambda i: uuid.UUID(aip(i)).bytes, deterministic=True)
            raw.create_function("digest", 1, digest, deterministic=True)

        def insert(columns: str, values: str) -> None:
            into, numbers = f"INSERT INTO {columns} ", spelled["numbers"].format(count)
            head = into + numbers if kind == "sqlite" else numbers + into
            connection.execute(sa.text(f"{head}SELECT {values} FROM n"))

        # Rows come in millions at once here, and are counted at the end.
        for statement in counting.dropping(kind):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"INSERT INTO community VALUES ('{COMMUNITY}', {count})")
        # Ingested over three years, a thousand a night, evenly; the youngest are a month old.
        ingested = f"{micro} - (30 + (i % 1000)) * {DAY}"
        insert(
            "version (community, aip, version, title, seal, content_digest, lineage, files, "
            "octets, ingested_at, policy, adopted, there, verified)",
            f"'{COMMUNITY}', {spelled['id']}, 1, 'Field notes of the year ' || i % 2000, "
            f"{spelled['digest']}, {spelled['digest']}, '', 100, 1000000000, {ingested}, "
            f"{spelled['policy']}, {spelled['false']}, '{EVERYWHERE}', '{EVERYWHERE}'",
        )
        for place, tier in enumerate(TIERS):
            aged = f"{micro} - ((i * 7 + {place} * 24) % 71) * {DAY} - i % 1000"
            insert(
                "replica (community, aip, version, tier, packaging, state, seal, octets, "
                "written_at, aged_from, young, lot, outcome, level, "
                "adopted)",
                f"'{COMMUNITY}', {spelled['id']}, 1, '{tier}', {FOLDER}, {VERIFIED}, "
                f"{spelled['digest']}, 1000000000, {ingested}, {aged}, "
                f"{spelled['false']}, {spelled['lot']}, {INTACT}, {E3}, {spelled['false']}",
            )
        _counted(connection)
    database.close()
    vacuumed(database)


def vacuumed(database: Database) -> None:
    """PostgreSQL as autovacuum leaves it within minutes."""
    if database.place.url is None:
        return
    engine = sa.create_engine(database.place.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE)")
    engine.dispose()


def _counted(connection: sa.Connection) -> None:
    kind = connection.dialect.name
    # The first one writes each version's tiers, which stand there already.
    for statement in [*counting.recounting(kind)][1:]:
        connection.exec_driver_sql(statement)
    for statement in counting.statements(kind):
        connection.exec_driver_sql(statement)


def size(catalogue: SqlCatalogue) -> int:
    """Octets of the whole catalogue."""
    place = catalogue.database.place
    if place.file is not None:
        with catalogue.database.reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())
    with catalogue.database.reading() as connection:
        asked = (
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'"
        )
        return int(connection.exec_driver_sql(asked).scalar_one())


@contextmanager
def place(scratch: Path, postgresql: bool) -> Iterator[str]:
    """Where the catalogue is; on PostgreSQL, a private server's."""
    if postgresql:
        with private_postgres() as server:
            yield server.database()
    else:
        yield f"sqlite:///{scratch}/catalogue.sqlite"
