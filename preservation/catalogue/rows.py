"""Rows in, rows out: between the tables and the values of ``protocol``.

Loading and saving work on many rows with a few statements (``keys``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from preservation.catalogue import bulk
from preservation.catalogue import tables as t
from preservation.catalogue.custody_rows import KINDS, key_of
from preservation.catalogue.keys import among, chunks, one_of
from preservation.catalogue.protocol import (
    FindingRow,
    FormatCount,
    IdentifierRow,
    ReplicaRow,
    VersionRow,
)
from preservation.catalogue.state import CustodyKey, IdentifierKey, ReplicaKey, State
from preservation.model.identifier import Identifier, IdentifierStatus
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import Packaging, ReplicaState, TarFacts, VersionKey

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_Row = sa.RowMapping
_VERSION_KEY = ("community", "aip", "version")
_REPLICA_KEY = (*_VERSION_KEY, "tier")
_IDENTIFIER_KEY = ("community", "scheme", "value")


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """The INSERT that knows ``ON CONFLICT``; both databases spell it alike. Only the dialect in
    use is loaded: each takes its time.
    """
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    made: sqlite.Insert | postgresql.Insert = dialect.insert(table)
    return made


def write(
    connection: sa.Connection,
    table: sa.Table,
    key: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Insert rows, or put them in the place of those with the same key."""
    if not rows:
        return
    statement = insert(connection, table)
    ours = [c.name for c in table.c if c.name not in key and not c.info.get("counted")]
    others = {name: statement.excluded[name] for name in ours}
    statement = (
        statement.on_conflict_do_update(index_elements=list(key), set_=others)
        if others
        else statement.on_conflict_do_nothing()
    )
    connection.execute(statement, list(rows))


def delete(
    connection: sa.Connection,
    table: sa.Table,
    key: Sequence[str],
    keys: Iterable[tuple[Any, ...]],
) -> None:
    """Delete the rows with these keys, or beginnings of keys."""
    for mine in among(connection, table, key, keys):
        connection.execute(sa.delete(table).where(mine))


def load(
    connection: sa.Connection,
    versions: set[VersionKey],
    replicas: set[ReplicaKey],
    findings: set[str],
    identifiers: set[IdentifierKey] | None = None,
    custody: set[CustodyKey] | None = None,
) -> State:
    """The rows with these keys, as far as they are there. Formats are not loaded."""
    state = State()
    for mine in among(connection, t.version, _VERSION_KEY, map(_parts, versions)):
        for row in connection.execute(sa.select(t.version).where(mine)).mappings():
            found = version_row(row, ())
            state.versions[found.key] = found
            if row["adopted"]:
                state.adopted.add(found.key)
    for replica in bulk.replicas(connection, replicas):
        state.replicas[replica.key, replica.tier] = replica
    for ids in chunks(sorted(findings)):
        statement = sa.select(t.finding).where(one_of(connection, t.finding.c.id, ids))
        for row in connection.execute(statement).mappings():
            state.findings[row["id"]] = finding_row(row)
    for one in identified(connection, identifiers or set()):
        state.identifiers[one.community, one.identifier.scheme, one.identifier.value] = one
    _load_custody(connection, state, custody or set())
    return state


def _load_custody(connection: sa.Connection, state: State, wanted: set[CustodyKey]) -> None:
    for name, kind in KINDS.items():
        flat = (kind.flat(key) for what, key in wanted if what == name)
        for mine in among(connection, kind.table, kind.key, flat):
            for row in connection.execute(sa.select(kind.table).where(mine)).mappings():
                value = kind.read(row)
                state.custody[key_of(name, value)] = value


def identified(connection: sa.Connection, keys: Iterable[IdentifierKey]) -> Iterator[IdentifierRow]:
    """The identifiers with these keys, as far as they are there."""
    for mine in among(connection, t.identifier, _IDENTIFIER_KEY, keys):
        for row in connection.execute(sa.select(t.identifier).where(mine)).mappings():
            yield identifier_row(row)


