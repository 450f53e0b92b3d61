"""What recording many events asks and writes most, in the databases' own words.

A night records a check for each replica. Through SQLAlchemy's types each of a row's values costs
about as much as the engine's whole work for the row; so for these few statements values are
converted here, a row at a time. On PostgreSQL all rows of a statement come in one parameter.
"""

# ruff: noqa: S608 - every name and condition is written here

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from preservation.catalogue.columns import STATES, at, id_octets, microseconds
from preservation.catalogue.keys import chunks
from preservation.catalogue.protocol import ReplicaRow
from preservation.catalogue.state import ReplicaKey
from preservation.catalogue.tables import LEVELS, OUTCOMES, PACKAGINGS
from preservation.model.digest import Algorithm, Digest
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import Packaging, ReplicaState, TarFacts, VersionKey

_M = TypeVar("_M")  # a moment, as a number or a value
READ_BACK = timedelta(days=1)  # a check this soon after writing belongs to the writing
_PACKAGINGS = tuple(map(Packaging, PACKAGINGS))
_STATES = tuple(map(ReplicaState, STATES))
_OUTCOMES = tuple(map(Outcome, OUTCOMES))
_LEVELS = tuple(map(Level, LEVELS))
_STATE_CODES = {state: code for code, state in enumerate(_STATES)}
_OUTCOME_CODES = {outcome: code for code, outcome in enumerate(_OUTCOMES)}
_LEVEL_CODES = {level: code for code, level in enumerate(_LEVELS)}

# PostgreSQL gets octets as hex: one text parameter, and no escaping of each value by the client.
_GIVEN = "ANY(ARRAY(SELECT decode(one, 'hex') FROM unnest(%s::text[]) AS given(one)))"
_KNOWN = {
    "sqlite": "SELECT id FROM {table} WHERE id IN ({marks})",
    "postgresql": f"SELECT encode(id, 'hex') FROM {{table}} WHERE id = {_GIVEN}",
}
_LOADED = (
    "octets, written_at, aged_from, verified_at, checked_at, tar_octets, ready_by, "
    "all_digests_at, packaging, state, outcome, level"
)
_LOAD = {
    "sqlite": f"SELECT aip, {_LOADED}, seal, tar_digest FROM replica WHERE "
    "community = ? AND version = ? AND tier = ? AND aip IN ({marks})",
    "postgresql": f"SELECT encode(aip, 'hex'), {_LOADED}, encode(seal, 'hex'), "
    "encode(tar_digest, 'hex') FROM replica "
    f"WHERE community = %s AND version = %s AND tier = %s AND aip = {_GIVEN}",
}
_CHECKED = (
    "state", "verified_at", "checked_at", "aged_from", "young", "outcome", "level", "ready_by",
    "all_digests_at",
)  # fmt: skip
_UPDATE = {
    "sqlite": "UPDATE replica SET adopted = 0, "
    + ", ".join(f"{name} = ?" for name in _CHECKED)
    + " WHERE community = ? AND aip = ? AND version = ? AND tier = ?",
    "postgresql": "UPDATE replica SET adopted = false, "
    + ", ".join(f"{name} = given.{name}" for name in _CHECKED)
    + " FROM json_to_recordset(%s::json) AS given(state smallint, verified_at bigint, "
    "checked_at bigint, aged_from bigint, young boolean, outcome smallint, level smallint, "
    "ready_by bigint, all_digests_at bigint, community text, aip text, version integer, tier text) "
    "WHERE replica.community = given.community AND replica.aip = decode(given.aip, 'hex') "
    "AND replica.version = given.version AND replica.tier = given.tier",
}
_APPEND = {
    "sqlite": "INSERT INTO outbox (id, body) VALUES (?, ?)",
    # In the order given: the numbers that the rows get are the order of the fold.
    "postgresql": "INSERT INTO outbox (id, body) SELECT decode(id, 'hex'), decode(body, 'hex') "
    "FROM ROWS FROM (json_to_recordset(%s::json) AS (id text, body text)) "
    "WITH ORDINALITY AS given(id, body, place) ORDER BY place",
}


