"""What there is in a home in the end, held against another ending or against the deposits."""

from __future__ import annotations

import io
import tarfile
from collections import Counter

from homes import Archive

from preservation.catalogue.protocol import ReplicaRow
from preservation.files.held import HeldFolder
from preservation.storage.tier import Tier


def ending(archive: Archive, again: frozenset[str]) -> dict[str, object]:
    """What there is in the end, but for what differs rightly."""
    with archive.opened() as (parts, _):
        titles = {row.key: row.title for row in parts.catalogue.versions()}
        return {
            "replicas": Counter(
                (row.tier, titles[row.key], row.key.version, row.state.value)
                for row in parts.catalogue.replicas()
            ),
            "findings": Counter((f.code, f.tier, f.state) for f in parts.catalogue.findings()),
            "sidecars": Counter(
                name for name, tier in parts.every_tier().items() for _ in tier.sidecars()
            ),
            "arrivals": sorted(one.state for one in parts.catalogue.arrivals()),
            # A killed drain tells an event twice, with one id.
            "told": Counter(
                (e.type.value, e.outcome, e.tier)
                for e in {e.id: e for e in parts.all_events()}.values()
                if e.type.value not in again
            ),
            "tombstones": len(parts.catalogue.custody.tombstones()),
        }


def payload(tier: Tier, row: ReplicaRow) -> dict[str, bytes]:
    """What a replica holds for its depositor, read without any of our readers."""
    held = tier.held(row.key, row.packaging)
    if isinstance(held, HeldFolder):
        data = held.path / "data"
        return {
            str(path.relative_to(data)): path.read_bytes()
            for path in data.rglob("*")
            if path.is_file()
        }
    with held.open() as opened:
        whole = io.BytesIO(b"".join(iter(lambda: opened.read(1 << 20), b"")))
    with tarfile.open(fileobj=whole) as tar:
        return {
            member.name.partition("/data/")[2]: tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar
            if "/data/" in member.name
        }
