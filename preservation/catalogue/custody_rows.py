"""Rows of keeping and giving out: between their tables and the values of ``custody``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from preservation.catalogue import custody
from preservation.catalogue import custody_tables as t
from preservation.catalogue.custody import (
    AccessRow,
    AccessState,
    AppraisalRow,
    Approval,
    HoldRow,
    ProposalRow,
    RemovalRow,
    Tombstone,
)
from preservation.catalogue.protocol import VersionRow
from preservation.catalogue.state import CustodyKey
from preservation.catalogue.statements import STATEMENT, StatementRow, statement
from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.replica import VersionKey

_Row = sa.RowMapping
_VERSION = ("community", "aip", "version")
_OF_VERSION = (
    *("title", "seal", "previous_seal", "content_digest", "lineage", "files", "octets"),
    *("ingested_at", "policy"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One table, and how its rows and its values become each other.

    Attributes:
        key: the columns of its primary key.
        flat: the values of these columns, from the second part of a ``CustodyKey``.
        read: a value from a row.
        values: a row from a value.
    """

    table: sa.Table
    key: tuple[str, ...]
    flat: Callable[[Any], tuple[Any, ...]]
    read: Callable[[_Row], Any]
    values: Callable[[Any], dict[str, Any]]


def _parts(key: VersionKey) -> tuple[str, str, int]:
    return key.community, key.aip, key.version


def _key(row: _Row) -> VersionKey:
    return VersionKey(row["community"], row["aip"], row["version"])


def _about(key: VersionKey) -> dict[str, Any]:
    return dict(zip(_VERSION, _parts(key), strict=True))


def read_tombstone(row: _Row) -> Tombstone:
    """A tombstone from its table."""
    return Tombstone(
        version=VersionRow(key=_key(row), formats=(), **{name: row[name] for name in _OF_VERSION}),
        disposed_at=row["disposed_at"],
        by=row["by"],
        reason=row["reason"],
        approved_by=tuple(row["approved_by"]),
        proposal=row["proposal"],
        event=row["event"],
    )


def _tombstone_values(one: Tombstone) -> dict[str, Any]:
    return {
        **_about(one.key),
        **{name: getattr(one.version, name) for name in _OF_VERSION},
        "disposed_at": one.disposed_at,
        "by": one.by,
        "reason": one.reason,
        "approved_by": list(one.approved_by),
        "proposal": one.proposal,
        "event": one.event,
    }


def _keyed(kind: type[Any]) -> tuple[Callable[[_Row], Any], Callable[[Any], dict[str, Any]]]:
    """Reading and writing of a value whose fields are a ``key`` and columns."""
    names = [one.name for one in fields(kind) if one.name != "key"]

    def read(row: _Row) -> Any:
        return kind(key=_key(row), **{name: row[name] for name in names})

    def values(one: Any) -> dict[str, Any]:
        return {**_about(one.key), **{name: getattr(one, name) for name in names}}

    return read, values


def _plain(kind: type[Any]) -> tuple[Callable[[_Row], Any], Callable[[Any], dict[str, Any]]]:
    """Reading and writing of a value whose fields are columns."""
    names = [one.name for one in fields(kind)]

    def read(row: _Row) -> Any:
        return kind(**{name: row[name] for name in names})

    def values(one: Any) -> dict[str, Any]:
        return {name: getattr(one, name) for name in names}

    return read, values


def read_access(row: _Row) -> AccessRow:
    """What was said of access, from its table."""
    return AccessRow(**{**row, "state": AccessState(row["state"])})


def read_proposal(row: _Row) -> ProposalRow:
    """A proposal from its table."""
    approvals = tuple(
        Approval(one["by"], parse_stamp(one["at"]), one["reason"]) for one in row["approvals"]
    )
    return ProposalRow(**{**row, "approvals": approvals})


def _proposal_values(one: ProposalRow) -> dict[str, Any]:
    told = [{"by": said.by, "at": stamp(said.at), "reason": said.reason} for said in one.approvals]
    return {**_plain(ProposalRow)[1](one), "approvals": told}


KINDS: Mapping[str, Kind] = {
    custody.TOMBSTONE: Kind(t.tombstone, _VERSION, _parts, read_tombstone, _tombstone_values),
    custody.REMOVAL: Kind(
        t.removal,
        (*_VERSION, "tier"),
        lambda key: (*_parts(key[0]), key[1]),
        *_keyed(RemovalRow),
    ),
    custody.HOLD: Kind(t.hold, ("id",), lambda id: (id,), *_plain(HoldRow)),
    custody.ACCESS: Kind(
        t.access,
        _VERSION,
        tuple,
        read_access,
        lambda one: {**_plain(AccessRow)[1](one), "state": one.state.value},
    ),
    custody.APPRAISAL: Kind(t.appraisal, _VERSION, _parts, *_keyed(AppraisalRow)),
    custody.PROPOSAL: Kind(
        t.proposal, ("digest",), lambda digest: (digest,), read_proposal, _proposal_values
    ),
    STATEMENT: Kind(statement, ("tier", "package"), tuple, *_plain(StatementRow)),
}


def key_of(name: str, value: Any) -> CustodyKey:
    """Under which key a value stands."""
    match name:
        case custody.TOMBSTONE | custody.APPRAISAL:
            return name, value.key
        case custody.REMOVAL:
            return name, (value.key, value.tier)
        case custody.HOLD:
            return name, value.id
        case custody.ACCESS:
            return name, (value.community, value.aip, value.version)
        case _ if name == STATEMENT:
            return name, (value.tier, value.package)
        case _:
            return name, value.digest
