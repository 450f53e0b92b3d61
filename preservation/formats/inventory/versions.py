"""AIP versions as the central inventory knows them, and the later looks that it took in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass

Key = tuple[str, int]  # AIP, version


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """One AIP version in the central inventory.

    Attributes:
        seal: ``sha256:<hex>``; another one means another inventory.
        reviews: ids of the events of later identifications that are taken in.
    """

    aip: str
    version: int
    seal: str
    ingested_at: datetime
    files: int
    octets: int
    reviews: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What tells it from others of its community."""
        return self.aip, self.version

    @property
    def month(self) -> str:
        """The partition it belongs to, by UTC."""
        return f"{self.ingested_at:%Y-%m}"

    def to_json(self) -> dict[str, Any]:
        """As a part's footer has it."""
        return {
            "aip": self.aip,
            "version": self.version,
            "seal": self.seal,
            "ingested_at": stamp(self.ingested_at),
            "files": self.files,
            "bytes": self.octets,
            "reviews": list(self.reviews),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HeldVersion:
        """Read what :meth:`to_json` gave."""
        return cls(
            data["aip"],
            data["version"],
            data["seal"],
            parse_stamp(data["ingested_at"]),
            data["files"],
            data["bytes"],
            tuple(data["reviews"]),
        )
