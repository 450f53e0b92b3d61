"""Counts of replicas by the day of their last check, and of versions by the day they came in.

The database keeps them by triggers, like those of ``counting``, for whoever writes. A night
changes a row for each replica that it reads: PostgreSQL adds up what a statement changed, and
SQLite, which has no triggers of a statement, changes two counts for each row.

Days since which no check compared all digests are counted row by row on both: few checks do.

Days and parts of the lots are whole numbers: ``catalogue.ages``.
"""

# ruff: noqa: S608 - every name is written here

from __future__ import annotations

from collections.abc import Iterator

_DAY = 86_400_000_000  # microseconds
_PART = 512  # lots: a 64th of them
_KEY = ("community", "tier", "young", "day", "part")
_ADDED = (
    "ON CONFLICT ({key}) DO UPDATE SET {first} = {table}.{first} + excluded.{first}, "
    "octets = {table}.octets + excluded.octets"
)
_AGED = _ADDED.format(key=", ".join(_KEY), table="replica_age", first="replicas")
_MOVED = ("aged_from", "young", "octets")
_CHANGES = (  # name, event, which of the old and the new rows there are
    ("replica_dated", "INSERT", ("fresh",)),
    ("replica_dated_anew", "UPDATE", ("gone", "fresh")),
    ("replica_undated", "DELETE", ("gone",)),
)
_TABLES = {"gone": "OLD TABLE AS gone", "fresh": "NEW TABLE AS fresh"}
_ROWS = {"gone": "OLD", "fresh": "NEW"}
_SIGNS = {"gone": "-1", "fresh": "1"}


def compared() -> Iterator[tuple[str, str, str, str, str]]:
    """The triggers that count days of comparison: name, event, table, condition, body."""
    fresh, gone = _compared("NEW", "+"), _compared("OLD", "-")
    changed = f"{_compared_at('OLD')} <> {_compared_at('NEW')}"
    yield "replica_compared_never", "INSERT", "replica", "", fresh
    yield "replica_compared_no_more", "DELETE", "replica", "", gone
    event = "UPDATE OF all_digests_at, written_at"
    yield "replica_compared_anew", event, "replica", changed, gone + fresh


def statements(dialect: str) -> Iterator[str]:
    """The statements that make the triggers on ``replica``."""
    for name, event, sides in _CHANGES:
        if dialect == "sqlite":
            changed = " OR ".join(f"OLD.{one} <> NEW.{one}" for one in _MOVED)
            which = f" OF {', '.join(_MOVED)}" if event == "UPDATE" else ""
            when = f"WHEN {changed}" if event == "UPDATE" else ""
            body = " ".join(_row_by_row(side) for side in reversed(sides))
            yield f"CREATE TRIGGER {name} AFTER {event}{which} ON replica {when} BEGIN {body} END"
        else:
            referenced = " ".join(_TABLES[side] for side in sides)
            yield (
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {_together(sides)} RETURN NULL; END $$"
            )
            yield (
                f"CREATE TRIGGER {name} AFTER {event} ON replica REFERENCING {referenced} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
            )


def dropping(dialect: str) -> Iterator[str]:
    """The statements that take the triggers away."""
    for name, _, _ in _CHANGES:
        if dialect == "sqlite":
            yield f"DROP TRIGGER {name}"
        else:
            yield f"DROP TRIGGER {name} ON replica"
            yield f"DROP FUNCTION {name}()"


def recounting() -> Iterator[str]:
    """The statements that count everything anew."""
    yield "DELETE FROM replica_age"
    yield (
        f"INSERT INTO replica_age SELECT {_key('replica')}, count(*), sum(octets) "
        "FROM replica GROUP BY 1, 2, 3, 4, 5"
    )
    yield "DELETE FROM replica_compared"
    yield (
        f"INSERT INTO replica_compared SELECT community, tier, {_day_compared('replica')}, "
        "count(*) FROM replica GROUP BY 1, 2, 3"
    )
    yield "DELETE FROM intake"
    yield (
        f"INSERT INTO intake SELECT community, ingested_at / {_DAY}, count(*), sum(octets) "
        "FROM version GROUP BY 1, 2"
    )


def came_in(row: str, sign: str) -> str:
    """Count a version on the day it came in, or no more."""
    key = f"{row}.community, {row}.ingested_at / {_DAY}"
    added = _ADDED.format(key="community, day", table="intake", first="versions")
    return (
        f"INSERT INTO intake VALUES ({key}, {sign}1, {sign}{row}.octets) {added};"
        f"DELETE FROM intake WHERE community = {row}.community "
        f"AND day = {row}.ingested_at / {_DAY} AND versions = 0;"
    )


def _compared_at(row: str) -> str:
    return f"coalesce({row}.all_digests_at, {row}.written_at)"


def _day_compared(row: str) -> str:
    return f"{_compared_at(row)} / {_DAY}"


def _compared(row: str, sign: str) -> str:
    key = f"{row}.community, {row}.tier, {_day_compared(row)}"
    return (
        f"INSERT INTO replica_compared VALUES ({key}, {sign}1) ON CONFLICT (community, tier, day) "
        "DO UPDATE SET replicas = replica_compared.replicas + excluded.replicas;"
        f"DELETE FROM replica_compared WHERE community = {row}.community AND tier = {row}.tier "
        f"AND day = {_day_compared(row)} AND replicas = 0;"
    )


def _values(row: str) -> dict[str, str]:
    """A count's key, by its columns, from a row of ``replica``."""
    return {
        "community": f"{row}.community",
        "tier": f"{row}.tier",
        "young": f"{row}.young",
        "day": f"{row}.aged_from / {_DAY}",
        "part": f"CASE WHEN {row}.young THEN {row}.lot / {_PART} ELSE 0 END",
    }


def _key(row: str) -> str:
    return ", ".join(_values(row).values())


def _row_by_row(side: str) -> str:
    """For a row that is gone its count is there: to find it costs less than to offer it."""
    row = _ROWS[side]
    if side == "fresh":
        return f"INSERT INTO replica_age VALUES ({_key(row)}, 1, {row}.octets) {_AGED};"
    same = " AND ".join(f"{name} = {value}" for name, value in _values(row).items())
    return (
        f"UPDATE replica_age SET replicas = replicas - 1, octets = octets - {row}.octets "
        f"WHERE {same}; DELETE FROM replica_age WHERE {same} AND replicas = 0;"
    )


def _together(sides: tuple[str, ...]) -> str:
    """What a statement changed, added up. In order: two writers never wait for each other."""
    moved = " UNION ALL ".join(
        f"SELECT {_key(side)}, {_SIGNS[side]} AS one, octets FROM {side}" for side in sides
    )
    names = ", ".join(_KEY)
    added = (
        f"INSERT INTO replica_age SELECT {names}, sum(one), sum(one * octets) "
        f"FROM ({moved}) AS moved ({names}, one, octets) GROUP BY {names} "
        f"HAVING sum(one) <> 0 OR sum(one * octets) <> 0 ORDER BY {names} {_AGED};"
    )
    if "gone" not in sides:
        return added
    same = " AND ".join(f"replica_age.{name} = past.{name}" for name in _KEY)
    return (
        f"{added} DELETE FROM replica_age USING (SELECT DISTINCT {_key('gone')} FROM gone) "
        f"AS past ({names}) WHERE {same} AND replicas = 0;"
    )
