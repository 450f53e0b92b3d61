"""The AIPs of a drill: small bags, one for each harm and one that is left alone."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from preservation.bags.write import BagWriter, PayloadFacts
from preservation.catalogue.protocol import Catalogue
from preservation.drill.harms import OTHER, PAYLOAD, STALE
from preservation.model.clock import Clock, stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import EventMaker, EventType
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, Sidecar, VersionKey
from preservation.policy.policy import Policy
from preservation.storage.tier import Tier

OCTETS = 70_000  # of each of two files


@dataclass(frozen=True, slots=True)
class Sample:
    """The newest version of one AIP of a drill."""

    harm: str  # empty: left alone
    key: VersionKey


def make_sample(
    catalogue: Catalogue,
    tier: Tier,
    events: EventMaker,
    policy: Policy,
    harm: str,
    progress: Progress,
) -> Sample:
    """Make an AIP on a tier, as ingest would, and put it on record.

    One that is to become stale has two versions; the newer one is the sample.
    """
    aip = events.new_id()
    previous: Digest | None = None
    numbers = (1, 2) if harm == STALE else (1,)
    for number in numbers:
        key = VersionKey(policy.community, aip, number)
        previous = _version(catalogue, tier, events, policy, key, harm, previous, progress)
    return Sample(harm, VersionKey(policy.community, aip, numbers[-1]))


def _version(
    catalogue: Catalogue,
    tier: Tier,
    events: EventMaker,
    policy: Policy,
    key: VersionKey,
    harm: str,
    previous: Digest | None,
    progress: Progress,
) -> Digest:
    title = harm or "left alone"
    incoming = tier.incoming(key, Packaging.FOLDER, 2 * OCTETS)
    try:
        seal, facts = _bag(incoming.folder, key, title, events.clock, progress)
        incoming.commit(Sidecar(key, seal, previous, facts.oxum, Packaging.FOLDER, None))
    finally:
        incoming.discard()
    exists: dict[str, Any] = {
        "title": title,
        "seal": str(seal),
        "previous_seal": None if previous is None else str(previous),
        "content_digest": str(facts.content_digest),
        "lineage": "",
        "files": facts.files,
        "bytes": facts.octets,
        "formats": [],
    }
    written = {
        "packaging": Packaging.FOLDER.value,
        "seal": str(seal),
        "tar": None,
        "bytes": facts.octets,
        "source": "drill",
    }
    catalogue.record(
        [
            events.about(key, EventType.INGESTION, "success", exists, policy=policy.ref),
            events.about(key, EventType.REPLICATION, "success", written, tier=tier.id),
        ]
    )
    return seal


def _bag(
    folder: Path, key: VersionKey, title: str, clock: Clock, progress: Progress
) -> tuple[Digest, PayloadFacts]:
    writer = BagWriter(folder, (Algorithm.SHA256, Algorithm.SHA512))
    for path in (PAYLOAD, OTHER):
        data = b"".join(_octets(f"{key} {path!r}"))[:OCTETS]
        writer.add(path.removeprefix(b"data/"), io.BytesIO(data), progress)
    facts = writer.payload()
    seal = writer.finish(
        [
            ("Source-Organization", "a drill"),
            ("External-Description", title),
            ("Payload-Oxum", facts.oxum),
            ("Bagging-Date", stamp(clock.now())[:10]),
            ("Drill-Number", "1"),
        ]
    )
    return seal, facts


def _octets(seed: str) -> Iterator[bytes]:
    """Octets without a pattern, the same for the same seed."""
    for number in range(OCTETS // 64 + 1):
        yield hashlib.sha512(f"{seed} {number}".encode()).digest()
