"""From what is held, and two policies, to the effects of putting the second in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from preservation.policy.effects import (
    Compliance,
    Disposing,
    Effects,
    Held,
    HeldFormat,
    Kept,
    Making,
    Moving,
    Retiring,
)
from preservation.policy.feasible import Feasibility, feasibility
from preservation.policy.formats import Action, FormatRules
from preservation.policy.formats import Standing as FormatStanding
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.policy.price import Cost

_YEAR = timedelta(days=365.25)


def effects(old: Policy | None, new: Policy, held: Held, observed: Mapping[str, str]) -> Effects:
    """What it does to put a policy in force.

    Args:
        old: in force now; None if none is.
        observed: tier -> failure domain, of the tiers of both.
    """
    domains = ("", Independence(new, observed).sentence(rule.tier for rule in new.replicas))
    if old is not None:
        before = Independence(old, observed).sentence(rule.tier for rule in old.replicas)
        domains = (before, domains[1])
    return Effects(
        making=tuple(_making(old, new, held)),
        retiring=tuple(_retiring(old, new, held)),
        repacked=_repacked(old, new, held),
        moving=tuple(_moving(old, new, held)),
        compliance=_compliance(old, new, held, observed),
        feasibility=_feasibility(new, held),
        stored_before=_stored_as_it_is(old, new, held),
        stored_after=Cost.total(
            Cost.of(new.tiers[rule.tier].stored, held.octets) for rule in new.replicas
        ),
        checked_before=Cost() if old is None else checking(old, _octets_as_it_is(held)),
        checked_after=checking(new, {rule.tier: held.octets for rule in new.replicas}),
        independence=domains,
        refused=tuple(_refused(old, new, held)),
        disposing=Disposing(*held.due),
    )


def _making(old: Policy | None, new: Policy, held: Held) -> Iterator[Making]:
    promised = set() if old is None else {rule.tier for rule in old.replicas}
    for rule in new.replicas:
        lacking = [kept for kept in held.kept if rule.tier not in kept.there]
        replicas = sum(kept.versions for kept in lacking)
        if replicas:
            octets = sum(kept.octets for kept in lacking)
            yield Making(
                tier=rule.tier,
                replicas=replicas,
                octets=octets,
                already=replicas if rule.tier in promised else 0,
                stored=Cost.of(new.tiers[rule.tier].stored, octets),
                read=Cost.total(_reading(old, new, kept) for kept in lacking),
                within=int(rule.within.total_seconds()),
            )


def _reading(old: Policy | None, new: Policy, kept: Kept) -> Cost:
    """What it costs to read these versions once, from the first verified replica in the order of
    the policies. A tier without a price for reading is read for nothing.
    """
    specs = {**({} if old is None else old.tiers), **new.tiers}
    order = [*([] if old is None else old.replicas), *new.replicas]
    source = next((specs[rule.tier] for rule in order if rule.tier in kept.verified), None)
    if source is None or source.read is None:
        return Cost()
    return Cost.of(source.read, kept.octets)


def _retiring(old: Policy | None, new: Policy, held: Held) -> Iterator[Retiring]:
    promised = {rule.tier for rule in new.replicas}
    for tier, spec in ({} if old is None else old.tiers).items():
        some = [kept for kept in held.kept if tier in kept.there]
        replicas = sum(kept.versions for kept in some)
        if tier not in promised and replicas:
            octets = sum(kept.octets for kept in some)
            yield Retiring(tier, replicas, octets, Cost.of(spec.stored, octets))


def _repacked(old: Policy | None, new: Policy, held: Held) -> dict[str, int]:
    before = {} if old is None else {rule.tier: rule.packaging for rule in old.replicas}
    changed = [
        rule.tier
        for rule in new.replicas
        if rule.tier in before and before[rule.tier] is not rule.packaging
    ]
    counts = {tier: sum(k.versions for k in held.kept if tier in k.there) for tier in changed}
    return {tier: count for tier, count in counts.items() if count}


def _moving(old: Policy | None, new: Policy, held: Held) -> Iterator[Moving]:
    rules = {} if old is None else old.audit.tiers
    for tier, rule in new.audit.tiers.items():
        before = int(rules[tier].max_age.total_seconds()) if tier in rules else 0
        after = int(rule.max_age.total_seconds())
        if before and before != after:
            yield Moving(tier, before, after, *held.overdue.get(tier, (0, 0)))


def _compliance(
    old: Policy | None, new: Policy, held: Held, observed: Mapping[str, str]
) -> Compliance:
    ahead = Independence(new, observed)
    behind = None if old is None else Independence(old, observed)
    before = after = falling = 0
    for kept in held.kept:
        was_short = behind is not None and behind.is_short(kept.verified)
        will_be = ahead.is_short(kept.verified)
        before += kept.versions * was_short
        after += kept.versions * will_be
        falling += kept.versions * (will_be and not was_short)
    reachable = not ahead.is_short(rule.tier for rule in new.replicas)
    return Compliance(before, after, falling, reachable)


def _feasibility(new: Policy, held: Held) -> Feasibility:
    ages = {tier: rule.max_age for tier, rule in new.audit.tiers.items()}
    octets = {rule.tier: held.octets for rule in new.replicas}
    return feasibility(octets, ages, new.audit.schedule, new.audit.budget)


def _stored_as_it_is(old: Policy | None, new: Policy, held: Held) -> Cost:
    specs = new.tiers if old is None else old.tiers
    return Cost.total(
        Cost.of(specs[tier].stored, kept.octets)
        for kept in held.kept
        for tier in kept.there
        if tier in specs
    )


def _octets_as_it_is(held: Held) -> dict[str, int]:
    tiers = {tier for kept in held.kept for tier in kept.there}
    return {tier: sum(k.octets for k in held.kept if tier in k.there) for tier in tiers}


def checking(policy: Policy, octets: Mapping[str, int]) -> Cost:
    """What reading replicas for their checks costs in a year, recalls included; a tier without
    a price for reading is read for nothing.

    Args:
        octets: tier -> octets kept there. Samples between the full passes come on top.
    """
    cost = Cost()
    for tier, rule in policy.audit.tiers.items():
        spec = policy.tiers.get(tier)
        if spec is not None and spec.read is not None:
            cost.add(spec.read, int(octets.get(tier, 0) * (_YEAR / rule.max_age)))
    return cost


def _refused(old: Policy | None, new: Policy, held: Held) -> Iterator[HeldFormat]:
    for one in held.formats:
        before = old is not None and _is_refused(old.intake.formats, one)
        if not before and _is_refused(new.intake.formats, one):
            yield one


def _is_refused(rules: FormatRules, one: HeldFormat) -> bool:
    if not one.puid and rules.unidentified is Action.REFUSE:
        return True
    standing = rules.ruling("", one.puid, one.mime).standing
    unlisted = standing is FormatStanding.UNLISTED and rules.unlisted is Action.REFUSE
    return standing is FormatStanding.REFUSED or unlisted
