"""A catalogue of a million AIPs on three tiers: its size, and what questions and writes cost.

    python benchmarks/audit_scale.py [--aips 1000000] [--postgresql]

The catalogue is filled by the database itself, row for row as ingest, replication and a year of
audits leave it. Then: the plan of a night, the standing, what pages ask, leases taken and given
back, events recorded with their state; each against the goal, and events and their reports
against the raw engine. CPU seconds are of this process; on PostgreSQL the server's come on top,
so seconds of wall are told too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from measure import machine
from private_postgres import private_postgres

from preservation.audit.forecast import forecast
from preservation.audit.planner import Planner
from preservation.audit.purse import Purse
from preservation.audit.rhythm import LOTS
from preservation.audit.service import TOGETHER
from preservation.catalogue.database import Database
from preservation.catalogue.migrations import counting
from preservation.catalogue.place import Place
from preservation.catalogue.sql import SqlCatalogue, create_catalogue, open_catalogue
from preservation.catalogue.standing import standing
from preservation.formats.groups import known_groups
from preservation.model.event import Event, EventType
from preservation.model.replica import VersionKey
from preservation.policy.check import check
from preservation.policy.policy import Policy

PROJECT = Path(__file__).parents[1]
COMMUNITY, NOW = "silk-road", datetime(2026, 11, 22, 2, tzinfo=UTC)
TIERS = ("vault", "mirror", "deep")
EVERYWHERE = ",".join(sorted(TIERS))
DAY = 86_400_000_000  # microseconds
FOLDER, VERIFIED, INTACT, E3 = 0, 1, 1, 3  # as codes: ``catalogue.tables``
MINUTES = timedelta(minutes=10)
SPELLED = {
    "sqlite": {
        "numbers": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) ",
        "lot": "((i * 40503) % 65536)",
        "id": "aip(i)",
        "digest": "digest(i)",
        "policy": f"x'00{'5a' * 32}'",
        "false": "0",
    },
    "postgresql": {
        "numbers": "WITH n AS (SELECT generate_series(1::bigint, {}) AS i) ",
        "lot": "((i * 40503) % 65536)",
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
    return str(uuid.UUID(int=((number * 40503) % LOTS << 112) | number))


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

        # Rows come in millions at once here; their counts are written as they must come out.
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
        _counted(connection, count)
    database.close()
    if database.place.url is not None:  # PostgreSQL: as autovacuum leaves it within minutes
        engine = sa.create_engine(database.place.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")
        engine.dispose()


def _counted(connection: sa.Connection, count: int) -> None:
    octets = count * 10**9
    connection.exec_driver_sql(
        f"INSERT INTO version_count VALUES ('{COMMUNITY}', '{EVERYWHERE}', '{EVERYWHERE}', "
        f"{count}, {count * 100}, {octets})"
    )
    for tier in TIERS:
        connection.exec_driver_sql(
            f"INSERT INTO replica_count VALUES ('{COMMUNITY}', '{tier}', {VERIFIED}, {count}, "
            f"{octets})"
        )
    for statement in counting.statements(connection.dialect.name):
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


def a_policy() -> Policy:
    """The shipped policy; its budget is what the promise needs."""
    files = {path.name: path.read_text() for path in (PROJECT / "policies").glob("*.yaml")}
    policy = Policy.from_effective(check(files, known_groups()).require().effective[COMMUNITY])
    return replace(policy, audit=replace(policy.audit, budget=10**15))


def timed(what: str, goal: str, work: Callable[[], Any], times: int = 3) -> Any:
    """Tell the least of some times: wall and CPU."""
    least, result = (float("inf"), float("inf")), None
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        least = min(least, (time.perf_counter() - wall, time.process_time() - cpu))
    print(f"| {what} | {least[0] * 1000:,.0f} | {least[1] * 1000:,.0f} | {goal} |", flush=True)
    return result


def night(catalogue: SqlCatalogue, policy: Policy) -> int:
    """Plan one night; how many replicas it takes."""
    with catalogue.kept_open():
        held = catalogue.turns.held()[COMMUNITY]
        planner = Planner(catalogue.turns, catalogue.drawings, policy, held, NOW)
        return sum(1 for _ in planner.night(Purse(policy.audit, policy.tiers, None)))


def young(catalogue: SqlCatalogue) -> None:
    """Make all replicas look as if they came in by one migration, and were never audited."""
    with catalogue.database.writing() as connection:
        connection.exec_driver_sql("UPDATE replica SET young = true")


def questions(catalogue: SqlCatalogue, policy: Policy) -> None:
    """What pages and DAGs ask, one by one."""
    figures, turns, observed = catalogue.figures, catalogue.turns, dict.fromkeys(TIERS, "")
    observed = {tier: f"disk {tier}" for tier in TIERS}
    ages = {tier: rule.max_age for tier, rule in policy.audit.tiers.items()}
    before = NOW - timedelta(days=2)
    goal = "100"
    timed(
        "standing of the community, all questions",
        "",
        lambda: standing(catalogue, policy, observed, NOW),
    )
    timed("holdings", goal, lambda: figures.holdings(COMMUNITY))
    timed("coverage by verified replicas", goal, lambda: figures.coverage(COMMUNITY, TIERS, before))
    timed("replicas by tier and state", goal, lambda: figures.tier_counts(COMMUNITY))
    timed(
        "versions that lack a replica",
        goal,
        lambda: figures.not_there(COMMUNITY, "deep", before, 100),
    )
    timed(
        "overdue on all tiers",
        goal,
        lambda: [figures.aged(COMMUNITY, tier, NOW - age) for tier, age in ages.items()],
    )
    timed(
        "overdue on all tiers, if nothing was audited for 40 days",
        goal,
        lambda: [
            figures.aged(COMMUNITY, tier, NOW + timedelta(days=40) - age)
            for tier, age in ages.items()
        ],
    )
    timed("the oldest checks", goal, lambda: figures.oldest(COMMUNITY, "vault", NOW, 100))
    timed("siblings of damage", goal, lambda: turns.siblings(COMMUNITY))
    key = VersionKey(COMMUNITY, aip(77), 1)
    timed("an AIP with its replicas", goal, lambda: list(catalogue.replicas(aip=key.aip)))
    timed("the first thousand versions", goal, lambda: next(catalogue.versions(COMMUNITY)))


@contextmanager
def told(what: str, count: int, database: Database) -> Iterator[None]:
    """Tell how many a second a block came to, and CPU microseconds for each: of this process and,
    on PostgreSQL, of the server's process that serves it.
    """
    with database.kept_open():
        began, cpu = time.perf_counter(), spent(database)
        yield
        wall, cpu = time.perf_counter() - began, spent(database) - cpu
    print(f"{what}: {count / wall:,.0f}/s, {cpu / count * 1e6:,.0f} CPU us each", flush=True)


def spent(database: Database) -> float:
    """Seconds of CPU that this process and its server's spent."""
    if database.place.file is not None:
        return time.process_time()
    with database.reading() as connection:
        served = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    fields = Path(f"/proc/{served}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])  # user and system
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def leases(catalogue: SqlCatalogue, count: int) -> None:
    """Take and give back so many leases, in lots, as a shard does."""
    names = [f"replica:{number}" for number in range(count)]
    with told("leases taken and given back", count, catalogue.database):
        for first in range(0, count, TOGETHER):
            taken = catalogue.lease_all(names[first : first + TOGETHER], MINUTES, NOW)
            catalogue.release_all(taken)


def checks(count: int, at: datetime, first: int = 1) -> list[Event]:
    """Events of so many checks, one for an AIP, from one on."""
    detail = {
        "level": "E3", "algorithms": ["sha256"], "bytes_read": 10**9, "files": {"intact": 100},
        "cache_bypassed": True, "milliseconds": 3000, "result": "",
    }  # fmt: skip
    return [
        Event(
            str(uuid.uuid4()), at, EventType.FIXITY_CHECK, "intact", "a benchmark", COMMUNITY,
            aip(first + number), 1, TIERS[number % 3], "sha256:" + "0" * 64, detail,
        )
        for number in range(count)
    ]  # fmt: skip


def events(catalogue: SqlCatalogue, count: int) -> None:
    """Record so many checks with their state, a thousand in one transaction."""
    made = checks(count, NOW)
    with told("events recorded with their state", count, catalogue.database):
        for first in range(0, count, 1_000):
            catalogue.record(made[first : first + 1_000])


def raw_events(url: str, count: int) -> None:
    """The least that the engine has to do for the same, by its bare driver: insert the events as
    they are kept, update the states. Of other AIPs, so that neither finds the other's pages read.
    """
    database = Database(Place.parse(url))
    mark = "?" if database.place.file is not None else "%s"
    into = f"INSERT INTO outbox (id, body) VALUES ({mark}, {mark})"
    update = (
        "UPDATE replica SET aged_from = M, young = M, outcome = M "
        "WHERE community = M AND aip = M AND version = 1 AND tier = M"
    ).replace("M", mark)
    made = checks(count, NOW, first=count + 1)
    with told("the same by bare statements", count, database):
        for first in range(0, count, 1_000):
            part = made[first : first + 1_000]
            kept = [(uuid.UUID(one.id).bytes, one.encode()) for one in part]
            states = [(1, False, 1, COMMUNITY, uuid.UUID(one.aip).bytes, one.tier) for one in part]
            with database.writing() as connection:
                connection.exec_driver_sql(into, kept)
                connection.exec_driver_sql(update, states)
    database.close()


@contextmanager
def place(scratch: Path, postgresql: bool) -> Iterator[str]:
    """Where the catalogue is; on PostgreSQL, a private server's."""
    if postgresql:
        with private_postgres() as server:
            yield server.database()
    else:
        yield f"sqlite:///{scratch}/catalogue.sqlite"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--aips", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as scratch, place(Path(scratch), asked.postgresql) as url:
        create_catalogue(url).close()
        began = time.perf_counter()
        fill(url, asked.aips)
        catalogue, policy = open_catalogue(url), a_policy()
        kind = "PostgreSQL" if asked.postgresql else "SQLite"
        print(
            f"{kind}, {asked.aips:,} AIPs x {len(TIERS)} replicas: {size(catalogue) / 1e9:.2f} GB "
            f"(goal 1.5), filled in {time.perf_counter() - began:.0f} s\n"
        )
        print("| question | wall ms | CPU ms | goal |\n|---|---|---|---|")
        planned = timed("the plan of a night", "1000", lambda: night(catalogue, policy))
        questions(catalogue, policy)
        cohorts = timed(
            "what a forecast starts from", "", lambda: catalogue.turns.cohorts(COMMUNITY), 1
        )
        timed(
            "ten years ahead, 3,650 nights",
            "10000",
            lambda: forecast(policy, cohorts, NOW, nights=3_650),
            1,
        )
        young(catalogue)
        timed("the plan, if all came yesterday", "1000", lambda: night(catalogue, policy))
        print(f"\na night takes {planned:,} replicas")
        leases(catalogue, asked.events)
        events(catalogue, asked.events)
        raw_events(url, asked.events)
        catalogue.close()


if __name__ == "__main__":
    main()
