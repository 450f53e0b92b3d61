"""What looking at a replica came to, before it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from preservation.bags import sealed
from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import MalformedError
from preservation.files.held import Held, HeldTar
from preservation.model.deferred import dataclass
from preservation.model.names import display
from preservation.model.outcome import Level, Outcome
from preservation.storage.tier import Tier


@dataclass(frozen=True, slots=True)
class Seen:
    """What looking at the replica came to.

    Attributes:
        algorithms: whose payload digests were compared, as events spell them.
        server_cache: the cache of a file server or of a program may have answered.
        more: bad files beyond those in ``files``.
        parts: how many parts it was read in; 0: in one go.
        all_digests: its manifests have digests by no other algorithms.
    """

    outcome: Outcome
    reason: str
    level: Level
    counts: Mapping[Outcome, int]
    octets: int
    algorithms: tuple[str, ...]
    cache_bypassed: bool
    server_cache: bool
    files: tuple[sealed.FileFinding, ...]
    more: int
    parts: int = 0
    all_digests: bool = False


@dataclass(frozen=True, slots=True)
class There:
    """A replica that can be read.

    Attributes:
        label: what is wrong with its sidecar, or lies beside it; empty if nothing does.
    """

    tier: Tier
    held: Held
    label: str


def reach(tiers: Mapping[str, Tier], row: ReplicaRow) -> There | Seen:
    """Find a replica, reading none of it; or all that is to be seen of it.

    Raises:
        ColdError: it has to be recalled before.
        NotNowError: its tier is in the way.
    """
    tier = tiers.get(row.tier)
    if tier is None:
        return nothing(Outcome.UNCHECKED, f"there is no tier {row.tier!r} in this home")
    tier.check()
    if not tier.exists(row.key, row.packaging):
        return nothing(Outcome.MISSING, "the tier is there, the replica is not")
    label = _of_sidecar(tier, row)
    held = tier.held(row.key, row.packaging)
    return There(tier, held, label or _of_strangers(held))


def seen_of(verified: sealed.Verification, there: There) -> Seen:
    """What a reading of all of it came to."""
    files = tuple(sorted(verified.files, key=lambda found: found.path))
    seen = Seen(
        outcome=verified.outcome,
        reason=reason_of(verified.outcome, files, verified.more),
        level=level_of(there.held),
        counts=verified.counts,
        octets=verified.octets_read,
        algorithms=tuple(algorithm.value for algorithm in verified.algorithms),
        cache_bypassed=verified.cache_bypassed,
        server_cache=there.held.server_cache,
        files=files,
        more=verified.more,
        all_digests=verified.all_digests,
    )
    return labelled(seen, there.label)


def labelled(seen: Seen, label: str) -> Seen:
    """The same, where what lies beside the replica counts, too."""
    if label and seen.outcome is Outcome.INTACT:
        return replace(seen, outcome=Outcome.ALTERED, reason=label)
    return seen


def nothing(outcome: Outcome, reason: str) -> Seen:
    """Nothing was read: what is known, a listing said."""
    return Seen(outcome, reason, Level.E0, {}, 0, (), False, False, (), 0)


def level_of(held: Held) -> Level:
    """How it is read."""
    return Level.E4 if isinstance(held, HeldTar) and held.recalled else Level.E3


def reason_of(outcome: Outcome, files: tuple[sealed.FileFinding, ...], unnamed: int) -> str:
    """The first file of the outcome, and how many more are bad."""
    bad = [found for found in files if found.outcome is outcome]
    if not bad:
        return ""
    more = len(files) + unnamed - 1
    return f"{display(bad[0].path)}: {bad[0].reason}" + (f" (and {more} more)" if more else "")


def _of_sidecar(tier: Tier, row: ReplicaRow) -> str:
    """What is wrong with the replica's sidecar; empty if nothing is.

    Without it nobody finds the replica again once the catalogue is lost.
    """
    try:
        sidecar = tier.sidecar(row.key)
    except MalformedError:
        return "its sidecar cannot be read"
    if sidecar is None:
        return "its sidecar is gone"
    if (sidecar.seal, sidecar.packaging, sidecar.tar) != (row.seal, row.packaging, row.tar):
        return "its sidecar speaks of another replica"
    return ""


def _of_strangers(held: Held) -> str:
    """An extra file makes a replica altered, and so does an extra part of a tar."""
    extra = held.strangers if isinstance(held, HeldTar) else ()
    more = f" (and {len(extra) - 1} more)" if len(extra) > 1 else ""
    return f"{extra[0]}: a part that is none of the tar's own{more}" if extra else ""
