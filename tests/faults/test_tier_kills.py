"""kill -9 before every write of a tier: never half a replica, and the next call completes.

Invariants 2, 6 and 7 of ``ARCHITECTURE.md``, as far as a tier keeps them.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from killing import each_kill, trace
from tiers import BAD, GOOD, KEY, contents, fill, sidecar

from preservation.errors import BusyError
from preservation.model.replica import Packaging
from preservation.storage.local import LocalTier, create_tier

pytestmark = pytest.mark.slow


@pytest.fixture(params=list(Packaging), ids=lambda packaging: packaging.value)
def packaging(request: pytest.FixtureRequest) -> Packaging:
    return Packaging(request.param)


def fresh(root: Path) -> LocalTier:
    """A new tier, copied from one that was made once: that is a hundred writes."""
    pattern = root.with_name("pattern")
    if not pattern.exists():
        create_tier(pattern, "vault")
    shutil.copytree(pattern, root)
    return LocalTier(root, "vault")


def commit(tier: LocalTier, packaging: Packaging, files: dict[bytes, bytes] = GOOD) -> None:
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging, files)
    incoming.commit(sidecar(packaging, files))


def swap(tier: LocalTier, packaging: Packaging, stamp: str) -> None:
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging)
    incoming.swap(sidecar(packaging), stamp)


def all_quarantined(root: Path) -> list[bytes]:
    """The last octets of every payload or tar in quarantine, to tell good from bad."""
    files = (path for path in (root / ".quarantine").rglob("*") if path.is_file())
    return [path.read_bytes() for path in files]


def test_a_killed_commit_leaves_a_whole_replica_or_none(scenes: Path, packaging: Packaging) -> None:
    roots = (scenes / str(number) for number in itertools.count())
    scene: list[LocalTier] = []

    def prepare() -> Callable[[], None]:
        scene[:] = [fresh(next(roots))]
        return lambda: commit(scene[0], packaging)

    states = []
    for _ in each_kill(prepare):
        tier = LocalTier(scene[0].root, "vault")  # the next process knows nothing
        visible = tier.sidecar(KEY) is not None
        states.append(visible)
        assert len(list(tier.sidecars())) == visible
        if visible:
            assert contents(tier.held(KEY, packaging)) == GOOD
            with pytest.raises(BusyError):
                commit(tier, packaging)
        else:
            commit(tier, packaging)
        assert contents(tier.held(KEY, packaging)) == GOOD
        assert tier.sidecar(KEY) == sidecar(packaging)
    assert states == sorted(states)  # once visible, it stays so
    assert states.count(False) > 20


def test_a_killed_swap_leaves_the_former_bytes_or_the_good_ones(
    scenes: Path, packaging: Packaging
) -> None:
    roots = (scenes / str(number) for number in itertools.count())
    scene: list[LocalTier] = []

    def prepare() -> Callable[[], None]:
        scene[:] = [fresh(next(roots))]
        commit(scene[0], packaging, BAD)
        return lambda: swap(scene[0], packaging, "first")

    healed = []
    for _ in each_kill(prepare):
        tier = LocalTier(scene[0].root, "vault")
        found = contents(tier.held(KEY, packaging))
        assert found in (BAD, GOOD)
        healed.append(found == GOOD)
        assert tier.sidecar(KEY) is not None
        if found == GOOD:
            assert contents(tier.held_in_quarantine(KEY, packaging, "first")) == BAD
        else:
            swap(tier, packaging, "second")
            assert contents(tier.held_in_quarantine(KEY, packaging, "second")) == BAD
        assert contents(tier.held(KEY, packaging)) == GOOD
        assert tier.sidecar(KEY) == sidecar(packaging)
    assert healed == sorted(healed)
    assert healed[-1]
    assert not healed[0]


def test_a_killed_mending_leaves_each_name_its_former_octets_or_the_good_ones(
    scenes: Path,
) -> None:
    roots = (scenes / str(number) for number in itertools.count())
    scene: list[LocalTier] = []
    more = {b"data/b": b"z", b"data/c/d": b"new"}
    good, bad = {**GOOD, **more}, {**BAD, b"data/b": b"z", b"data/stranger": b"?"}

    def mend(tier: LocalTier, stamp: str) -> None:
        incoming = tier.incoming(KEY, Packaging.FOLDER)
        fill(incoming, Packaging.FOLDER, {b"data/a": good[b"data/a"]})
        (incoming.folder / "data/c").mkdir()
        (incoming.folder / "data/c/d").write_bytes(b"new")
        incoming.mend(sidecar(Packaging.FOLDER), stamp, [b"data/stranger", b"data/gone"])

    def prepare() -> Callable[[], None]:
        scene[:] = [fresh(next(roots))]
        commit(scene[0], Packaging.FOLDER, bad)
        return lambda: mend(scene[0], "first")

    steps = set()
    for _ in each_kill(prepare):
        tier = LocalTier(scene[0].root, "vault")
        found = contents(tier.held(KEY, Packaging.FOLDER))
        assert {path for path in found if path not in bad} <= {b"data/c/d"}
        assert all(data in (good.get(path), bad.get(path)) for path, data in found.items())
        assert found[b"data/b"] == b"z"
        steps.add(frozenset(found.items()))
        if found != good:
            mend(tier, "second")
        assert contents(tier.held(KEY, Packaging.FOLDER)) == good
        kept = all_quarantined(tier.root)
        assert bad[b"data/a"] in kept
        assert b"?" in kept
    assert len(steps) == 4  # nothing, the exchange, what was gone, what is not of the bag


def test_a_killed_swap_never_loses_a_sidecar(scenes: Path, packaging: Packaging) -> None:
    roots = (scenes / str(number) for number in itertools.count())
    scene: list[LocalTier] = []

    def prepare() -> Callable[[], None]:
        scene[:] = [fresh(next(roots))]
        commit(scene[0], packaging, BAD)
        (scene[0].root / KEY.sidecar).chmod(0o644)
        (scene[0].root / KEY.sidecar).write_bytes(b"{rot")
        return lambda: swap(scene[0], packaging, "first")

    for _ in each_kill(prepare):
        tier = LocalTier(scene[0].root, "vault")
        if contents(tier.held(KEY, packaging)) == GOOD:
            assert tier.sidecar(KEY) == sidecar(packaging)
        kept = [(tier.root / KEY.sidecar).read_bytes(), *all_quarantined(tier.root)]
        assert b"{rot" in kept


def test_a_killed_clearing_is_finished_by_the_next(scenes: Path, packaging: Packaging) -> None:
    roots = (scenes / str(number) for number in itertools.count())
    scene: list[LocalTier] = []

    def prepare() -> Callable[[], None]:
        scene[:] = [fresh(next(roots))]
        commit(scene[0], packaging, BAD)
        (scene[0].root / KEY.sidecar).unlink()
        return lambda: scene[0].clear_unfinished(KEY)

    for _ in each_kill(prepare):
        tier = LocalTier(scene[0].root, "vault")
        tier.clear_unfinished(KEY)
        assert not tier.exists(KEY, packaging)
        assert contents(tier.held_in_quarantine(KEY, packaging, "unfinished-1")) == BAD


def test_a_killed_making_of_a_tier_is_finished_by_the_next(scenes: Path) -> None:
    roots = (scenes / str(number) for number in itertools.count())
    scene: list[Path] = []

    def prepare() -> Callable[[], None]:
        scene[:] = [next(roots)]
        return lambda: create_tier(scene[0], "vault")

    for _ in each_kill(prepare):
        create_tier(scene[0], "vault")
        tier = LocalTier(scene[0], "vault")
        commit(tier, Packaging.FOLDER)
        assert contents(tier.held(KEY, Packaging.FOLDER)) == GOOD


def test_bytes_are_synced_before_their_name_and_the_sidecar_is_last(
    tmp_path: Path, packaging: Packaging
) -> None:
    tier = fresh(tmp_path / "tier")
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging)
    calls = trace(lambda: incoming.commit(sidecar(packaging)))
    steps = [call for call in calls if call not in ("open", "mkdir")]
    visible = steps.index("rename_exclusive")
    assert ("sync_tree" if packaging is Packaging.FOLDER else "fsync") in steps[:visible]
    after = [call for call in steps[visible + 1 :] if call != "write"]
    want = ["fsync_dir", "fsync"] * 2 + ["write_new", "fchmod", "fsync", "link", "fsync"]
    assert after == want