def known(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """Which of these events were recorded before, as far as is remembered."""
    spell, _ = _OCTETS[connection.dialect.name]
    spelled = {spell(id): id for id in ids}
    found: set[str] = set()
    for some in chunks(spelled):
        for table in ("outbox", "recorded"):
            rows = _asked(connection, _KNOWN, (), some, table=table)
            found.update(spelled[row[0]] for row in rows)
    return found


def append(connection: sa.Connection, bodies: Sequence[tuple[str, bytes]]) -> None:
    """Put events into the outbox: their ids and their canonical octets, in order."""
    if connection.dialect.name == "sqlite":
        given = [(id_octets(id), body) for id, body in bodies]
        connection.exec_driver_sql(_APPEND["sqlite"], given)
        return
    listed = [{"id": _hex(id), "body": body.hex()} for id, body in bodies]
    connection.exec_driver_sql(_APPEND["postgresql"], (json.dumps(listed),))


def replicas(connection: sa.Connection, keys: Iterable[ReplicaKey]) -> Iterator[ReplicaRow]:
    """The replicas with these keys, as far as they are there."""
    spell, digest = _OCTETS[connection.dialect.name]
    groups: dict[tuple[str, int, str], dict[Any, VersionKey]] = {}
    for key, tier in keys:
        groups.setdefault((key.community, key.version, tier), {})[spell(key.aip)] = key
    for (community, version, tier), group in groups.items():
        for some in chunks(group):
            for row in _asked(connection, _LOAD, (community, version, tier), some):
                yield _replica(group[row[0]], tier, row, digest)


def is_checked(before: ReplicaRow | None, after: ReplicaRow) -> bool:
    """Whether :func:`save_checked` is enough: nothing differs but what a check tells."""
    return (
        before is not None
        and before.written_at == after.written_at
        and before.octets == after.octets
        and before.packaging is after.packaging
        and before.seal == after.seal
        and before.tar == after.tar
    )


def save_checked(connection: sa.Connection, rows: Sequence[ReplicaRow]) -> None:
    """Write what checks told of replicas that are there."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        told = [
            (*_told(row), row.key.community, id_octets(row.key.aip), row.key.version, row.tier)
            for row in rows
        ]
        connection.exec_driver_sql(_UPDATE["sqlite"], told)
        return
    listed = [
        dict(zip(_CHECKED, _told(row), strict=True))
        | {"community": row.key.community, "aip": _hex(row.key.aip)}
        | {"version": row.key.version, "tier": row.tier}
        for row in rows
    ]
    connection.exec_driver_sql(_UPDATE["postgresql"], (json.dumps(listed),))


def spoken(row: ReplicaRow) -> tuple[datetime, datetime | None, datetime | None]:
    """``aged_from``, ``verified_at``, ``checked_at`` as they are stored: a check is its moment
    once, in the first, where its outcome says that there was one.
    """
    checked, verified = row.checked_at, row.verified_at
    aged = checked or row.written_at
    is_now = row.state is ReplicaState.VERIFIED and verified == aged
    return aged, None if is_now else verified, checked if row.outcome is None else None


def moments(
    aged: _M, verified: _M | None, checked: _M | None, has_outcome: bool, is_verified: bool
) -> tuple[_M | None, _M | None]:
    """``verified_at`` and ``checked_at`` of what :func:`spoken` stored."""
    return (
        aged if is_verified and verified is None else verified,
        aged if has_outcome else checked,
    )


def is_young(row: ReplicaRow) -> bool:
    """Whether it was not audited yet since it was written and read back."""
    return row.checked_at is None or row.checked_at - row.written_at < READ_BACK


def _told(row: ReplicaRow) -> tuple[Any, ...]:
    aged, verified, checked = spoken(row)
    ready, compared = row.ready_by, row.all_digests_at
    return (
        _STATE_CODES[row.state],
        None if verified is None else microseconds(verified),
        None if checked is None else microseconds(checked),
        microseconds(aged),
        is_young(row),
        None if row.outcome is None else _OUTCOME_CODES[row.outcome],
        None if row.level is None else _LEVEL_CODES[row.level],
        None if ready is None else microseconds(ready),
        None if compared is None else microseconds(compared),
    )


def _asked(
    connection: sa.Connection,
    spelled: dict[str, str],
    fixed: tuple[Any, ...],
    ones: Sequence[Any],
    **names: str,
) -> Sequence[sa.Row[Any]]:
    """Ask about rows whose key has one of these octets, as the database is given them."""
    statement = spelled[connection.dialect.name]
    if connection.dialect.name == "sqlite":
        asked = statement.format(marks=", ".join("?" * len(ones)), **names)
        return connection.exec_driver_sql(asked, (*fixed, *ones)).all()
    return connection.exec_driver_sql(statement.format(**names), (*fixed, list(ones))).all()


def _hex(id: str) -> str:
    return id_octets(id).hex()


# How a UUID is given to the database, and how a digest that it gives becomes octets.
_OCTETS: dict[str, tuple[Callable[[str], Any], Callable[[Any], bytes]]] = {
    "sqlite": (id_octets, bytes),
    "postgresql": (_hex, bytes.fromhex),
}


def _replica(
    key: VersionKey, tier: str, row: Sequence[Any], digest: Callable[[Any], bytes]
) -> ReplicaRow:
    """A replica from a row of ``_LOAD``."""
    (_, octets, written, aged, verified, checked, tar_octets, ready, compared, packaging, state,
     outcome, level, seal, tar) = row  # fmt: skip
    sound = _STATES[state] is ReplicaState.VERIFIED
    verified, checked = moments(aged, verified, checked, outcome is not None, sound)
    facts = None
    if tar is not None:
        facts = TarFacts(Digest(Algorithm.SHA256, digest(tar)), tar_octets)
    return ReplicaRow(
        key=key,
        tier=tier,
        packaging=_PACKAGINGS[packaging],
        state=_STATES[state],
        seal=Digest(Algorithm.SHA256, digest(seal)),
        tar=facts,
        octets=octets,
        written_at=at(written),
        verified_at=None if verified is None else at(verified),
        checked_at=None if checked is None else at(checked),
        outcome=None if outcome is None else _OUTCOMES[outcome],
        level=None if level is None else _LEVELS[level],
        ready_by=None if ready is None else at(ready),
        all_digests_at=None if compared is None else at(compared),
    )
