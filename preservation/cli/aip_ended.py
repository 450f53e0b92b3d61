"""How ``preserve aip`` tells what was disposed of, what is held, and what is being removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from preservation.app.parts import Parts
from preservation.catalogue.custody import HoldRow, RemovalRow, Tombstone
from preservation.cli.opening import known_aip
from preservation.cli.shell import table
from preservation.errors import UsageError
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.units import format_size
from preservation.retention.review import removal_json

if TYPE_CHECKING:
    from preservation.cli.tables import Rows


@dataclass(frozen=True, slots=True)
class Ended:
    """What of an AIP was disposed of or retired, and what holds it."""

    tombstones: Sequence[Tombstone]
    removals: Sequence[RemovalRow]
    holds: Sequence[HoldRow]

    @property
    def lines(self) -> Iterator[str]:
        """For people."""
        for hold in self.holds:
            what = f"v{hold.version}" if hold.version else "the AIP"
            yield f"{what} is held since {hold.placed_at:%Y-%m-%d} by {hold.by}: {hold.reason}"
        for stone in self.tombstones:
            approved = ", ".join(stone.approved_by)
            yield (
                f"{stone.version.title} · {stone.key} · disposed of on "
                f"{stone.disposed_at:%Y-%m-%d}, approved by {approved}"
            )
            yield f"  seal {stone.version.seal}"
        for row in self.removals:
            yield f"  v{row.key.version} on {row.tier}: {_removal(row)}"

    def to_json(self) -> dict[str, Any]:
        """A part of ``samarkand.aip/1``."""
        return {
            "disposed": [tombstone_json(one) for one in self.tombstones],
            "removals": [removal_json(row) for row in self.removals],
            "holds": [
                {"id": one.id, "version": one.version, "by": one.by, "reason": one.reason}
                for one in self.holds
            ],
        }


def ended_of(parts: Parts, aip: str) -> Ended:
    """What there is of it, of the AIP whose UUID begins so."""
    custody, whole = parts.catalogue.custody, known_aip(parts, aip)
    return Ended(
        custody.tombstones(aip=whole), custody.removals(aip=whole), custody.holds(aip=whole)
    )


def disposed_table(gone: Sequence[Tombstone]) -> Rows:
    """Versions that were disposed of, as a list shows them."""
    shown = table("Disposed of", "community", "AIP", ">version", "deposit", ">size", "since")
    for one in gone:
        key, size = one.key, format_size(one.version.octets)
        since = f"{one.disposed_at:%Y-%m-%d}"
        shown.add_row(key.community, key.aip, str(key.version), one.version.title, size, since)
    return shown


def tombstone_json(one: Tombstone) -> dict[str, Any]:
    """A disposed version as documents show it."""
    return {
        "community": one.key.community,
        "aip": one.key.aip,
        "version": one.key.version,
        "deposit": one.version.title,
        "seal": str(one.version.seal),
        "content_digest": str(one.version.content_digest),
        "files": one.version.files,
        "bytes": one.version.octets,
        "ingested_at": stamp(one.version.ingested_at),
        "disposed_at": stamp(one.disposed_at),
        "approved_by": list(one.approved_by),
        "proposal": one.proposal,
        "reason": one.reason,
    }


def not_held(parts: Parts, aip: str, version: int | None) -> UsageError:
    """What is said of a version that is asked for and not there: never was, or disposed of."""
    gone = ended_of(parts, aip).tombstones
    wanted = [one for one in gone if version in (None, one.key.version)]
    if wanted:
        last = wanted[-1]
        return UsageError(
            f"{last.key} was disposed of on {last.disposed_at:%Y-%m-%d}",
            hint="`preserve aip show` tells who approved it; its bytes are gone",
            code="AIP-DISPOSED",
        )
    return no_version(aip, version)


def no_version(aip: str, version: int | None) -> UsageError:
    """There are others of it, and not this one."""
    return UsageError(
        f"{aip} has no version {version}",
        hint="`preserve aip show` lists its versions",
        code="AIP-NO-VERSION",
    )


def _removal(row: RemovalRow) -> str:
    if row.done_at is not None:
        return f"{row.kind}, confirmed gone on {row.done_at:%Y-%m-%d}"
    until = f" until {row.until:%Y-%m-%d}" if row.until else ""
    return f"{row.kind} pending{until}{f': {row.reason}' if row.reason else ''}"
