"""One row of an AIP's inventory: everything that ingest found out about one payload file.

``metadata/inventory.csv`` holds these rows, in the columns of :data:`COLUMNS`. Readers know
columns by their names: one that an earlier or later version does not have reads as empty.

Source: ``docs/formats/inventory.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from preservation.model.deferred import dataclass
from preservation.model.format_check import CHECK_COLUMNS, FormatCheck
from preservation.model.identification import DOUBTS, Identification
from preservation.model.names import escaped, unescaped
from preservation.model.virus_scan import SCAN_COLUMNS, VirusScan


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """One payload file.

    Attributes:
        path: relative to the bag, ``data/…``; its bytes.
        octets: its size; the column is called ``bytes``.
        sha256, sha512: lower-case hexadecimal; ``sha512`` may be empty.
        format_id: the finest identifier; empty where the format is unknown.
        puid: PRONOM's, of the same format or of its parent; empty where it has none.
        candidates, flags, warnings: words; see ``preservation.model.identification``.
        policy, policy_by: the standing by the policy of that day, and the entry that decided.
    """

    path: bytes
    octets: int
    sha256: str
    sha512: str = ""
    format_id: str = ""
    puid: str = ""
    mime: str = ""
    format: str = ""
    format_version: str = ""
    basis: str = ""
    mime_libmagic: str = ""
    candidates: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    policy: str = ""
    policy_by: str = ""
    validity: str = ""
    validity_reason: str = ""
    checker: str = ""
    facts: str = ""
    virus: str = ""
    virus_reason: str = ""

    @property
    def doubtful(self) -> bool:
        """Whether something speaks against the format, or nobody knows it."""
        return not DOUBTS.isdisjoint(self.flags)

    @property
    def local(self) -> str:
        """Our own identifier; empty where PRONOM's is the finest."""
        return "" if self.format_id == self.puid else self.format_id

    def values(self) -> list[object]:
        """What stands in :data:`COLUMNS`, as text or number."""
        texts = (getattr(self, name) for name in _TEXTS)
        lists = (mark.join(getattr(self, name)) for name, mark in _LISTS.items())
        doubt = "yes" if self.doubtful else "no"
        return [escaped(self.path), self.octets, *texts, *lists, doubt]


_LISTS = {"candidates": " ", "flags": " ", "warnings": " | "}
_TEXTS = tuple(
    one.name for one in fields(InventoryRow) if one.name not in {"path", "octets", *_LISTS}
)
COLUMNS = ("path", "bytes", *_TEXTS, *_LISTS, "doubtful")


def row_of(
    path: bytes,
    octets: int,
    digests: Mapping[str, str],
    found: Identification,
    check: FormatCheck,
    scan: VirusScan,
    policy: tuple[str, str],
) -> InventoryRow:
    """Put together what was found out about a file.

    Args:
        path: relative to the bag.
        digests: hexadecimal, by the algorithm's spelling in manifests.
        policy: the format's standing, and the entry of the policy that decided it.
    """
    checked = dict(zip(CHECK_COLUMNS, check.columns(), strict=True))
    scanned = dict(zip(SCAN_COLUMNS, scan.columns(), strict=True))
    return InventoryRow(
        path=path,
        octets=octets,
        sha256=digests["sha256"],
        sha512=digests.get("sha512", ""),
        format_id=found.id,
        puid=found.puid,
        mime=found.mime,
        format=found.name,
        format_version=found.version,
        basis=found.basis.value,
        mime_libmagic=found.mime_magic,
        candidates=found.candidates,
        flags=found.flags,
        warnings=found.warnings,
        policy=policy[0],
        policy_by=policy[1],
        **checked,
        **scanned,
    )


def read_row(values: Mapping[str, str | None]) -> InventoryRow:
    """Read one row by the names of its columns.

    Raises:
        KeyError, ValueError: it has no path or size, or its size is no number.
    """
    path, octets = values["path"], values["bytes"]
    if path is None or octets is None:
        raise ValueError("a row without a path or a size")
    known: dict[str, Any] = {name: values.get(name) or "" for name in _TEXTS}
    known["format_id"] = known["format_id"] or known["puid"]
    for name, mark in _LISTS.items():
        known[name] = tuple(one for one in (values.get(name) or "").split(mark) if one)
    return InventoryRow(path=unescaped(path), octets=int(octets), **known)
