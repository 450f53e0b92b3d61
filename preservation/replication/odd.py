"""What does not agree about a tier: names, sizes and sidecars against the catalogue's rows.

Level E0: no replica is read. Pure but for the sidecars, which the tier is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import MalformedError
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding
from preservation.model.names import display
from preservation.model.replica import Packaging, Sidecar, VersionKey
from preservation.storage.listing import Lying, Version
from preservation.storage.tier import Tier

CODES = {
    "TIER-UNRECORDED": "is a replica that the catalogue knows nothing of",
    "TIER-DISPOSED": "is of an AIP version that was disposed of, and lies here again",
    "TIER-HALF-WRITTEN": "has no sidecar, so it is no replica: a writer was stopped there",
    "TIER-NO-SIDECAR": "has no sidecar, yet the catalogue knows it as a replica",
    "TIER-SIDECAR": "has a sidecar that can't be read, or that speaks of another version",
    "TIER-STALE": "has a sidecar that speaks of another replica than the catalogue knows",
    "TIER-SIZE": "has another size than its sidecar and the catalogue say",
    "TIER-PARTS": "is kept in parts, and these are not the ones that its sidecar counts",
    "TIER-SIDECAR-ALONE": "has a sidecar, and no octets beside it",
    "TIER-NOT-LISTED": "is on record, and no listing shows it; its community has no policy",
    "TIER-UNGUARDED": "lacks the protection from removal that its tier declares",
    "TIER-STRANGER": "is nothing of ours",
}
HINTS = {
    "TIER-UNRECORDED": "put the deposit in again, or run `preserve catalogue rebuild`",
    "TIER-DISPOSED": "it came from outside, with a backup perhaps; remove it there by hand",
    "TIER-HALF-WRITTEN": "run `preserve replicate`: a folder sets it aside then; "
    "in a bucket it takes up space until you remove it, or accept this",
    "TIER-NO-SIDECAR": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-SIDECAR": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-STALE": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-SIZE": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-PARTS": "run `preserve audit` for this AIP, then `preserve repair`",
    "TIER-SIDECAR-ALONE": "look for the octets elsewhere; replicating again makes them anew",
    "TIER-NOT-LISTED": "apply the community's policy, then run `preserve audit`",
    "TIER-UNGUARDED": "run `preserve tier guard`; does somebody take it off?",
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
    return one is not None and one.is_held


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
    in_parts = current in one.parts if sidecar is None else bool(sidecar.part_octets)
    here = _Here(folder, one, current, kept, in_parts, dict(sidecar.exchanged if sidecar else ()))
    yield from here.left_over()
    if sidecar is None:
        if here.is_there:
            code = "TIER-HALF-WRITTEN" if row is None else "TIER-NO-SIDECAR"
            yield Odd(code, f"{folder}/{current}", one.key)
    elif row is None:
        code = "TIER-UNRECORDED" if here.is_there else "TIER-SIDECAR-ALONE"
        yield Odd(code, f"{folder}/{current}", one.key)
    elif (sidecar.seal, sidecar.packaging, sidecar.tar) != (row.seal, row.packaging, row.tar):
        yield Odd("TIER-STALE", one.key.sidecar, one.key)
    elif here.is_there:
        if row.tar is not None:
            yield from here.sizes(row.tar.octets, sidecar.part_octets)
        if tier.guarded(one.key) is False:
            yield Odd("TIER-UNGUARDED", f"{folder}/{current}", one.key)


@dataclass(frozen=True, slots=True)
class _Here:
    """What lies there of one version, beside what should.

    Attributes:
        current: the name that the replica's bytes should have.
        kept: names that repairs have replaced.
        in_parts: whether the replica is a tar in parts.
        elsewhere: number and name of parts of it that lie under another name.
    """

    folder: str
    one: Version
    current: str
    kept: frozenset[str]
    in_parts: bool
    elsewhere: Mapping[int, str]

    @property
    def is_there(self) -> bool:
        """Whether the replica's bytes are listed."""
        return self.current in (self.one.parts if self.in_parts else self.one.held)

    def parts(self) -> dict[int, int | None]:
        """The parts of the replica, by number; None for one that should be elsewhere and isn't."""
        moved = {
            number: self.one.parts.get(name.rpartition(".")[0], {}).get(number)
            for number, name in self.elsewhere.items()
        }
        return {**self.one.parts[self.current], **moved}

    def left_over(self) -> Iterator[Odd]:
        """Octets that nothing speaks of."""
        for name in self.one.held:
            if (name != self.current or self.in_parts) and name not in self.kept:
                yield Odd("TIER-HALF-WRITTEN", f"{self.folder}/{name}", self.one.key)
        known = {*self.kept, *self.elsewhere.values()}
        for name, numbers in self.one.parts.items():
            if (name == self.current and self.in_parts) or name in known:
                continue
            if not known.issuperset(f"{name}.{number:05d}" for number in numbers):
                yield Odd("TIER-HALF-WRITTEN", f"{self.folder}/{name}.*", self.one.key)

    def sizes(self, octets: int, part: int) -> Iterator[Odd]:
        """What is wrong with a tar's size, or with its parts."""
        name = f"{self.folder}/{self.current}"
        if self.in_parts and not _are(self.parts(), octets, part):
            yield Odd("TIER-PARTS", name, self.one.key)
        elif not self.in_parts and self.one.held[self.current] != octets:
            yield Odd("TIER-SIZE", name, self.one.key)


def _are(parts: Mapping[int, int | None], octets: int, size: int) -> bool:
    """Whether parts are just those of a tar of so many octets."""
    if len(parts) != -(-octets // size):
        return False
    return all(parts.get(n + 1) == min(size, octets - n * size) for n in range(len(parts)))


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
