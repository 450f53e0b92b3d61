"""The columns of the central inventory, and its rows from those of an AIP's own inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from preservation.formats.inventory.versions import HeldVersion
from preservation.model.identification import DOUBTS
from preservation.model.inventory import InventoryRow
from preservation.model.names import escaped

INVENTORY_SCHEMA = "samarkand.inventory/1"

_NAMED = ("format_id", "puid", "mime", "format", "format_version", "basis", "mime_libmagic")
_JUDGED = ("policy", "policy_by", "validity", "checker", "virus")
# What a later look may change. The sealed answer stays beside it.
ANSWER = (*_NAMED, "candidates", "flags", "warnings")
SEALED = ("format_id", "format", "format_version", "mime", "flags")

SCHEMA = pa.schema(
    [
        pa.field("aip", pa.string(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("ingested_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in _NAMED),
        pa.field("candidates", pa.string(), nullable=False),
        pa.field("flags", pa.string(), nullable=False),
        pa.field("warnings", pa.string(), nullable=False),
        pa.field("doubtful", pa.bool_(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in _JUDGED),
        pa.field("validity_reason", pa.string(), nullable=False),
        pa.field("facts", pa.string(), nullable=False),
        pa.field("virus_reason", pa.string(), nullable=False),
        pa.field("toolchain", pa.string(), nullable=False),
        pa.field("reviewed_at", pa.timestamp("us", tz="UTC")),
        *(pa.field(f"sealed_{name}", pa.string(), nullable=False) for name in SEALED),
    ]
)
_LISTS = {"candidates": " ", "flags": " ", "warnings": " | "}


def central(row: InventoryRow, version: HeldVersion, toolchain: str) -> dict[str, Any]:
    """A file's row as it was sealed."""
    known = {
        name: getattr(row, name)
        for name in (*_NAMED, *_JUDGED, "validity_reason", "facts", "virus_reason")
    }
    lists = {name: mark.join(getattr(row, name)) for name, mark in _LISTS.items()}
    answer = {**known, **lists}
    return {
        "aip": version.aip,
        "version": version.version,
        "ingested_at": version.ingested_at,
        "path": escaped(row.path),
        "bytes": row.octets,
        "sha256": row.sha256,
        **answer,
        "doubtful": row.doubtful,
        "toolchain": toolchain,
        "reviewed_at": None,
        **{f"sealed_{name}": answer[name] for name in SEALED},
    }


def answered(row: Mapping[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
    """A row with a later answer in the place of the sealed one, which stays beside it.

    Args:
        answer: the columns of :data:`ANSWER` as a review's result document has them.
    """
    later = {name: str(answer.get(name, "")) for name in ANSWER}
    doubtful = not DOUBTS.isdisjoint(later["flags"].split())
    return {**row, **later, "doubtful": doubtful}