def save(connection: sa.Connection, before: State, after: State) -> None:
    """Write the rows of ``after`` that differ from those of ``before``."""
    versions = [row for key, row in after.versions.items() if before.versions.get(key) is not row]
    checked, replicas = list[ReplicaRow](), list[ReplicaRow]()
    for place, row in after.replicas.items():
        known = before.replicas.get(place)
        if known is not row:
            (checked if bulk.is_checked(known, row) else replicas).append(row)
    findings = [row for id, row in after.findings.items() if before.findings.get(id) is not row]
    added = {key.community for key in after.versions if key not in before.versions}
    added |= {key.community for key, _ in after.replicas.keys() - before.replicas.keys()}
    mention_communities(connection, added)
    save_versions(connection, versions, adopted=False)
    save_replicas(connection, replicas, adopted=False)
    bulk.save_checked(connection, checked)
    write(connection, t.finding, ("id",), [_finding_values(row) for row in findings])
    given = [
        row for key, row in after.identifiers.items() if before.identifiers.get(key) is not row
    ]
    save_identifiers(connection, given)
    _remove(connection, before, after)
    _save_custody(connection, before, after)


def _remove(connection: sa.Connection, before: State, after: State) -> None:
    """Take away versions and replicas that are no more; tombstones and removals stand for them."""
    gone = before.replicas.keys() - after.replicas.keys()
    delete(connection, t.replica, _REPLICA_KEY, ((*_parts(key), tier) for key, tier in gone))
    versions = before.versions.keys() - after.versions.keys()
    for table in (t.content_format, t.version):
        delete(connection, table, _VERSION_KEY, map(_parts, versions))


def _save_custody(connection: sa.Connection, before: State, after: State) -> None:
    changed = {key: row for key, row in after.custody.items() if before.custody.get(key) is not row}
    for name, kind in KINDS.items():
        kept = [row for (what, _), row in changed.items() if what == name and row is not None]
        write(connection, kind.table, kind.key, [kind.values(row) for row in kept])
        gone = (kind.flat(key) for (what, key), row in changed.items() if what == name and not row)
        delete(connection, kind.table, kind.key, gone)


def save_identifiers(connection: sa.Connection, rows: Sequence[IdentifierRow]) -> None:
    """Write identifiers."""
    write(connection, t.identifier, _IDENTIFIER_KEY, [_identifier_values(row) for row in rows])


def save_versions(connection: sa.Connection, rows: Sequence[VersionRow], *, adopted: bool) -> None:
    """Write versions and their formats."""
    values = [_version_values(row, adopted=adopted) for row in rows]
    write(connection, t.version, _VERSION_KEY, values)
    delete(connection, t.content_format, _VERSION_KEY, (_parts(row.key) for row in rows))
    formats = [
        {
            **_key_values(row.key),
            "puid": item.puid,
            "mime": item.mime,
            "name": item.name,
            "files": item.files,
            "octets": item.octets,
        }
        for row in rows
        for item in row.formats
    ]
    key = (*_VERSION_KEY, "puid", "mime", "name")
    write(connection, t.content_format, key, formats)


def save_replicas(connection: sa.Connection, rows: Sequence[ReplicaRow], *, adopted: bool) -> None:
    """Write replicas."""
    values = [_replica_values(row, adopted=adopted) for row in rows]
    write(connection, t.replica, _REPLICA_KEY, values)


def mention_communities(connection: sa.Connection, names: Iterable[str]) -> None:
    """Have these communities."""
    values = [{"community": name} for name in sorted(names)]
    if values:
        connection.execute(insert(connection, t.community).on_conflict_do_nothing(), values)


def formats(
    connection: sa.Connection, keys: Sequence[VersionKey]
) -> dict[VersionKey, tuple[FormatCount, ...]]:
    """The formats of some versions, sorted."""
    found: dict[VersionKey, list[FormatCount]] = {}
    columns = t.content_format.c
    for mine in among(connection, t.content_format, _VERSION_KEY, map(_parts, keys)):
        statement = sa.select(t.content_format).where(mine).order_by(*t.content_format.primary_key)
        for row in connection.execute(statement).mappings():
            key = VersionKey(row["community"], row["aip"], row["version"])
            names = (row[columns.puid], row[columns.mime], row[columns.name])
            found.setdefault(key, []).append(FormatCount(*names, row["files"], row["octets"]))
    return {key: tuple(items) for key, items in found.items()}


