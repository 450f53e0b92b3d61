"""The risk register: how a format ages, by a national archive's published plan.

Facts only, with their source and date (``data/risk.csv``). A format without a row is of unknown
risk, which is neither high nor low. Where a plan rates one format in several rows, the worst
counts.

Source: National Archives and Records Administration (NARA), digital preservation plan,
2026-03-20, CC0; no endorsement by NARA is implied. ``docs/explanation/format-risk.md``.
"""

from __future__ import annotations

import csv
from enum import Enum
from functools import cache
from importlib import resources

from preservation.formats.signatures.table import FORMATS
from preservation.model.deferred import dataclass

SOURCE = "NARA digital preservation plan, 2026-03-20 (CC0)"
_WORST_FIRST = ("high", "moderate", "low")


class Risk(Enum):
    """How likely it is that a format can't be used one day."""

    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"
    UNKNOWN = "unknown"

    @property
    def ages(self) -> bool:
        """Whether something should be planned for it."""
        return self in (Risk.HIGH, Risk.MODERATE)


@dataclass(frozen=True, slots=True)
class RiskRow:
    """What the register says of one format.

    Attributes:
        action: what the plan's authors do with it themselves: ``Retain``, ``Transform``.
        plan: the register's own identifiers of the rows.
    """

    risk: Risk
    action: str = ""
    plan: tuple[str, ...] = ()


UNKNOWN = RiskRow(Risk.UNKNOWN)


def risk_of(identifier: str) -> RiskRow:
    """The register's word on a format; ``unknown`` where it has none.

    Args:
        identifier: a PUID, or one of ours: then the PUID of the very same format is asked for, as
            far as there is one, and never a parent's.
    """
    ours = FORMATS.get(identifier)
    return _register().get(identifier if ours is None else ours.puid, UNKNOWN)


@cache
def _register() -> dict[str, RiskRow]:
    place = resources.files("preservation.formats") / "data" / "risk.csv"
    lines = [line for line in place.read_text("utf-8").splitlines() if not line.startswith("#")]
    found: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(lines):
        found.setdefault(row["puid"], []).append(row)
    return {puid: _worst(rows) for puid, rows in found.items()}


def _worst(rows: list[dict[str, str]]) -> RiskRow:
    worst = min(rows, key=lambda row: _WORST_FIRST.index(row["risk"]))
    plan = tuple(sorted({row["nara_id"] for row in rows}))
    return RiskRow(Risk(worst["risk"]), worst["action"], plan)
