"""What a part of a replica came to, as the catalogue keeps it, and all parts together.

Source: ``docs/formats/check.md``, "Parts".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from preservation.audit.seen import Seen, labelled, level_of, reason_of
from preservation.bags.parted import Part, PartSeen
from preservation.bags.sealed import FileFinding, Verification
from preservation.bags.verification import CAP
from preservation.catalogue.check_parts import CheckPart
from preservation.catalogue.protocol import ReplicaRow
from preservation.files.held import Held
from preservation.model.digest import Digest
from preservation.model.names import display
from preservation.model.outcome import Level, Outcome, worst

SCHEMA = "samarkand.check-part/1"


def which(row: ReplicaRow) -> str:
    """What a mark begins with: which replica it is about."""
    tar = "" if row.tar is None else f" {row.tar.digest}"
    return f"{row.seal} {row.packaging.value}{tar} "


def mark_of(row: ReplicaRow, mark: str) -> str:
    """Which replica it is, and what a part of it looks like."""
    return which(row) + mark


def part_of(
    row: ReplicaRow, part: Part, began: datetime, ended: datetime, seen: PartSeen, held: Held
) -> CheckPart:
    """A part that was read, to be kept."""
    verified = seen.verified
    files = sorted(verified.files, key=lambda found: found.path)[: CAP // part.of]
    body = {
        "schema": SCHEMA,
        "counts": {outcome.value: count for outcome, count in verified.counts.items()},
        "bytes_read": verified.octets_read,
        "algorithms": [algorithm.value for algorithm in verified.algorithms],
        "all_digests": verified.all_digests,
        "level": level_of(held).value,
        "cache_bypassed": verified.cache_bypassed,
        "server_cache": held.server_cache,
        "files": [file_json(found) for found in files],
        "more": verified.more + len(verified.files) - len(files),
    }
    outcome, mark = verified.outcome.value, mark_of(row, seen.mark)
    return CheckPart(row.key, row.tier, part.number, part.of, began, ended, mark, outcome, body)


def together(
    parts: list[CheckPart], label: str, strangers: Verification | None, payload: int = 0
) -> Seen:
    """All parts as one reading.

    Args:
        parts: by number, at least one.
        label: what is wrong with the sidecar; empty if nothing is, or nobody looked.
        strangers: what is listed nowhere, where somebody looked.
        payload: how many files there are, where parts are not there: the others count as
            unchecked.
    """
    counts: Counter[Outcome] = Counter()
    for one in parts:
        counts.update({Outcome(name): count for name, count in one.seen["counts"].items()})
    files = [_file(one) for part in parts for one in part.seen["files"]]
    more = sum(one.seen["more"] for one in parts)
    missing = parts[0].of - len(parts)
    if missing:
        counts[Outcome.UNCHECKED] += max(1, payload - counts.total())
    if strangers is not None:
        counts.update(strangers.counts)
        files += strangers.files
        more += strangers.more
    files.sort(key=lambda found: found.path)
    named, outcome, said = tuple(files[:CAP]), worst(counts), [one.seen for one in parts]
    more += len(files) - len(named)
    reason = reason_of(outcome, named, more)
    if missing:
        reason += f"; {missing} of {parts[0].of} parts were not read"
    seen = Seen(
        outcome=outcome,
        reason=reason,
        level=min((Level(one["level"]) for one in said), key=lambda level: level.value),
        counts=dict(counts),
        octets=sum(one["bytes_read"] for one in said),
        algorithms=_common(said),
        cache_bypassed=all(one["cache_bypassed"] for one in said),
        server_cache=any(one["server_cache"] for one in said),
        files=named,
        more=more,
        parts=parts[0].of,
        all_digests=all(one["all_digests"] for one in said),
    )
    return labelled(seen, label)


def _common(said: list[Mapping[str, Any]]) -> tuple[str, ...]:
    """The algorithms by which every part was compared."""
    every = chain.from_iterable(one["algorithms"] for one in said)
    return tuple(
        name for name in dict.fromkeys(every) if all(name in one["algorithms"] for one in said)
    )


def file_json(found: FileFinding) -> dict[str, Any]:
    """A bad file, as documents name it."""
    return {
        "path": display(found.path),
        "path_hex": found.path.hex(),  # the name's bytes, which text cannot always carry
        "outcome": found.outcome.value,
        "reason": found.reason,
        "expected": "" if found.expected is None else str(found.expected),
        "observed": "" if found.observed is None else str(found.observed),
        "bytes": found.octets,
    }


def _file(data: Mapping[str, Any]) -> FileFinding:
    return FileFinding(
        bytes.fromhex(data["path_hex"]),
        Outcome(data["outcome"]),
        _digest(data["expected"]),
        _digest(data["observed"]),
        data["bytes"],
        data["reason"],
    )


def _digest(text: str) -> Digest | None:
    return Digest.parse_tagged(text) if text else None
