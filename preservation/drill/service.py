"""A drill: replicas made for the purpose are harmed, and the services of every night are let loose
on them.

Everything happens in rehearsals: tiers of their own inside the real ones, with a catalogue and a
journal of their own. So nothing of a drill is ever counted, listed or rebuilt as a holding, and
what is measured is the same checker, the same repair and the same media as at night.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from preservation.catalogue.protocol import Catalogue, FindingRow
from preservation.drill.harms import HARMS, Files, do_harm, files_of
from preservation.drill.samples import Sample, make_sample
from preservation.drill.score import Score, Trial
from preservation.errors import SamarkandError
from preservation.model.check import CheckResult
from preservation.model.deferred import dataclass
from preservation.model.event import EventMaker
from preservation.model.outcome import Outcome
from preservation.model.progress import Progress
from preservation.model.replica import Packaging, VersionKey
from preservation.policy.policy import Policy
from preservation.storage.tier import Tier

APPROVED_BY = "the drill"  # so much damage at once stops a repair that nobody has approved


class Replicates(Protocol):
    """Makes the replicas that are due, and reads them back."""

    def __call__(self, policy: Policy, progress: Progress, /) -> None: ...


class Repairs(Protocol):
    """Repair, as ``preservation.repair`` offers it."""

    def plan(
        self, policy: Policy, *, tier: str | None = None, aip: str | None = None
    ) -> Iterable[FindingRow]: ...

    def repair(
        self, policy: Policy, finding_id: str, progress: Progress, approved_by: str = ""
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a drill takes place: rehearsals of tiers, and the services over them.

    Attributes:
        policy: the community's, over these tiers; its first replica's tier is ``spare``.
        spare: a tier for the sound replicas, harmed by nobody.
        tiers: those that are harmed, by id.
        audit: checks everything on a tier; on all, if it is None.
    """

    policy: Policy
    catalogue: Catalogue
    events: EventMaker
    spare: Tier
    tiers: Mapping[str, Tier]
    replicate: Replicates
    audit: Callable[[str | None, Progress], list[CheckResult]]
    repair: Repairs


def run_drill(ground: Ground, progress: Progress) -> Score:
    """Make, harm, audit, repair, audit; tier after tier.

    Raises:
        SamarkandError: the drill itself could not be made; that is no score.
    """
    policy = ground.policy
    progress.begin(f"drill {policy.community}", None)
    progress = _OfDrill(progress)
    samples = [
        make_sample(ground.catalogue, ground.spare, ground.events, policy, harm, progress)
        for harm in (*HARMS, "")
    ]
    ground.replicate(policy, progress)
    _expect_sound(ground, progress)
    trials: list[Trial] = []
    false_alarms = 0
    for tier in ground.tiers.values():
        some, alarms = _round(ground, tier, samples, progress)
        trials += some
        false_alarms += alarms
    return Score(tuple(trials), false_alarms)


def _expect_sound(ground: Ground, progress: Progress) -> None:
    """What is to be harmed must be sound first, or nothing is learned."""
    wrong = [one for one in ground.audit(None, progress) if one.outcome is not Outcome.INTACT]
    if wrong:
        raise SamarkandError(
            f"the drill's own replicas are not sound: {wrong[0].tier}: {wrong[0].reason}",
            hint="run `preserve tier check`: the tier does not keep what it is given",
            code="DRL-NOT-SOUND",
        )


def _older(tier: Tier, key: VersionKey, packaging: Packaging) -> Files:
    """The files of the version before, if there was one."""
    if key.version == 1:
        return {}
    before = VersionKey(key.community, key.aip, key.version - 1)
    return files_of(tier.held(before, packaging))


def _round(
    ground: Ground, tier: Tier, samples: list[Sample], progress: Progress
) -> tuple[list[Trial], int]:
    """All harms on one tier. Returns the trials and how many false alarms there were."""
    rule = next(rule for rule in ground.policy.replicas if rule.tier == tier.id)
    harmed: dict[VersionKey, str] = {}
    for sample in samples:
        if sample.harm:
            older = _older(tier, sample.key, rule.packaging)
            do_harm(tier, sample.key, rule.packaging, HARMS[sample.harm], older)
            harmed[sample.key] = sample.harm
    progress.say(f"{len(harmed)} replicas on {tier.id} harmed")
    first = ground.audit(tier.id, progress)
    for finding in ground.repair.plan(ground.policy):
        ground.repair.repair(ground.policy, finding.id, progress, approved_by=APPROVED_BY)
    after = {(one.key, one.tier): one.outcome for one in ground.audit(tier.id, progress)}
    outcomes = {(one.key, one.tier): one.outcome for one in first}
    trials = [
        Trial(
            tier.id,
            harm,
            outcomes.get((key, tier.id), Outcome.UNCHECKED).value,
            after.get((key, tier.id)) is Outcome.INTACT,
        )
        for key, harm in harmed.items()
    ]
    alarms = [
        place
        for place, outcome in outcomes.items()
        if outcome.is_damage and not (place[1] == tier.id and place[0] in harmed)
    ]
    return trials, len(alarms)


class _OfDrill:
    """Implements ``model.progress.Progress``: says of every sentence that it is a drill's, for what
    services say of so much damage would alarm.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def begin(self, what: str, total_bytes: int | None) -> None:
        self._progress.begin(f"drill: {what}", total_bytes)

    def advance(self, read_bytes: int) -> None:
        self._progress.advance(read_bytes)

    def skip(self, done_bytes: int) -> None:
        self._progress.skip(done_bytes)

    def say(self, sentence: str) -> None:
        self._progress.say(f"drill: {sentence}")
