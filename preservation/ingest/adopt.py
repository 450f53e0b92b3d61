"""What a killed run left visible: a version whose replica is on its tier, but in no record.

Everything comes out of the bag, verified under the seal of its sidecar.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from preservation.bags import sealed
from preservation.bags.text import lines
from preservation.catalogue.protocol import FormatCount, VersionRow
from preservation.errors import SourceDamagedError
from preservation.ingest.identifiers import from_bag_info
from preservation.ingest.metadata import DEPOSIT, INVENTORY, RESERVED
from preservation.model.clock import parse_stamp
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding
from preservation.model.inventory import read_row
from preservation.model.replica import Sidecar, VersionKey
from preservation.storage.tier import Tier

_CAME = ("digest_lists", "more_digest_lists", "fetched", "checks", "virus")
_LARGEST_FACTS = 1 << 22  # octets of ``metadata/deposit.json``


@dataclass(frozen=True, slots=True)
class Adopted:
    """A version as its own bag tells of it.

    Attributes:
        reserved: the identifier drawn for the deposit that it was made from.
        supplied: counts of the digests that came along.
        findings: what was remarked at ingest, as events carry it.
        came: who supplied digests, what was fetched, checked and scanned, as events carry it.
    """

    version: VersionRow
    reserved: str
    supplied: Mapping[str, int]
    findings: tuple[Finding, ...] = ()
    came: Mapping[str, Any] = field(default_factory=dict)


def reserved_for(tier: Tier, key: VersionKey) -> str:
    """The identifier of the deposit that a kept version was made from; empty if unknown."""
    sidecar = tier.sidecar(key)
    if sidecar is None:
        return ""
    try:
        facts = sealed.facts(tier.held(key, sidecar.packaging), sidecar.seal)
    except SourceDamagedError:
        return ""
    return _reserved(dict(facts.bag_info))


def adopt(tier: Tier, sidecar: Sidecar) -> Adopted:
    """Read a version that nothing but its sidecar speaks of.

    Raises:
        SourceDamagedError: its tag files do not verify.
    """
    held = tier.held(sidecar.key, sidecar.packaging)
    facts = sealed.facts(held, sidecar.seal)
    info = dict(facts.bag_info)
    deposit: dict[str, Any] = {}
    formats: tuple[FormatCount, ...] = ()
    for path, octets, chunks in sealed.members(held, sidecar.seal, sidecar.tar):
        if path.startswith(b"data/"):
            break
        if path == DEPOSIT and octets <= _LARGEST_FACTS:
            deposit = json.loads(b"".join(chunks))
        elif path == INVENTORY:
            formats = _formats(lines(chunks, "utf-8"))
    version = VersionRow(
        key=sidecar.key,
        title=str(deposit.get("name", info.get("External-Description", ""))),
        seal=sidecar.seal,
        previous_seal=sidecar.previous_seal,
        content_digest=facts.content_digest,
        lineage=info.get("Lineage-Identifier", ""),
        files=facts.files,
        octets=facts.octets,
        ingested_at=parse_stamp(info["Ingest-Time"]),
        policy=info["Ingest-Policy-Digest"],
        formats=formats,
        identifiers=tuple(from_bag_info(facts.bag_info)),
    )
    remarked = tuple(Finding.from_json(one) for one in deposit.get("findings", ()))
    supplied = deposit.get("supplied", {})
    return Adopted(version, _reserved(info), supplied, remarked, came_along(deposit))


def came_along(deposit: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``metadata/deposit.json`` the event of the ingest tells too."""
    return {name: deposit[name] for name in _CAME if name in deposit}


def _reserved(info: Mapping[str, str]) -> str:
    return info.get(RESERVED, "").removeprefix("urn:uuid:")


def _formats(inventory: Iterable[bytes]) -> tuple[FormatCount, ...]:
    counts: dict[tuple[str, str, str], list[int]] = {}
    for values in csv.DictReader(line.decode("utf-8") for line in inventory):
        row = read_row(values)
        count = counts.setdefault((row.format_id, row.mime, row.format), [0, 0])
        count[0] += 1
        count[1] += row.octets
    return tuple(FormatCount(*key, *count) for key, count in sorted(counts.items()))
