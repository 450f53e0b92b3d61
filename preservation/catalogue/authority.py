"""Whose word holds about a version's seal, where no event of the journal says it.

The journal is the higher authority. Without it there are only the sidecars, and a sidecar can be
rewritten together with the replica beside it. So one seal holds against another only if tiers
that no single credential can write agree on it; a mere majority is a proposal to a person.

Pure: claims in, judgement out.
"""

from __future__ import annotations

from collections.abc import Mapping

from preservation.model.deferred import dataclass
from preservation.model.digest import Digest

SEAL_DISPUTED = "RBD-SEAL-DISPUTED"  # the finding that a person has to answer


@dataclass(frozen=True, slots=True)
class Judgement:
    """What sidecars that disagree come to.

    Attributes:
        seal: that holds; None if a person has to say.
        proposal: what most tiers say, if more say it than anything else; never obeyed by itself.
    """

    seal: Digest | None
    proposal: Digest | None


def judge(claims: Mapping[str, Digest], keepers: Mapping[str, str]) -> Judgement:
    """Weigh what the sidecars of one version say.

    Args:
        claims: tier -> the seal that its sidecar carries.
        keepers: tier -> with what it can be written: the name of a credential, or the machine.
            A tier that is not named is taken for the same keeper as all others of that kind.
    """
    tiers: dict[Digest, list[str]] = {}
    for tier, seal in claims.items():
        tiers.setdefault(seal, []).append(tier)
    backed = [
        seal for seal, some in tiers.items() if len({keepers.get(tier, "") for tier in some}) > 1
    ]
    ranked = sorted(tiers, key=lambda seal: -len(tiers[seal]))
    most = ranked[0] if ranked else None
    if most is not None and len(ranked) > 1 and len(tiers[ranked[1]]) == len(tiers[most]):
        most = None
    return Judgement(backed[0] if len(backed) == 1 else None, most)


def told(claims: Mapping[str, Digest]) -> str:
    """Who says what, for people."""
    return "; ".join(f"{tier} says {seal}" for tier, seal in sorted(claims.items()))
