"""kill -9 in the middle of a disposal, of a retirement, and of moving a community to another
tier; then the same work again.

Points are every call that writes; a seeded sample here, all with ``SAMARKAND_SOAK``.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from homes import SILENCE, Archive, Guesser, quick_folder
from killing import killed_at, trace

from preservation.app.keeping import retention_of
from preservation.app.policies import apply_policies, read_policies
from preservation.app.upkeep import check_catalogue
from preservation.catalogue.sql import SqlCatalogue
from preservation.files.remove import remove_tree
from preservation.model.event import EventType
from preservation.storage.local import LocalTier

pytestmark = pytest.mark.slow

COMMITS = [(SqlCatalogue, name) for name in ("record", "drained", "release")]
SOAK = bool(os.environ.get("SAMARKAND_SOAK"))
SAMPLE = 10
RULES = {"retention": {"keep": "10y", "approvals": 1}}
FOREVER = {"retention": {"keep": "forever", "approvals": 1}}
MOVED = [{"tier": "vault", "packaging": "folder"}, {"tier": "deep", "packaging": "tar"}]


@dataclass
class Act:
    """Work to be killed, on copies of a home where it is due, and what is true in the end."""

    template: Archive
    run: Callable[[Archive], object]
    there: frozenset[str]  # tiers that keep the version in the end


def review_and_dispose(archive: Archive) -> None:
    """What a person, or the monthly DAG, does: whatever was begun, then what is due."""
    with archive.opened() as (parts, policy):
        service = retention_of(parts)
        service.finish(SILENCE)
        proposal = service.reviewer.review(policy).proposal
        if proposal is not None:
            service.approve(proposal.digest, "ana", "")
            service.dispose(proposal.digest, "ana", "", SILENCE)


def move(archive: Archive) -> None:
    """New copy, verified; then the old one goes."""
    archive.replicate()
    review_and_dispose(archive)


def kept(root: Path, rules: dict[str, object]) -> Archive:
    root.mkdir()
    archive = Archive(root, rules)
    archive.ingest(archive.put("first", {"a.txt": b"one", "deep/er/b.txt": b"two" * 1000}))
    return archive


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    ground = quick_folder(tmp_path_factory.mktemp("kills"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
        yield ground
    remove_tree(ground)


@pytest.fixture(scope="module", params=["dispose", "move"])
def act(request: pytest.FixtureRequest, place: Path) -> Act:
    if request.param == "dispose":
        archive = kept(place / "dispose", RULES)
        archive.replicate()
        archive.clock.at = archive.clock.at.replace(year=archive.clock.at.year + 11)
        return Act(archive, review_and_dispose, frozenset())
    first = [{"tier": name, "packaging": "folder"} for name in ("vault", "mirror")]
    archive = kept(place / "move", {**FOREVER, "replicas": first})
    archive.replicate()
    archive.write_policies({**FOREVER, "replicas": MOVED})
    with archive.opened() as (parts, _):
        checked = read_policies(archive.policies).require()
        apply_policies(parts.home, checked, "us", "moving", archive.clock, consent="we")
    return Act(archive, move, frozenset({"vault", "deep"}))


def is_never_too_little(act: Act, archive: Archive) -> None:
    """At whatever moment it was killed: what is to stay has its minimum of whole replicas, and
    nothing is gone that the journal does not speak of.
    """
    with archive.opened() as (parts, _):
        told = {event.type for event in parts.journal.events()}
        lying = {
            name
            for name, tier in parts.every_tier().items()
            for sidecar in tier.sidecars()
            if hasattr(sidecar, "key") and tier.exists(sidecar.key, sidecar.packaging)
        }
    if len(lying) < 2:
        assert act.there == frozenset()
        assert EventType.DEACCESSION in told
    elif "mirror" not in lying and act.there:
        assert lying == {"vault", "deep"}
        assert EventType.RETIREMENT in told


def ended(act: Act, archive: Archive) -> None:
    with archive.opened() as (parts, policy):
        replicas = {row.tier: row.state.value for row in parts.catalogue.replicas()}
        assert replicas == dict.fromkeys(act.there, "verified")
        assert parts.catalogue.custody.removals(pending=True) == []
        assert parts.standing(policy).kept
        tombstones = parts.catalogue.custody.tombstones()
        assert bool(tombstones) is not bool(act.there)
        for name, tier in parts.every_tier().items():
            for one in (*tombstones, *parts.catalogue.versions()):
                assert bool(tier.remains(one.key)) is (name in act.there)
                stones = tier.tombstoned(one.key)
                assert stones is None if act.there else stones
        parts.drain()
    _, different = check_catalogue(archive.home)
    assert different == []


def points(act: Act, root: Path) -> list[int]:
    archive = act.template.copied_to(root)
    many = len(trace(lambda: act.run(archive), COMMITS))
    assert many > SAMPLE
    ended(act, archive)
    if SOAK:
        return list(range(1, many + 1))
    # Most of what is written is the drain's and the copy's, which have tests of their own.
    return sorted({1, many, *random.Random(7).sample(range(2, many), SAMPLE - 2)})


def test_invariant_6_killed_at_any_write_and_run_again_it_ends_as_if_undisturbed(
    act: Act, place: Path
) -> None:
    roots = (place / f"{id(act)}-{number}" for number in itertools.count())
    ways, deaths = points(act, next(roots)), 0
    for n in ways:
        root = next(roots)
        archive = act.template.copied_to(root)
        deaths += killed_at(lambda: act.run(archive), n, COMMITS)  # noqa: B023 (runs at once)
        is_never_too_little(act, archive)
        act.run(archive)
        ended(act, archive)
        remove_tree(root)
    assert deaths > len(ways) * 0.8


def test_killed_before_each_step_of_the_removal_itself(act: Act, place: Path) -> None:
    steps = [(LocalTier, name) for name in ("tombstone", "remove")]
    for n in range(1, 8 if SOAK else 4):
        root = place / f"{id(act)}-step-{n}"
        archive = act.template.copied_to(root)
        killed_at_step(lambda: act.run(archive), n, steps)  # noqa: B023 (runs at once)
        is_never_too_little(act, archive)
        act.run(archive)
        ended(act, archive)
        remove_tree(root)


def killed_at_step(act: Callable[[], object], n: int, steps: list[tuple[type, str]]) -> None:
    """Die just before the n-th of these steps alone; where there are fewer, it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("killing.OS_CALLS", ())
        patch.setattr("killing.DURABLE_CALLS", ())
        killed_at(act, n, steps)
