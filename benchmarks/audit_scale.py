"""A catalogue of a million AIPs on three tiers: its size, and what questions and writes cost.

    python benchmarks/audit_scale.py [--aips 1000000] [--nights 3] [--postgresql]

The catalogue is filled by the database itself (``filled``). Then: the plan of a night, the
standing, what pages ask, ten years ahead, the commands, leases taken and given back, events
recorded with their state, against the bare driver in the same process; and the size again after
some nights. CPU seconds are of this process; on PostgreSQL the server's come on top where it is
not said that they are in it, so seconds of wall are told too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import inventory_memory
from filled import COMMUNITY, NOW, TIERS, aip, fill, place, size, vacuumed
from measure import machine, run

from preservation.app.create import create_home
from preservation.audit.forecast import forecast
from preservation.audit.planner import Chosen, Planner
from preservation.audit.purse import Purse
from preservation.audit.shard_run import TOGETHER
from preservation.catalogue.database import Database
from preservation.catalogue.migrations import counting, dating
from preservation.catalogue.sql import SqlCatalogue, create_catalogue, open_catalogue
from preservation.catalogue.standing import standing
from preservation.formats.groups import known_groups
from preservation.model.event import Event, EventType
from preservation.model.replica import VersionKey
from preservation.policy.check import check
from preservation.policy.policy import Policy

PROJECT = Path(__file__).parents[1]
MINUTES = timedelta(minutes=10)
YEAR = timedelta(days=365)
ROUNDS = 15  # of ours and the bare driver's, turn by turn


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


def planned(catalogue: SqlCatalogue, policy: Policy, now: datetime) -> Iterator[Chosen]:
    """What a night reads."""
    held = catalogue.turns.held()[COMMUNITY]
    planner = Planner(catalogue.turns, catalogue.drawings, policy, held, now)
    return planner.night(Purse(policy.audit, policy.tiers, None))


def night(catalogue: SqlCatalogue, policy: Policy) -> int:
    """Plan one night; how many replicas it takes."""
    with catalogue.kept_open():
        return sum(1 for _ in planned(catalogue, policy, NOW))


def young(catalogue: SqlCatalogue) -> None:
    """Make all replicas look as if they came in by one migration, and were never audited."""
    with uncounted(catalogue.database), catalogue.database.writing() as connection:
        connection.exec_driver_sql("UPDATE replica SET young = true")
        for statement in dating.recounting():
            connection.exec_driver_sql(statement)


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
    timed(
        "all digests compared too long ago, on all tiers",
        goal,
        lambda: [figures.compared_before(COMMUNITY, tier, before) for tier in TIERS],
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


def a_check(at: datetime, aip: str, tier: str) -> Event:
    """The event of a check that found a replica intact."""
    detail = {
        "level": "E3", "algorithms": ["sha256"], "bytes_read": 10**9, "files": {"intact": 100},
        "cache_bypassed": True, "milliseconds": 3000, "result": "",
    }  # fmt: skip
    return Event(
        str(uuid.uuid4()), at, EventType.FIXITY_CHECK, "intact", "a benchmark", COMMUNITY,
        aip, 1, tier, "sha256:" + "0" * 64, detail,
    )  # fmt: skip


def checks(count: int, at: datetime, first: int = 1) -> list[Event]:
    """Events of so many checks, one for an AIP, from one on."""
    return [a_check(at, aip(first + number), TIERS[number % 3]) for number in range(count)]


def events(catalogue: SqlCatalogue, rounds: int = ROUNDS) -> None:
    """Checks recorded with their state, a thousand in one transaction, and the least that the
    engine has to do for as many, turn by turn. Always of other AIPs, so that neither finds the
    other's pages read.
    """
    ours, bare, count = list[float](), list[float](), 1_000
    with catalogue.database.kept_open():
        for nth in range(rounds):
            made = checks(2 * count, NOW, first=1 + 2 * count * nth)
            began = spent(catalogue.database)
            catalogue.record(made[:count])
            ours.append(spent(catalogue.database) - began)
            with uncounted(catalogue.database):
                began = spent(catalogue.database)
                raw(catalogue.database, made[count:])
                bare.append(spent(catalogue.database) - began)
    mine, least = (statistics.median(one) / count * 1e6 for one in (ours, bare))
    print(
        f"events with their state: {mine:.0f} CPU us each; by the bare driver {least:.0f}; "
        f"{mine / least:.2f} times (goal 1.5)",
        flush=True,
    )


@contextmanager
def uncounted(database: Database) -> Iterator[None]:
    """Without the counts that the database keeps for us."""
    kind = "sqlite" if database.place.file is not None else "postgresql"
    for statements in (counting.dropping, counting.statements):
        with database.writing() as connection:
            for statement in statements(kind):
                connection.exec_driver_sql(statement)
        if statements is counting.dropping:
            yield


def raw(database: Database, made: list[Event]) -> None:
    """Insert the events as they are kept, and update the states, by the bare driver."""
    mark = "?" if database.place.file is not None else "%s"
    into = f"INSERT INTO outbox (id, body) VALUES ({mark}, {mark})"
    update = (
        "UPDATE replica SET aged_from = M, young = M, outcome = M "
        "WHERE community = M AND aip = M AND version = 1 AND tier = M"
    ).replace("M", mark)
    at = int(NOW.timestamp() * 1_000_000)
    kept = [(uuid.UUID(one.id).bytes, one.encode()) for one in made]
    states = [(at, False, 1, COMMUNITY, uuid.UUID(one.aip).bytes, one.tier) for one in made]
    with database.writing() as connection:
        connection.exec_driver_sql(into, kept)
        connection.exec_driver_sql(update, states)


def nights(catalogue: SqlCatalogue, policy: Policy, count: int) -> None:
    """Live through so many nights: what is planned is checked, and vacuumed as each night is."""
    for night in range(count):
        at = NOW + timedelta(days=night)
        with catalogue.kept_open():
            chosen = [one.turn for one in planned(catalogue, policy, at)]
            for first in range(0, len(chosen), 1_000):
                part = chosen[first : first + 1_000]
                catalogue.record([a_check(at, turn.aip, turn.tier) for turn in part])
            ids = (Event.from_json(json.loads(body)).id for body in catalogue.outbox(len(chosen)))
            catalogue.drained(list(ids))
        vacuumed(catalogue.database)
        print(f"after night {night + 1}, {len(chosen):,} checks: {size(catalogue) / 1e9:.3f} GB")


def commands(home: Path, postgresql: bool) -> None:
    """The plan of a night and the year ahead, as people ask for them."""
    preserve = str(Path(sys.executable).with_name("preserve"))
    for what, allowed in (("plan", (0, 4)), ("forecast", (0, 4))):
        asked = [preserve, "--home", str(home), "audit", what, "--json"]
        least = min((run(asked, allowed=allowed) for _ in range(3)), key=lambda one: one.cpu)
        server = ", and the server's on top" if postgresql else ""
        print(
            f"preserve audit {what}: {least.wall:.1f} s, {least.cpu:.1f} s of CPU{server}; "
            f"{least.peak_mib:.0f} MiB; others used {least.others:.1f} cores",
            flush=True,
        )


def asked_at(now: datetime, catalogue: SqlCatalogue, policy: Policy) -> None:
    """What the year ahead starts from, and ten years of it."""
    figures, turns = catalogue.figures, catalogue.turns
    timed("what came in within a year", "100", lambda: figures.taken_in(COMMUNITY, now - YEAR))
    cohorts = timed("what a forecast starts from", "100", lambda: turns.cohorts(COMMUNITY))
    ahead = "ten years ahead, 3,650 nights"
    timed(ahead, "10000", lambda: forecast(policy, cohorts, now, nights=3_650), 1)


def measure(home: Path, url: str, asked: argparse.Namespace) -> None:
    """Fill a catalogue, and tell everything about it."""
    create_catalogue(url).close()
    began = time.perf_counter()
    fill(url, asked.aips)
    catalogue, policy = open_catalogue(url), a_policy()
    kind = "PostgreSQL" if asked.postgresql else "SQLite"
    print(
        f"{kind}, {asked.aips:,} AIPs x {len(TIERS)} replicas: {size(catalogue) / 1e9:.3f} GB "
        f"(goal 1.5 for a million), filled in {time.perf_counter() - began:.0f} s\n"
    )
    print("| question | wall ms | CPU ms | goal |\n|---|---|---|---|")
    taken = timed("the plan of a night", "1000", lambda: night(catalogue, policy))
    questions(catalogue, policy)
    asked_at(NOW, catalogue, policy)
    print(f"\na night takes {taken:,} replicas")
    commands(home, asked.postgresql)
    leases(catalogue, asked.events)
    events(catalogue)
    nights(catalogue, policy, asked.nights)
    young(catalogue)
    print("\n| if all came yesterday | wall ms | CPU ms | goal |\n|---|---|---|---|")
    timed("the plan of a night", "1000", lambda: night(catalogue, policy))
    asked_at(NOW, catalogue, policy)
    catalogue.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--aips", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        create_home(home, PROJECT / "policies", by="a benchmark")
        with place(home, asked.postgresql) as url:
            if asked.postgresql:
                settings = home / "samarkand.toml"
                said = settings.read_text().replace("sqlite:///catalogue.sqlite", url)
                settings.write_text(said)
            else:
                (home / "catalogue.sqlite").unlink()
            measure(home, url, asked)
        inventory_memory.tell(asked.aips)


if __name__ == "__main__":
    main()
