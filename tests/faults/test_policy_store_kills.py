"""kill -9 before every write of an apply: what governs is the old state or the new one.

Invariants 6, 11 and 12 of ``ARCHITECTURE.md``, as far as the store of policies keeps them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from killing import each_kill

from preservation.formats.groups import known_groups
from preservation.ledger.policies import PolicyFiles
from preservation.model.canonical import digest_of
from preservation.policy.check import check

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
POLICIES = Path(__file__).resolve().parents[2] / "policies"


def test_a_killed_apply_changes_all_communities_or_none(scenes: Path) -> None:
    files = {path.name: path.read_bytes() for path in POLICIES.glob("*.yaml")}
    first = check(files, known_groups()).require().effective
    second = {name: document | {"contact": "somebody else"} for name, document in first.items()}
    old = {name: digest_of(document) for name, document in first.items()}
    new = {name: digest_of(document) for name, document in second.items()}
    folders = (scenes / str(number) for number in itertools.count())
    scene: list[Path] = []

    def prepare() -> Callable[[], object]:
        scene[:] = [next(folders)]
        scene[0].mkdir()
        store = PolicyFiles(scene[0])
        store.apply(first, "ann", "the first", AT, {})
        return lambda: store.apply(second, "bob", "a change", AT, old)

    seen = []
    for _ in each_kill(prepare):
        store = PolicyFiles(scene[0])  # the next process knows nothing
        now = {name: line.digest for name, line in store.in_force().items()}
        seen.append(now == new)
        assert now in (old, new)
        for name in now:
            store.governing(name)
        store.apply(second, "bob", "again", AT, now)
        assert {name: line.digest for name, line in store.in_force().items()} == new

    assert seen[0] is False
    assert seen[-1] is True
