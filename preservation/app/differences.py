"""What a catalogue says otherwise than one that was made anew from tiers and journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any

from preservation.catalogue.sql import SqlCatalogue
from preservation.model.clock import stamp


def differences(current: SqlCatalogue, fresh: SqlCatalogue) -> list[str]:
    """What two catalogues say differently about versions, replicas and findings."""
    found: list[str] = []
    for what, left, right in (
        ("version", _versions(current), _versions(fresh)),
        ("replica", _replicas(current), _replicas(fresh)),
        ("finding", _findings(current), _findings(fresh)),
        ("identifier", _identifiers(current), _identifiers(fresh)),
        *_custody(current, fresh),
    ):
        found += [
            f"{what} {key}: {_told(left.get(key), right.get(key))}"
            for key in sorted(left.keys() | right.keys())
            if left.get(key) != right.get(key)
        ]
    return found


def _told(row: Any, anew: Any) -> str:
    """What the catalogue in use says of a row, and what one made anew says, where they differ."""
    if row is None:
        return "the catalogue does not know it; tiers and journal do"
    if anew is None:
        return "the catalogue knows it; tiers and journal do not"
    names = [one.name for one in fields(row)]
    pairs = ((name, getattr(row, name), getattr(anew, name)) for name in names)
    return "; ".join(
        f"{name} is {_word(left)}, by tiers and journal {_word(right)}"
        for name, left, right in pairs
        if left != right
    )


def _word(value: object) -> str:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, Enum):
        return str(value.value)
    return "none" if value is None else str(value) or "empty"


def _versions(catalogue: SqlCatalogue) -> dict[str, object]:
    return {str(row.key): row for row in catalogue.versions()}


def _replicas(catalogue: SqlCatalogue) -> dict[str, object]:
    return {f"{row.key} on {row.tier}": row for row in catalogue.replicas()}


def _findings(catalogue: SqlCatalogue) -> dict[str, object]:
    return {row.id: row for row in catalogue.findings()}


def _identifiers(catalogue: SqlCatalogue) -> dict[str, object]:
    return {f"{row.community} {row.identifier.key}": row for row in catalogue.identifiers()}


def _custody(
    current: SqlCatalogue, fresh: SqlCatalogue
) -> Iterator[tuple[str, dict[str, object], dict[str, object]]]:
    """What both say of disposals, holds, reviews and access."""
    left, right = current.custody, fresh.custody
    yield "tombstone", _keyed(left.tombstones()), _keyed(right.tombstones())
    yield "removal", _keyed(left.removals()), _keyed(right.removals())
    yield "hold", _keyed(left.holds(every=True)), _keyed(right.holds(every=True))
    yield "access of", _keyed(left.all_access()), _keyed(right.all_access())
    yield "review of", _keyed(left.appraisals()), _keyed(right.appraisals())
    yield "proposal", _keyed(left.proposals()), _keyed(right.proposals())


def _keyed(rows: Iterable[Any]) -> dict[str, object]:
    """Rows by what tells them apart, whatever they are."""
    names = ("key", "tier", "id", "aip", "version", "digest")
    return {" ".join(str(getattr(row, name, "")) for name in names): row for row in rows}
