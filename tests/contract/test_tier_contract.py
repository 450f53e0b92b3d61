"""What every tier promises, whatever it is made of. See ``preservation.storage.tier``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiers import BAD, GOOD, KEY, contents, fill, sidecar

from preservation.errors import (
    BusyError,
    MalformedError,
    NoSpaceError,
    SamarkandError,
    TierUnavailableError,
)
from preservation.model.finding import Finding
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.local import LocalTier, create_tier
from preservation.storage.tier import Tier

MEMORY = Path("/dev/shm")
PLACES = ["disk", *(["memory"] if os.access(MEMORY, os.W_OK) else [])]
OTHER = VersionKey("field-notes", "ffffffff-0000-4000-8000-000000000000", 12)


@pytest.fixture(params=PLACES)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    place = tmp_path if request.param == "disk" else Path(tempfile.mkdtemp(dir=MEMORY))
    create_tier(place / "tier", "vault")
    yield place / "tier"
    if request.param == "memory":
        shutil.rmtree(place)


@pytest.fixture
def tier(root: Path) -> Tier:
    return LocalTier(root, "vault")


@pytest.fixture(params=list(Packaging), ids=lambda packaging: packaging.value)
def packaging(request: pytest.FixtureRequest) -> Packaging:
    return Packaging(request.param)


def commit(tier: Tier, packaging: Packaging, files: dict[bytes, bytes] = GOOD) -> None:
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging, files)
    incoming.commit(sidecar(packaging, files))


def test_nothing_is_visible_before_the_commit(tier: Tier, packaging: Packaging) -> None:
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging)
    incoming.settle()
    assert contents(incoming.held()) == GOOD
    assert not tier.exists(KEY, packaging)
    assert tier.sidecar(KEY) is None
    assert list(tier.sidecars()) == []


def test_what_was_committed_is_there_as_it_was_written(tier: Tier, packaging: Packaging) -> None:
    commit(tier, packaging)
    assert tier.exists(KEY, packaging)
    assert contents(tier.held(KEY, packaging)) == GOOD
    assert tier.sidecar(KEY) == sidecar(packaging)
    assert list(tier.sidecars()) == [sidecar(packaging)]


def test_a_second_commit_is_refused_and_changes_nothing(tier: Tier, packaging: Packaging) -> None:
    commit(tier, packaging)
    for other in Packaging:
        with pytest.raises(BusyError) as refused:
            commit(tier, other, BAD)
        assert refused.value.code == "TIER-OCCUPIED"
    assert contents(tier.held(KEY, packaging)) == GOOD
    assert list(tier.sidecars()) == [sidecar(packaging)]


def test_a_new_writer_begins_with_nothing(tier: Tier, packaging: Packaging) -> None:
    fill(tier.incoming(KEY, packaging), packaging, {**BAD, b"data/left-over": b"z"})
    commit(tier, packaging)
    assert contents(tier.held(KEY, packaging)) == GOOD


def test_what_is_discarded_leaves_nothing_and_spares_the_rest(
    tier: Tier, packaging: Packaging
) -> None:
    commit(tier, packaging)
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging, BAD)
    incoming.discard()
    incoming.discard()
    assert contents(tier.held(KEY, packaging)) == GOOD


def test_a_swap_puts_the_former_bytes_into_quarantine(tier: Tier, packaging: Packaging) -> None:
    commit(tier, packaging, BAD)
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging)
    place = incoming.swap(sidecar(packaging), "20261122T070000-1")
    assert contents(tier.held(KEY, packaging)) == GOOD
    assert tier.sidecar(KEY) == sidecar(packaging)
    assert place == tier.quarantined(KEY, packaging, "20261122T070000-1") != ""
    assert contents(tier.held_in_quarantine(KEY, packaging, "20261122T070000-1")) == BAD
    assert list(tier.sidecars()) == [sidecar(packaging)]


@pytest.mark.parametrize("bytes_gone", [False, True])
@pytest.mark.parametrize("sidecar_gone", [False, True])
def test_a_swap_works_whatever_is_left(
    tier: Tier, root: Path, packaging: Packaging, bytes_gone: bool, sidecar_gone: bool
) -> None:
    commit(tier, packaging, BAD)
    lost = root / "lost"
    if bytes_gone:
        (root / KEY.place(packaging)).rename(lost)
    if sidecar_gone:
        (root / KEY.sidecar).unlink()
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging)
    place = incoming.swap(sidecar(packaging), "now")
    assert bool(place) is not bytes_gone
    assert place == tier.quarantined(KEY, packaging, "now")
    assert contents(tier.held(KEY, packaging)) == GOOD
    assert tier.sidecar(KEY) == sidecar(packaging)


def test_a_swap_mends_a_sidecar_and_keeps_the_former_one(
    tier: Tier, root: Path, packaging: Packaging
) -> None:
    commit(tier, packaging)
    (root / KEY.sidecar).chmod(0o644)
    (root / KEY.sidecar).write_bytes(b"{rot")
    with pytest.raises(MalformedError):
        tier.sidecar(KEY)
    assert [type(found) for found in tier.sidecars()] == [Finding]
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging)
    incoming.swap(sidecar(packaging), "now")
    assert tier.sidecar(KEY) == sidecar(packaging)
    assert (root / ".quarantine" / "now" / KEY.sidecar).read_bytes() == b"{rot"


def test_a_swap_may_change_the_packaging(tier: Tier, packaging: Packaging) -> None:
    (other,) = set(Packaging) - {packaging}
    commit(tier, other, BAD)
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging)
    place = incoming.swap(sidecar(packaging), "now")
    assert place == tier.quarantined(KEY, other, "now") != ""
    assert not tier.exists(KEY, other)
    assert contents(tier.held(KEY, packaging)) == GOOD


def test_the_same_stamp_is_never_used_twice(tier: Tier, packaging: Packaging) -> None:
    commit(tier, packaging, BAD)
    for files, refused in ((GOOD, False), (BAD, True)):
        incoming = tier.incoming(KEY, packaging)
        fill(incoming, packaging, files)
        if refused:
            with pytest.raises(BusyError):
                incoming.swap(sidecar(packaging), "now")
        else:
            incoming.swap(sidecar(packaging), "now")
    assert contents(tier.held(KEY, packaging)) == GOOD
    assert contents(tier.held_in_quarantine(KEY, packaging, "now")) == BAD


def test_unfinished_bytes_are_set_aside_not_removed(
    tier: Tier, root: Path, packaging: Packaging
) -> None:
    for number, files in enumerate((BAD, GOOD), 1):
        commit(tier, packaging, files)
        (root / KEY.sidecar).unlink()
        tier.clear_unfinished(KEY)
        assert not tier.exists(KEY, packaging)
        aside = tier.held_in_quarantine(KEY, packaging, f"unfinished-{number}")
        assert contents(aside) == files


def test_a_replica_is_not_unfinished(tier: Tier, packaging: Packaging) -> None:
    commit(tier, packaging)
    tier.clear_unfinished(KEY)
    assert contents(tier.held(KEY, packaging)) == GOOD


def test_a_sidecar_of_another_version_is_refused(tier: Tier, packaging: Packaging) -> None:
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging)
    with pytest.raises(SamarkandError):
        incoming.commit(sidecar(packaging, key=OTHER))
    assert not tier.exists(KEY, packaging)


def test_versions_and_communities_lie_apart(tier: Tier, packaging: Packaging) -> None:
    second = VersionKey(KEY.community, KEY.aip, 2)
    want = []
    for key in (KEY, second, OTHER):
        incoming = tier.incoming(key, Packaging.FOLDER)
        fill(incoming, Packaging.FOLDER)
        incoming.commit(sidecar(Packaging.FOLDER, key=key))
        want.append(sidecar(Packaging.FOLDER, key=key))
    assert sorted(tier.sidecars(), key=lambda s: s.key) == sorted(want, key=lambda s: s.key)  # type: ignore[union-attr]


def test_more_than_is_free_is_refused_before_a_byte_is_written(
    tier: Tier, packaging: Packaging
) -> None:
    with pytest.raises(NoSpaceError):
        tier.incoming(KEY, packaging, octets=1 << 62)


def test_kept_documents_come_back_in_order(tier: Tier) -> None:
    for name in ("journal/2027/1.jsonl", "journal/2026/2.jsonl", "journal/2026/10.jsonl", "policy"):
        tier.keep(name, name.encode())
    want = ["journal/2026/10.jsonl", "journal/2026/2.jsonl", "journal/2027/1.jsonl"]
    assert list(tier.kept("journal/")) == [(name, name.encode()) for name in want]
    assert list(tier.kept_names("journal/2026/1")) == want[:1]
    assert list(tier.kept_names("nothing/there")) == []


def test_a_kept_document_is_never_replaced(tier: Tier) -> None:
    tier.keep("policy", b"one")
    tier.keep("policy", b"one")
    with pytest.raises(SamarkandError) as refused:
        tier.keep("policy", b"two")
    assert refused.value.code == "TIER-KEPT-DIFFERS"
    assert list(tier.kept("")) == [("policy", b"one")]


@pytest.mark.parametrize("name", ["", "/x", "../x", "a/../b", "a//b", ".hidden", "a/", "\n"])
def test_a_document_stays_inside(tier: Tier, name: str) -> None:
    with pytest.raises(MalformedError):
        tier.keep(name, b"x")


@pytest.mark.parametrize(
    "marker", [None, b"", b"{}", b'{"id":"mirror","schema":"samarkand.tier/1"}', b"\xff"]
)
def test_without_its_marker_a_tier_says_nothing_and_writes_nothing(
    tier: Tier, root: Path, packaging: Packaging, marker: bytes | None
) -> None:
    commit(tier, packaging)
    begun = tier.incoming(KEY, packaging)
    fill(begun, packaging)
    (root / "samarkand-tier.json").unlink()
    if marker is not None:
        (root / "samarkand-tier.json").write_bytes(marker)
    before = sorted(root.rglob("*"))
    for act in (
        tier.check,
        tier.observe,
        lambda: tier.incoming(KEY, packaging),
        lambda: tier.sidecar(KEY),
        lambda: tier.exists(OTHER, packaging),
        lambda: tier.held(KEY, packaging),
        lambda: tier.clear_unfinished(KEY),
        lambda: list(tier.sidecars()),
        lambda: tier.keep("x", b"x"),
        lambda: list(tier.kept("")),
        lambda: list(tier.kept_names("")),
        lambda: tier.quarantined(KEY, packaging, "now"),
        lambda: tier.held_in_quarantine(KEY, packaging, "now"),
        lambda: begun.commit(sidecar(packaging)),
        lambda: begun.swap(sidecar(packaging), "now"),
    ):
        with pytest.raises(TierUnavailableError):
            act()
    assert sorted(root.rglob("*")) == before


def test_a_link_in_a_replicas_place_is_not_the_replica(
    tier: Tier, root: Path, packaging: Packaging
) -> None:
    commit(tier, packaging)
    place = root / KEY.place(packaging)
    place.rename(root / "elsewhere")
    place.symlink_to(root / "elsewhere")
    assert not tier.exists(KEY, packaging)


def test_strange_things_on_a_tier_hide_no_sidecar(
    tier: Tier, root: Path, packaging: Packaging
) -> None:
    commit(tier, packaging)
    os.mkfifo(root / "fifo-community")
    (root / "lost+found").mkdir()
    (root / KEY.community / "zz").mkdir()
    (root / KEY.community / "aa").symlink_to(root)
    (root / KEY.folder / "v2.seal.json").symlink_to(root / KEY.sidecar)
    os.mkfifo(root / KEY.folder / "v3.seal.json")
    (root / os.fsdecode(b"\xff")).mkdir()
    shutil.copy(root / KEY.sidecar, root / KEY.folder / "v4.seal.json")
    found = list(tier.sidecars())
    assert [one for one in found if not isinstance(one, Finding)] == [sidecar(packaging)]
    told = {one.subject.rpartition("/")[2] for one in found if isinstance(one, Finding)}
    assert {"aa", "v2.seal.json", "v3.seal.json", "v4.seal.json"} <= told
