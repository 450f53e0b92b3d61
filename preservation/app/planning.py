"""Plans: policy files held against what is in force and against what is held."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from preservation.app.answering import expect_answers
from preservation.app.apart import expect_apart, folders_of
from preservation.app.home import Home
from preservation.app.parts import Parts
from preservation.app.places import specs_of
from preservation.catalogue.custody_reading import Amount
from preservation.catalogue.figures import Figures
from preservation.ledger.policies import active_digests
from preservation.ledger.protocol import InForce
from preservation.model.canonical import digest_of
from preservation.policy.check import Checked
from preservation.policy.compare import compare
from preservation.policy.effects import Held
from preservation.policy.foresight import effects
from preservation.policy.plan import Plan, Proposal
from preservation.policy.policy import Policy, TierSpec
from preservation.storage.mount import failure_domain, mount_of


def make_plan(parts: Parts, checked: Checked, only: Iterable[str] | None = None) -> Plan:
    """What the files would change, against the real catalogue. Nothing changes.

    Args:
        checked: right policy files (``Checked.require``).
        only: these communities; by default all that have a file.

    Raises:
        PolicyError: a tier or an inbox really lies in another place (``POL-PLACES``).
        NotNowError: a folder that is named, or was, does not answer (``POL-PLACE-SILENT``).
    """
    governed = folders_of(specs_of(parts.store)).values()
    expect_answers(parts.home.path / path for path in governed)
    expect_apart(parts.home, map(Policy.from_effective, checked.effective.values()))
    lines = parts.store.in_force()
    in_force = active_digests(dict(sorted(lines.items())))
    wanted = sorted(checked.effective if only is None else only)
    return Plan(
        at=parts.clock.now(),
        in_force=in_force,
        proposals=tuple(_proposals(parts, checked, wanted, lines)),
        pausing=tuple(sorted(set(in_force) - set(checked.communities))) if only is None else (),
    )


def _proposals(
    parts: Parts, checked: Checked, wanted: Iterable[str], lines: Mapping[str, InForce]
) -> Iterator[Proposal]:
    observed = parts.observed()
    for name in wanted:
        document = checked.effective[name]
        digest, line = digest_of(document), lines.get(name)
        previous, paused = (None, False) if line is None else (line.digest, line.paused)
        if digest == previous and not paused:
            continue
        new = Policy.from_effective(document)
        old = None if previous is None else parts.store.policy(previous)
        held = _held(parts, old, new)
        yield Proposal(
            community=name,
            title=new.title["en"],
            digest=digest,
            previous=previous,
            changes=tuple(compare(None if old is None else old.document, document)),
            aips=held.aips,
            versions=held.versions,
            octets=held.octets,
            effects=effects(old, new, held, foreseen(parts.home, old, new, observed)),
            resumes=paused,
        )


def _held(parts: Parts, old: Policy | None, new: Policy) -> Held:
    figures, prospects = parts.catalogue.figures, parts.catalogue.prospects
    community = new.community
    holdings = figures.holdings(community)
    tiers = {*({} if old is None else old.tiers), *new.tiers}
    rules_differ = old is not None and old.intake.formats != new.intake.formats
    return Held(
        aips=holdings.aips,
        versions=holdings.versions,
        octets=holdings.octets,
        kept=prospects.kept(community, tiers),
        overdue=_overdue(parts, figures, old, new),
        formats=prospects.formats(community) if rules_differ else (),
        due=_due(parts, old, new) if holdings.versions else (0, 0, 0),
    )


def _due(parts: Parts, old: Policy | None, new: Policy) -> tuple[int, int, int]:
    """What is due for disposal by either policy; asked once where they say the same."""
    now, keeps = (
        parts.clock.now(),
        (None if old is None else old.retention.keep, new.retention.keep),
    )
    amounts = {
        keep: parts.catalogue.custody.due_amount(new.community, now - keep, now)
        for keep in set(keeps)
        if keep is not None
    }
    nothing = Amount(0, 0)
    before, after = (amounts.get(keep, nothing) if keep else nothing for keep in keeps)
    return before.count, after.count, after.octets


def _overdue(
    parts: Parts, figures: Figures, old: Policy | None, new: Policy
) -> dict[str, tuple[int, int]]:
    now, before = parts.clock.now(), {} if old is None else old.audit.tiers
    return {
        tier: (
            figures.aged(new.community, tier, now - before[tier].max_age),
            figures.aged(new.community, tier, now - rule.max_age),
        )
        for tier, rule in new.audit.tiers.items()
        if tier in before and before[tier].max_age != rule.max_age
    }


def foreseen(
    home: Home, old: Policy | None, new: Policy, observed: Mapping[str, str]
) -> dict[str, str]:
    """What was observed of the tiers; of those that are not there yet, what will be."""
    known = {} if old is None else old.tiers
    seen = dict(observed)
    for name, spec in new.tiers.items():
        moved = name in known and known[name].path != spec.path
        if name not in seen or moved:
            seen.pop(name, None)
            if domain := _domain_of(home, spec):
                seen[name] = domain
    return seen


def _domain_of(home: Home, spec: TierSpec) -> str:
    """Where a local tier will lie; a place elsewhere cannot be looked at before it is there."""
    if spec.kind != "local":
        return ""
    there = nearest(home.path / spec.path)
    return failure_domain(there, mount_of(there))


def nearest(path: Path) -> Path:
    """A folder, or the nearest one above it that is there and can be seen."""
    return next(one for one in (path, *path.parents) if os.path.exists(one))


def planned_communities(files: Iterable[Path], checked: Checked) -> list[str] | None:
    """The communities that named files are about; None for all, where a shared file is named."""
    names = {path.name.removesuffix(".yaml") for path in files}
    return None if names & {"tiers", "baseline"} else sorted(names & set(checked.effective))
