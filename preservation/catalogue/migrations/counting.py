"""Counts that the database keeps itself, by triggers, in the transaction that changes a row.

How many versions have which sets of replicas, and how many replicas are in which state, is asked
by every page and every standing; over a million AIPs counting takes seconds. Triggers hold
whoever writes: projection, adoption, removal.

``version.there`` and ``version.verified`` are sorted lists of tiers, joined by commas (ids of
tiers hold none): where a replica is, and where a verified one is.
"""

# ruff: noqa: S608 - every name is written here

from __future__ import annotations

from collections.abc import Iterator

from preservation.catalogue.columns import STATES
from preservation.catalogue.migrations import dating

_AMOUNTS = ("files", "octets")
_VERIFIED = STATES.index("verified")
_VERSION = "community = {row}.community AND aip = {row}.aip AND version = {row}.version"
_JOINED = {
    "sqlite": "coalesce((SELECT group_concat(tier) FROM (SELECT tier FROM replica "
    "WHERE {where} ORDER BY tier)), '')",
    "postgresql": "coalesce((SELECT string_agg(tier, ',' ORDER BY tier) FROM replica "
    "WHERE {where}), '')",
}


def statements(dialect: str) -> Iterator[str]:
    """The statements that make the triggers."""
    for name, event, table, when, body in _triggers(dialect):
        if dialect == "sqlite":
            condition = f"WHEN {when}" if when else ""
            yield f"CREATE TRIGGER {name} AFTER {event} ON {table} {condition} BEGIN {body} END"
        else:
            yield (
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {body} RETURN NULL; END $$"
            )
            condition = f"WHEN ({when})" if when else ""
            yield (
                f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {condition} "
                f"EXECUTE FUNCTION {name}()"
            )
    yield from dating.statements(dialect)


def dropping(dialect: str) -> Iterator[str]:
    """The statements that take the triggers away, before very much is written at once."""
    for name, _, table, _, _ in _triggers(dialect):
        if dialect == "sqlite":
            yield f"DROP TRIGGER {name}"
        else:
            yield f"DROP TRIGGER {name} ON {table}"
            yield f"DROP FUNCTION {name}()"
    yield from dating.dropping(dialect)


def recounting(dialect: str) -> Iterator[str]:
    """The statements that count everything anew, after that."""
    where = _VERSION.format(row="version")
    replica = " AND ".join(f"replica.{part}" for part in where.split(" AND "))
    there = _JOINED[dialect].format(where=replica)
    verified = _JOINED[dialect].format(where=f"{replica} AND state = {_VERIFIED}")
    yield f"UPDATE version SET there = {there}, verified = {verified}"
    yield "DELETE FROM replica_count"
    yield (
        "INSERT INTO replica_count SELECT community, tier, state, count(*), sum(octets) "
        "FROM replica GROUP BY community, tier, state"
    )
    yield "DELETE FROM version_count"
    yield (
        "INSERT INTO version_count SELECT community, there, verified, count(*), sum(files), "
        "sum(octets) FROM version GROUP BY community, there, verified"
    )
    yield (
        "UPDATE community SET aips = (SELECT count(DISTINCT aip) FROM version "
        "WHERE version.community = community.community)"
    )
    yield from dating.recounting()


def _triggers(dialect: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, event, table, condition, body."""
    sets = {row: _sets(dialect, row) for row in ("OLD", "NEW")}
    fresh, gone = _replica_count("NEW", "+"), _replica_count("OLD", "-")
    yield "replica_added", "INSERT", "replica", "", fresh + sets["NEW"]
    yield "replica_removed", "DELETE", "replica", "", gone + sets["OLD"]
    yield (
        "replica_changed",
        "UPDATE OF state, octets",
        "replica",
        "OLD.state <> NEW.state OR OLD.octets <> NEW.octets",
        gone + fresh + sets["NEW"],
    )
    fresh, gone = _version_count("NEW", "+"), _version_count("OLD", "-")
    came, went = dating.came_in("NEW", "+"), dating.came_in("OLD", "-")
    added = fresh + came + _aips("NEW", "+", 1) + sets["NEW"]
    yield from dating.compared()
    yield "version_added", "INSERT", "version", "", added
    yield "version_removed", "DELETE", "version", "", gone + went + _aips("OLD", "-", 0)
    yield (
        "version_dated_anew",
        "UPDATE OF ingested_at, octets",
        "version",
        "OLD.ingested_at <> NEW.ingested_at OR OLD.octets <> NEW.octets",
        came + went,
    )
    yield (
        "version_changed",
        "UPDATE OF there, verified, files, octets",
        "version",
        " OR ".join(f"OLD.{name} <> NEW.{name}" for name in ("there", "verified", *_AMOUNTS)),
        gone + fresh,
    )


def _sets(dialect: str, row: str) -> str:
    """Write down anew where a version's replicas are; nothing, where nothing changed."""
    where = _VERSION.format(row=row)
    there = _JOINED[dialect].format(where=where)
    verified = _JOINED[dialect].format(where=f"{where} AND state = {_VERIFIED}")
    return f"UPDATE version SET there = {there}, verified = {verified} WHERE {where};"


def _replica_count(row: str, sign: str) -> str:
    key = f"{row}.community, {row}.tier, {row}.state"
    return (
        f"INSERT INTO replica_count VALUES ({key}, {sign}1, {sign}{row}.octets) "
        "ON CONFLICT (community, tier, state) DO UPDATE SET "
        "replicas = replica_count.replicas + excluded.replicas, "
        "octets = replica_count.octets + excluded.octets;"
        f"DELETE FROM replica_count WHERE community = {row}.community AND tier = {row}.tier "
        f"AND state = {row}.state AND replicas = 0;"
    )


def _version_count(row: str, sign: str) -> str:
    key = f"{row}.community, {row}.there, {row}.verified"
    return (
        f"INSERT INTO version_count VALUES ({key}, {sign}1, {sign}{row}.files, {sign}{row}.octets) "
        "ON CONFLICT (community, there, verified) DO UPDATE SET "
        "versions = version_count.versions + excluded.versions, "
        "files = version_count.files + excluded.files, "
        "octets = version_count.octets + excluded.octets;"
        f"DELETE FROM version_count WHERE community = {row}.community AND there = {row}.there "
        f"AND verified = {row}.verified AND versions = 0;"
    )


def _aips(row: str, sign: str, others: int) -> str:
    """An AIP counts from its first version on, and until its last is gone."""
    same = f"community = {row}.community AND aip = {row}.aip"
    return (
        f"UPDATE community SET aips = aips {sign} 1 WHERE community = {row}.community "
        f"AND (SELECT count(*) FROM version WHERE {same}) = {others};"
    )
