"""Holdings counted by format, community, year and risk, from the central inventories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from preservation.formats.inventory.questions import Count, FormatKey, counted
from preservation.formats.inventory.store import CommunityInventory
from preservation.formats.risk import Risk, risk_of
from preservation.model.deferred import dataclass

# What can be counted by, and the columns that it brings.
BY: Mapping[str, tuple[str, ...]] = {
    "format": ("id", "format", "version", "MIME type"),
    "community": ("community",),
    "year": ("year",),
    "risk": ("risk level",),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the answer; what was not asked for is empty, or 0."""

    community: str
    year: int
    id: str
    puid: str
    name: str
    version: str
    mime: str
    risk: str
    count: Count

    def told(self, by: Sequence[str]) -> list[str]:
        """The cells of the columns that were asked for."""
        cells = {
            "format": [self.id or "–", self.name or "unknown", self.version, self.mime],
            "community": [self.community],
            "year": [str(self.year)],
            "risk": [self.risk],
        }
        return [cell for one in by for cell in cells[one]]

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.formats/1``."""
        return {
            "community": self.community,
            "year": self.year,
            "id": self.id,
            "puid": self.puid,
            "format": self.name,
            "version": self.version,
            "mime": self.mime,
            "risk": self.risk,
            "files": self.count.files,
            "bytes": self.count.octets,
            "aip_versions": self.count.versions,
            "doubtful": self.count.doubtful,
            "invalid": self.count.invalid,
            "changed": self.count.changed,
        }


def lines(
    inventories: Mapping[str, CommunityInventory], by: Sequence[str], year: int | None = None
) -> list[Line]:
    """Count what is held, most files first.

    Args:
        by: of :data:`BY`.
        year: of ingest; None for all.
    """
    found: dict[tuple[Any, ...], Line] = {}
    for community, inventory in inventories.items():
        for key, count in counted(inventory, community).items():
            if year in (None, key.year):
                line = _line(key, by)
                whole = found.setdefault(_identity(line), line)
                whole.count.add(count)
    if "format" not in by:
        _count_versions(found, inventories, by, year)
    return sorted(found.values(), key=lambda one: (-one.count.files, _identity(one)))


def _count_versions(
    found: Mapping[tuple[Any, ...], Line],
    inventories: Mapping[str, CommunityInventory],
    by: Sequence[str],
    year: int | None,
) -> None:
    """A version holds several formats: it is not what its formats' counts come to.

    By risk alone nobody counts versions: that stays 0.
    """
    for line in found.values():
        line.count.versions = 0
    if "risk" in by:
        return
    for community, inventory in inventories.items():
        for version in inventory.versions.each():
            key = FormatKey(community, version.ingested_at.year, "", "", "", "", "")
            there = found.get(_identity(_line(key, by)))
            if there is not None and year in (None, key.year):
                there.count.versions += 1


def risk_word(id: str) -> str:
    """The register's word on a format; of an unknown one it is unknown."""
    return risk_of(id).risk.value if id else Risk.UNKNOWN.value


def _identity(line: Line) -> tuple[Any, ...]:
    return (
        line.community,
        line.year,
        line.id,
        line.puid,
        line.name,
        line.version,
        line.mime,
        line.risk,
    )


def _line(key: FormatKey, by: Sequence[str]) -> Line:
    named = (key.id, key.puid, key.name, key.version, key.mime)
    formats = named if "format" in by else ("",) * 5
    risk = risk_word(key.id) if "format" in by or "risk" in by else ""
    community = key.community if "community" in by else ""
    return Line(community, key.year if "year" in by else 0, *formats, risk, Count())
