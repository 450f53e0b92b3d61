"""Each promise of a policy, and how it stands: for how many, broken for how many, since when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from preservation.catalogue.promises import Standing, TierStanding
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.policy.policy import Policy
from preservation.reports.words import count, span


@dataclass(frozen=True, slots=True)
class Promised:
    """One promise of a policy.

    Attributes:
        words: what is promised.
        codes: of what breaks it; none where open findings do.
        judged: how many versions, replicas or tiers it is about now; None for the community as a
            whole.
        broken: for how many of them it is not kept.
        lacking: replicas, domains or sites that the worst of them lacks; 0 for other promises.
        since: since when the first of them is broken; None where nobody knows.
    """

    words: str
    codes: tuple[str, ...]
    judged: int | None
    broken: int
    lacking: int = 0
    since: datetime | None = None

    @property
    def verdict(self) -> str:
        """``kept``, ``broken``, or ``nothing to judge``."""
        if self.broken:
            return "broken"
        return "nothing to judge" if self.judged == 0 else "kept"

    def how_much(self, now: datetime) -> str:
        """By how much it is broken, in words; empty where it is not."""
        if not self.broken:
            return ""
        told = [f"{self.broken:,} of {self.judged:,}" if self.judged else f"{self.broken:,}"]
        if self.lacking:
            told.append(f"{self.lacking} too few")
        if self.since is not None and self.since < now:
            told.append(f"for {span(now - self.since)}")
        return ", ".join(told)

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "promise": self.words,
            "codes": list(self.codes),
            "verdict": self.verdict,
            "judged": self.judged,
            "broken": self.broken,
            "lacking": self.lacking,
            "since": None if self.since is None else stamp(self.since),
        }


def promised(policy: Policy, standing: Standing) -> list[Promised]:
    """Every promise of a policy, in its order, by what a standing found."""
    return [*_minimum(policy, standing), *_by_tier(policy, standing), *_sound(standing)]


def _minimum(policy: Policy, standing: Standing) -> Iterator[Promised]:
    least = policy.minimum
    for code, words in (
        ("STD-REPLICAS", count(least.replicas, "verified replica")),
        ("STD-DOMAINS", count(least.failure_domains, "failure domain")),
        ("STD-SITES", count(least.sites, "site")),
    ):
        broken = standing.totals.get(code, 0)
        yield _told(standing, f"{words} at least", (code,), "", standing.settled, broken)


def _by_tier(policy: Policy, standing: Standing) -> Iterator[Promised]:
    tiers = {one.tier: one for one in standing.tiers}
    for rule in policy.replicas:
        words = f"a {rule.packaging.value} on {rule.tier} within {span(rule.within)}, read back"
        found = tiers[rule.tier]
        broken, codes = found.late + found.unverified, ("STD-LATE", "STD-UNVERIFIED")
        made = found.verified + found.damaged  # what is not due yet proves nothing
        yield _told(standing, words, codes, rule.tier, made + broken, broken)
    for tier, audit in policy.audit.tiers.items():
        found = tiers[tier]
        if not found.replicas and all(rule.tier != tier for rule in policy.replicas):
            continue  # inherited, and nothing is or will be there
        yield from _checks(standing, found, span(audit.max_age), audit.level.words)
        if audit.all_digests:
            words = f"all digests on {tier} compared every {span(audit.all_digests)}"
            broken = found.part_compared
            yield _told(standing, words, ("STD-DIGESTS",), tier, found.replicas, broken)


def _checks(standing: Standing, found: TierStanding, age: str, level: str) -> Iterator[Promised]:
    words, there = f"a check on {found.tier} every {age}", found.replicas
    yield _told(standing, words, ("STD-OVERDUE",), found.tier, there, found.overdue)
    words = f"so that we can say of {found.tier}: “{level}”"
    yield _told(standing, words, ("STD-WEAK",), found.tier, there, found.weak)


def _sound(standing: Standing) -> Iterator[Promised]:
    replicas = sum(one.replicas for one in standing.tiers)
    for words, code, judged in (
        ("no replica is damaged", "STD-DAMAGED", replicas),
        ("no check is dated later than now", "STD-FUTURE", replicas),
        ("every tier can be looked at", "STD-UNOBSERVED", len(standing.tiers)),
    ):
        yield _told(standing, words, (code,), "", judged, standing.totals.get(code, 0))
    yield Promised("no finding stays open", (), None, standing.open_findings)


def _told(
    standing: Standing, words: str, codes: tuple[str, ...], tier: str, judged: int, broken: int
) -> Promised:
    first = [one for one in standing.broken if one.code in codes and tier in ("", one.tier)]
    lacking = max((one.lacking for one in first), default=0)
    since = min((one.since for one in first), default=None)
    return Promised(words, codes, judged, broken, lacking, since)