def same(left: Any, right: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """That rows of two tables, given by their columns, are about one version."""
    return tuple(left[name] == right[name] for name in _VERSION_KEY)


def version_row(row: _Row, formats: tuple[FormatCount, ...]) -> VersionRow:
    """A version from its table."""
    return VersionRow(
        key=VersionKey(row["community"], row["aip"], row["version"]),
        title=row["title"],
        seal=row["seal"],
        previous_seal=row["previous_seal"],
        content_digest=row["content_digest"],
        lineage=row["lineage"],
        files=row["files"],
        octets=row["octets"],
        ingested_at=row["ingested_at"],
        policy=row["policy"],
        formats=formats,
    )


def replica_row(row: _Row) -> ReplicaRow:
    """A replica from its table."""
    digest, state = row["tar_digest"], ReplicaState(row["state"])
    outcome = None if row["outcome"] is None else Outcome(row["outcome"])
    stored = row["aged_from"], row["verified_at"], row["checked_at"]
    is_verified = state is ReplicaState.VERIFIED
    verified, checked = bulk.moments(*stored, outcome is not None, is_verified)
    return ReplicaRow(
        key=VersionKey(row["community"], row["aip"], row["version"]),
        tier=row["tier"],
        packaging=Packaging(row["packaging"]),
        state=state,
        seal=row["seal"],
        tar=None if digest is None else TarFacts(digest, row["tar_octets"]),
        octets=row["octets"],
        written_at=row["written_at"],
        verified_at=verified,
        checked_at=checked,
        outcome=outcome,
        level=None if row["level"] is None else Level(row["level"]),
        ready_by=row["ready_by"],
        all_digests_at=row["all_digests_at"],
    )


def identifier_row(row: _Row) -> IdentifierRow:
    """An identifier from its table."""
    return IdentifierRow(
        community=row["community"],
        identifier=Identifier(row["scheme"], row["value"], row["shown"]),
        aip=row["aip"],
        status=IdentifierStatus(row["status"]),
        since=row["since"],
        adopted=row["adopted"],
    )


def _identifier_values(row: IdentifierRow) -> dict[str, Any]:
    return {
        "community": row.community,
        "scheme": row.identifier.scheme,
        "value": row.identifier.value,
        "shown": row.identifier.shown,
        "aip": row.aip,
        "status": row.status.value,
        "since": row.since,
        "adopted": row.adopted,
    }


def finding_row(row: _Row) -> FindingRow:
    """A finding from its table."""
    return FindingRow(**row)


def _version_values(row: VersionRow, *, adopted: bool) -> dict[str, Any]:
    return {
        **_key_values(row.key),
        "title": row.title,
        "seal": row.seal,
        "previous_seal": row.previous_seal,
        "content_digest": row.content_digest,
        "lineage": row.lineage,
        "files": row.files,
        "octets": row.octets,
        "ingested_at": row.ingested_at,
        "policy": row.policy,
        "adopted": adopted,
    }


def _replica_values(row: ReplicaRow, *, adopted: bool) -> dict[str, Any]:
    aged, verified, checked = bulk.spoken(row)
    return {
        **_key_values(row.key),
        "tier": row.tier,
        "packaging": row.packaging.value,
        "state": row.state.value,
        "seal": row.seal,
        "tar_digest": None if row.tar is None else row.tar.digest,
        "tar_octets": None if row.tar is None else row.tar.octets,
        "octets": row.octets,
        "written_at": row.written_at,
        "verified_at": verified,
        "checked_at": checked,
        "aged_from": aged,
        "lot": int(row.key.aip[:4], 16) >> 1,
        "young": bulk.is_young(row),
        "outcome": None if row.outcome is None else row.outcome.value,
        "level": None if row.level is None else row.level.value,
        "ready_by": row.ready_by,
        "all_digests_at": row.all_digests_at,
        "adopted": adopted,
    }


def _finding_values(row: FindingRow) -> dict[str, Any]:
    values = {column.name: getattr(row, column.name) for column in t.finding.c}
    return {**values, "detail": dict(row.detail), "decided": dict(row.decided)}


def _key_values(key: VersionKey) -> dict[str, Any]:
    return {"community": key.community, "aip": key.aip, "version": key.version}


def _parts(key: VersionKey) -> tuple[str, str, int]:
    return key.community, key.aip, key.version
