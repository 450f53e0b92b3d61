"""A person says which seal holds, where sidecars disagree and no event tells it.

From then on the journal tells it, and nothing is disputed any more. Replicas under another seal
get the version's own, and count as written: the next check finds what they are.
"""

from __future__ import annotations

from dataclasses import replace

from preservation.catalogue.protocol import VersionRow
from preservation.catalogue.state import State, Subjects, count_of, key_of, sha256_of
from preservation.model.clock import parse_stamp
from preservation.model.event import Event
from preservation.model.replica import ReplicaState, check_id


def subjects(event: Event) -> Subjects:
    """The version, and its replicas on the tiers that made a claim."""
    key = key_of(event)
    tiers = sorted(check_id(tier, "tier") for tier in dict(event.detail["claims"]))
    return Subjects(key, replicas=tuple((key, tier) for tier in tiers))


def settled(state: State, event: Event) -> bool:
    """Give a version that only sidecars spoke for the seal that a person named; False where an
    event has told it meanwhile.
    """
    key, detail = key_of(event), event.detail
    if key in state.versions and key not in state.adopted:
        return False
    seal = sha256_of(detail["seal"])
    state.versions[key] = VersionRow(
        key=key,
        title=str(detail["title"]),
        seal=seal,
        previous_seal=sha256_of(detail["previous_seal"]) if detail["previous_seal"] else None,
        content_digest=sha256_of(detail["content_digest"]),
        lineage=str(detail["lineage"]),
        files=count_of(detail["files"]),
        octets=count_of(detail["bytes"]),
        ingested_at=parse_stamp(detail["ingested_at"]),
        policy=str(detail["ingest_policy"]),
        formats=(),
    )
    state.adopted.discard(key)
    for place, row in state.replicas.items():
        if place[0] == key and row.seal != seal:
            state.replicas[place] = replace(
                row, seal=seal, tar=None, state=ReplicaState.WRITTEN, outcome=None, level=None
            )
    return True
