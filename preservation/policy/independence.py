"""Independence: which tiers fail together, as observed and as declared.

Two tiers on the same device, host, endpoint or bucket, or reached with the same credential, are
one failure domain: one accident, or one pair of stolen keys, takes both.

What was observed comes as text, as ``storage.tier.Observed`` spells it: ``device 8:0 on <host>``,
``memory of <host>``, ``server <name>``; what two tiers share of it, they share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from preservation.model.deferred import dataclass
from preservation.model.units import counted
from preservation.policy.policy import Policy, TierSpec

_HOST = re.compile(r"(?:device \S+ on|memory of) (.+)")


@dataclass(frozen=True, slots=True)
class Domain:
    """Tiers that fail together.

    Attributes:
        tiers: sorted.
        shared: what all of them share, for people: ``device 8:0 on host``; of one tier alone, what
            was observed. Empty where nothing was.
    """

    tiers: tuple[str, ...]
    shared: str


class Independence:
    """How independent the tiers of one policy are.

    Args:
        policy: whose tiers, whose minimum.
        observed: tier -> what was observed; a tier that could not be looked at is not in it, and
            is taken for a domain of its own unless its credential says otherwise.
    """

    def __init__(self, policy: Policy, observed: Mapping[str, str]) -> None:
        self._policy = policy
        self._observed = observed
        self._hangs_on = {
            tier: _hangs_on(spec, observed.get(tier, "")) for tier, spec in policy.tiers.items()
        }
        self._counted: dict[frozenset[str], tuple[int, int, int]] = {}

    def counts(self, tiers: Iterable[str]) -> tuple[int, int, int]:
        """Replicas, failure domains and sites that replicas on these tiers come to; tiers that
        the policy does not name count for nothing.
        """
        known = frozenset(tiers).intersection(self._policy.tiers)
        if known not in self._counted:
            sites = {self._policy.tiers[tier].site for tier in known}
            self._counted[known] = (len(known), len(self.domains(known)), len(sites))
        return self._counted[known]

    def lacking(self, tiers: Iterable[str]) -> tuple[int, int, int]:
        """How many replicas, failure domains and sites they lack to the policy's minimum."""
        least = self._policy.minimum
        wanted = (least.replicas, least.failure_domains, least.sites)
        replicas, domains, sites = self.counts(tiers)
        return (
            max(0, wanted[0] - replicas),
            max(0, wanted[1] - domains),
            max(0, wanted[2] - sites),
        )

    def is_short(self, tiers: Iterable[str]) -> bool:
        """Whether they lack anything."""
        return any(self.lacking(tiers))

    def domains(self, tiers: Iterable[str]) -> tuple[Domain, ...]:
        """Part tiers of the policy into those that fail together."""
        groups: list[tuple[set[str], set[str]]] = []  # tiers, and what they hang on
        for tier in sorted(set(tiers)):
            mine, hangs_on = {tier}, set(self._hangs_on[tier])
            apart = []
            for others, theirs in groups:
                if theirs & hangs_on:
                    mine |= others
                    hangs_on |= theirs
                else:
                    apart.append((others, theirs))
            groups = [*apart, (mine, hangs_on)]
        made = [self._domain(some) for some, _ in groups]
        return tuple(sorted(made, key=lambda one: one.tiers))

    def sentence(self, tiers: Iterable[str]) -> str:
        """How independent replicas on some tiers are: never "3 replicas" alone."""
        known = sorted(set(tiers) & self._policy.tiers.keys())
        if not known:
            return "no replica"
        domains = self.domains(known)
        sites = {self._policy.tiers[tier].site for tier in known}
        unseen = [tier for tier in known if not self._observed.get(tier)]
        most = "at most " if unseen and len(domains) > 1 else ""
        told = (
            f"{counted(len(known), 'replica')} in {most}{counted(len(domains), 'failure domain')} "
            f"at {counted(len(sites), 'site')}"
        )
        if most:
            told += f" ({', '.join(unseen)} not observed)"
        if len(known) == 1:
            return f"{told}: one failure loses all"
        if len(domains) == 1:
            return f"{told}: {_accident(domains[0])}"
        return f"{told}: one fire loses all ({sites.pop()})" if len(sites) == 1 else told

    def _domain(self, tiers: set[str]) -> Domain:
        common = set.intersection(*(set(self._hangs_on[tier]) for tier in tiers))
        seen = [one for one in common if not one.startswith("unobserved ")]
        # The most particular first: a device is more than its host.
        shared = min(seen, key=lambda one: (_place(one), one), default="")
        return Domain(tuple(sorted(tiers)), shared)


_ACCIDENTS = {
    "device": "one disk failure loses all",
    "memory": "one power cut loses all",
    "server": "one lost server loses all",
    "host": "one lost host loses all",
    "credential": "one credential in wrong hands loses all",
}


def _accident(domain: Domain) -> str:
    words = _ACCIDENTS.get(domain.shared.partition(" ")[0], "one failure loses all")
    return f"{words} ({domain.shared or 'not observed'})"


def _place(shared: str) -> int:
    first = shared.partition(" ")[0]
    return list(_ACCIDENTS).index(first) if first in _ACCIDENTS else 2


def _hangs_on(spec: TierSpec, seen: str) -> frozenset[str]:
    hangs_on = {seen or f"unobserved tier {spec.id}"}
    if match := _HOST.fullmatch(seen):
        hangs_on.add(f"host {match[1]}")
    if spec.credential:
        hangs_on.add(f"credential {spec.credential}")
    return frozenset(hangs_on)
