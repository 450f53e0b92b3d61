"""What the database counts itself is what counting the rows would give, whoever changed them."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from catalogues import START, a_key, check, ingestion, kept, replication

from preservation.catalogue import aside, bulk
from preservation.catalogue import tables as t
from preservation.catalogue.ages import PARTS
from preservation.catalogue.sql import SqlCatalogue, open_catalogue
from preservation.catalogue.turns import LOTS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TIERS = ("vault", "mirror", "deep")


def counted(catalogue: SqlCatalogue) -> dict[object, tuple[int, ...]]:
    """The counts of the database."""
    versions, replicas = t.version_count.c, t.replica_count.c
    with catalogue.database.reading() as connection:
        rows = [
            *connection.execute(sa.select(versions.there, versions.verified, versions.versions)),
            *connection.execute(sa.select(replicas.tier, replicas.state, replicas.replicas)),
            *connection.execute(sa.select(replicas.tier, sa.literal("B"), replicas.octets)),
        ]
    summed = Counter[tuple[str, str]]()
    for name, kind, count in rows:
        summed[name, kind] += count
    return {key: (count,) for key, count in summed.items()} | days_counted(catalogue)


def days_counted(catalogue: SqlCatalogue) -> dict[object, tuple[int, ...]]:
    """The same of its counts by day."""
    intake = t.intake.c
    with catalogue.database.reading() as connection:
        rows = connection.execute(sa.select(t.replica_age)).all()
        found: dict[object, tuple[int, ...]] = {tuple(row[1:5]): tuple(row[5:]) for row in rows}
        columns = t.replica_compared.c
        compared = sa.select(columns.tier, columns.day, columns.replicas)
        for tier, day, replicas in connection.execute(compared):
            found["compared", tier, day] = (replicas,)
        came = sa.select(intake.day, intake.versions, intake.octets)
        found |= {("in", row[0]): tuple(row[1:]) for row in connection.execute(came)}
    return found


def days_recounted(catalogue: SqlCatalogue) -> dict[object, tuple[int, ...]]:
    """The same from the rows."""
    sums: dict[object, tuple[int, int]] = {}
    compared = Counter[tuple[str, str, int]]()
    for row in catalogue.replicas():
        last = row.all_digests_at or row.written_at
        compared["compared", row.tier, (last - EPOCH) // DAY] += 1
        aged, lot = row.checked_at or row.written_at, int(row.key.aip[:4], 16) * LOTS // 2**16
        young = bulk.is_young(row)
        part = lot * PARTS // LOTS if young else 0
        name = (row.tier, young, (aged - EPOCH) // DAY, part)
        replicas, octets = sums.get(name, (0, 0))
        sums[name] = replicas + 1, octets + row.octets
    for version in catalogue.versions():
        day = ("in", (version.ingested_at - EPOCH) // DAY)
        versions, octets = sums.get(day, (0, 0))
        sums[day] = versions + 1, octets + version.octets
    return {**sums, **{name: (count,) for name, count in compared.items()}}


def recounted(catalogue: SqlCatalogue) -> dict[object, tuple[int, ...]]:
    """The same from the rows."""
    there, verified, states = {}, {}, Counter[tuple[str, str]]()
    for version in catalogue.versions():
        there[version.key], verified[version.key] = set[str](), set[str]()
    for row in catalogue.replicas():
        states[row.tier, row.state.value] += 1
        states[row.tier, "B"] += row.octets
        if row.key in there:
            there[row.key].add(row.tier)
            verified[row.key] |= {row.tier} if row.state.value == "verified" else set()
    for key, tiers in there.items():
        states[",".join(sorted(tiers)), ",".join(sorted(verified[key]))] += 1
    return {key: (count,) for key, count in states.items()} | days_recounted(catalogue)


def test_counts_follow_every_change_of_a_row(catalogue: SqlCatalogue) -> None:
    dice = random.Random(3)
    for turn in range(120):
        key = a_key(dice.randint(1, 9), dice.randint(1, 2))
        tier, at = dice.choice(TIERS), START + turn * DAY
        event = dice.choice(
            [
                ingestion(key, at=at),
                replication(key, tier, at=at, bytes=dice.choice([1000, 2000])),
                check(key, tier, dice.choice(["intact", "altered", "missing"]), at),
                check(key, tier, at=at, all_digests=True),
            ]
        )
        catalogue.record([event])
    assert counted(catalogue) == recounted(catalogue)
    assert catalogue.figures.holdings("silk-road").aips == len(
        {row.key.aip for row in catalogue.versions()}
    )


def test_what_is_removed_counts_no_more(catalogue: SqlCatalogue) -> None:
    catalogue.record([*kept(a_key(1), *TIERS), *kept(a_key(1, 2), "vault"), *kept(a_key(2))])
    columns = t.replica.c
    with catalogue.database.writing() as connection:
        connection.execute(sa.delete(t.replica).where(columns.tier == "vault"))
    assert counted(catalogue) == recounted(catalogue)
    with catalogue.database.writing() as connection:
        for table in (t.replica, t.content_format, t.version):
            connection.execute(sa.delete(table).where(table.c.version == 1))
    assert counted(catalogue) == recounted(catalogue)
    assert catalogue.figures.holdings("silk-road").aips == 1
    catalogue.record([*kept(a_key(3), *TIERS), *kept(a_key(4, community="other"), "vault")])
    there = {name: count for name, count in catalogue.figures.replicas_by_tier().items() if count}
    assert there == Counter(row.tier for row in catalogue.replicas())
    assert there["vault"] == 2


def test_what_was_counted_at_the_end_is_counted_on(catalogue_url: str) -> None:
    new = aside.begin(catalogue_url)
    with aside.counted_at_the_end(new):
        new.replay([*kept(a_key(1), *TIERS), *kept(a_key(1, 2), "vault"), *kept(a_key(2))])
        assert counted(new) == {}
    aside.take_over(new, catalogue_url)
    catalogue = open_catalogue(catalogue_url)
    assert counted(catalogue) == recounted(catalogue)
    assert catalogue.figures.holdings("silk-road").aips == 2
    damage = check(a_key(1), "deep", "missing", START + DAY)
    catalogue.record([*kept(a_key(3), "vault"), damage])
    assert counted(catalogue) == recounted(catalogue)
    assert catalogue.figures.holdings("silk-road").aips == 3
    catalogue.close()
