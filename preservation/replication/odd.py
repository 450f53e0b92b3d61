"""What does not agree about a tier: names, sizes and sidecars against the catalogue's rows.

Level E0: no replica is read. Pure but for the sidecars, which the tier is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import MalformedError
from preservation.model.finding import Finding
from preservation.model.names import display
from preservation.model.replica import Packaging, Sidecar, VersionKey
from preservation.storage.listing import Lying, Version
from preservation.storage.tier import Tier

CODES = {
    "TIER-UNRECORDED": "is a replica that the catalogue knows nothing of",
    "TIER-HALF-WRITTEN": "has no sidecar, so it is no replica: a writer was stopped there",
    "TIER-NO-SIDECAR": "has no sidecar, yet the catalogue knows it as a replica",
    "TIER-SIDECAR": "has a sidecar that can't be read, or that speaks of another version",
    "TIER-STALE": "has a sidecar that speaks of another replica than the catalogue knows",
    "TIER-SIZE": "has another size than its sidecar and the catalogue say",
    "TIER-SIDECAR-ALONE": "has a sidecar, and no octets beside it",
    "TIER-NOT-LISTED": "is on record, and no listing shows it; its community has no policy",
    "TIER-STRANGER": "is nothing of ours",
}
HINTS = {
    "TIER-UNRECORDED": "put the deposit in again, or run `preserve catalogue rebuild`",
    "TIER-HALF-WRITTEN": "run `preserve replicate`: a folder sets it aside then; "
    "in a bucket it takes up space until you remove it, or accept this",
    "TIER-NO-SIDECAR": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-SIDECAR": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-STALE": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-SIZE": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-SIDECAR-ALONE": "look for the octets elsewhere; replicating again makes them anew",
    "TIER-NOT-LISTED": "apply the community's policy, then run `preserve audit`",
    "TIER-STRANGER": "find out whose it is; nothing but replicas belongs there",
}


@dataclass(frozen=True, slots=True)
class Odd:
    """One thing that does not agree. ``key`` is None for what belongs to no AIP version."""

    code: str
    name: str
    key: VersionKey | None = None

    def finding(self, tier: str) -> Finding:
        """What people are told."""
        subject = f"{tier}:{display(os.fsencode(self.name))}"
        return Finding(self.code, subject, CODES[self.code], HINTS[self.code])


def by_aip(rows: Iterator[ReplicaRow]) -> Iterator[tuple[str, dict[int, ReplicaRow]]]:
    """Rows in order, gathered by AIP."""
    aip, inside = "", dict[int, ReplicaRow]()
    for row in rows:
        if row.key.aip != aip and inside:
            yield aip, inside
            inside = {}
        aip = row.key.aip
        inside[row.key.version] = row
    if inside:
        yield aip, inside


def strangers(lying: Lying, names: Iterable[str]) -> Iterator[Odd]:
    """Names that belong to no AIP version."""
    for name in names:
        yield Odd("TIER-STRANGER", f"{lying.folder}/{name}")


def is_held(one: Version | None) -> bool:
    """Whether any octets of a version are listed."""
    return one is not None and bool(one.held)


def of_version(tier: Tier, folder: str, one: Version, row: ReplicaRow | None) -> Iterator[Odd]:
    """What does not agree about one version on one tier; octets that are gone are not told here."""
    sidecar: Sidecar | None = None
    if one.has_sidecar:
        try:
            sidecar = tier.sidecar(one.key)
        except MalformedError:
            yield Odd("TIER-SIDECAR", one.key.sidecar, one.key)
            return
    current, kept = _names(one.key, sidecar, row)
    for name in one.held:
        if name != current and name not in kept:
            yield Odd("TIER-HALF-WRITTEN", f"{folder}/{name}", one.key)
    if sidecar is None:
        if current in one.held:
            code = "TIER-HALF-WRITTEN" if row is None else "TIER-NO-SIDECAR"
            yield Odd(code, f"{folder}/{current}", one.key)
        return
    if row is None:
        code = "TIER-UNRECORDED" if current in one.held else "TIER-SIDECAR-ALONE"
        yield Odd(code, f"{folder}/{current}", one.key)
    elif (sidecar.seal, sidecar.packaging, sidecar.tar) != (row.seal, row.packaging, row.tar):
        yield Odd("TIER-STALE", one.key.sidecar, one.key)
    elif current in one.held and row.tar is not None and one.held[current] != row.tar.octets:
        yield Odd("TIER-SIZE", f"{folder}/{current}", one.key)


def _names(
    key: VersionKey, sidecar: Sidecar | None, row: ReplicaRow | None
) -> tuple[str, frozenset[str]]:
    """The name that the replica's bytes should have, and those that repairs have replaced."""
    if sidecar is not None:
        packaging = sidecar.packaging
    else:
        packaging = row.packaging if row is not None else Packaging.FOLDER
    current = key.place(packaging).rpartition("/")[2]
    if sidecar is None:
        return current, frozenset()
    return sidecar.object or current, frozenset(name for _, name in sidecar.replaced)
