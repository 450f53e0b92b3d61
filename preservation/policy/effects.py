"""What a change of policy does to what is held: counts in, effects out.

Nothing here deletes, and nothing that is told here happens by itself: replicas are made by the
replication workflow, and retired by the retention workflow alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from preservation.policy.feasible import Feasibility, feasibility
from preservation.policy.formats import Action, FormatRules
from preservation.policy.formats import Standing as FormatStanding
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.policy.price import Cost


@dataclass(frozen=True, slots=True)
class Kept:
    """Versions that are kept alike.

    Attributes:
        there: the tiers that have a replica of them, of whatever state.
        verified: those of them whose replica is verified.
        octets: of payload, each version once.
    """

    there: frozenset[str]
    verified: frozenset[str]
    versions: int
    octets: int


@dataclass(frozen=True, slots=True)
class HeldFormat:
    """One format, and how much of it is held."""

    puid: str
    mime: str
    name: str
    files: int
    octets: int
    versions: int

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "puid": self.puid,
            "mime": self.mime,
            "name": self.name,
            "files": self.files,
            "bytes": self.octets,
            "versions": self.versions,
        }


@dataclass(frozen=True, slots=True)
class Held:
    """What a community holds, as far as a change can matter to it.

    Attributes:
        kept: every version once, those without any replica too.
        overdue: tier -> replicas whose check is too old by the policy in force, and by the one
            proposed; only tiers whose promised age differs.
        formats: only where the format rules differ.
    """

    aips: int
    versions: int
    octets: int
    kept: Sequence[Kept]
    overdue: Mapping[str, tuple[int, int]]
    formats: Sequence[HeldFormat]


@dataclass(frozen=True, slots=True)
class Making:
    """Replicas to be made on one tier.

    Attributes:
        replicas, octets: all that the proposed policy wants there and that are not there.
        already: how many of them the policy in force wants too.
        stored: what keeping them costs in a year.
        read: what reading them once costs, from the first verified replica of each.
        within: seconds after ingest that it may take.
    """

    tier: str
    replicas: int
    octets: int
    already: int
    stored: Cost
    read: Cost
    within: int

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "tier": self.tier,
            "replicas": self.replicas,
            "bytes": self.octets,
            "already_due": self.already,
            "stored_a_year": self.stored.to_json(),
            "read_once": self.read.to_json(),
            "within_seconds": self.within,
        }


@dataclass(frozen=True, slots=True)
class Retiring:
    """Replicas on a tier that is not promised any more; they stay until retention retires them.

    Attributes:
        stored: what keeping them costs in a year.
    """

    tier: str
    replicas: int
    octets: int
    stored: Cost

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "tier": self.tier,
            "replicas": self.replicas,
            "bytes": self.octets,
            "stored_a_year": self.stored.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Moving:
    """A deadline that moves: the promised age of evidence on a tier.

    Attributes:
        before, after: seconds; 0 where none was promised.
        overdue_before, overdue_after: replicas whose check is too old, at this moment.
    """

    tier: str
    before: int
    after: int
    overdue_before: int
    overdue_after: int

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "tier": self.tier,
            "max_age_seconds": [self.before, self.after],
            "overdue": [self.overdue_before, self.overdue_after],
        }


@dataclass(frozen=True, slots=True)
class Compliance:
    """Versions below the minimum of verified replicas, failure domains and sites, now.

    Attributes:
        before, after: by the policy in force, and by the proposed one.
        falling: of those, how many are above it today.
        reachable: whether the proposed tiers, with every replica made, come to the minimum.
    """

    before: int
    after: int
    falling: int
    reachable: bool

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "below_minimum": [self.before, self.after],
            "would_fall": self.falling,
            "reachable": self.reachable,
        }


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that one community's change does.

    Attributes:
        repacked: tier -> replicas that stay packed as they are, though new ones will not be.
        stored_before, stored_after: what keeping all costs in a year: as it is, and with
            everything promised made (without what is to be retired).
        independence: in words, of the tiers in force (empty if none) and of those proposed.
        refused: formats that are held and would be refused from now on.
    """

    making: tuple[Making, ...]
    retiring: tuple[Retiring, ...]
    repacked: Mapping[str, int]
    moving: tuple[Moving, ...]
    compliance: Compliance
    feasibility: Feasibility
    stored_before: Cost
    stored_after: Cost
    independence: tuple[str, str]
    refused: tuple[HeldFormat, ...]

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "make": [one.to_json() for one in self.making],
            "retire": [one.to_json() for one in self.retiring],
            "stay_packed": dict(self.repacked),
            "deadlines": [one.to_json() for one in self.moving],
            "compliance": self.compliance.to_json(),
            "budget": self.feasibility.to_json(),
            "stored_a_year": [self.stored_before.to_json(), self.stored_after.to_json()],
            "independence": list(self.independence),
            "newly_refused": [one.to_json() for one in self.refused],
        }

    def burdens(self) -> dict[str, int]:
        """What the change brings that was not due anyway: the numbers that an administrator
        answers for.
        """
        new = [one for one in self.making if not one.already]
        return {
            "replicas to make": sum(one.replicas for one in new),
            "bytes to copy": sum(one.octets for one in new),
            "replicas not promised any more": sum(one.replicas for one in self.retiring),
            "versions falling below the minimum": self.compliance.falling,
            "checks newly overdue": sum(
                max(0, one.overdue_after - one.overdue_before) for one in self.moving
            ),
            "files of formats newly refused": sum(one.files for one in self.refused),
        }


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
        independence=domains,
        refused=tuple(_refused(old, new, held)),
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
