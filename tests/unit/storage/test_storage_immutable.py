"""The immutable flag: obeyed where the file system has it and we may set it, told where not."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiers import BAD, GOOD, KEY, contents, fill, sidecar

from preservation.errors import TierUnavailableError
from preservation.model.replica import Packaging
from preservation.storage import probe
from preservation.storage.immutable import clear_immutable, is_immutable, set_immutable
from preservation.storage.local import LocalTier, create_tier


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    tried = tmp_path / "tried"
    tried.write_bytes(b"x")
    try:
        set_immutable(tried)
    except OSError as error:
        pytest.skip(f"no immutable flag here: {error.strerror}")
    clear_immutable(tried)
    tried.unlink()
    create_tier(tmp_path / "vault", "vault")
    yield tmp_path / "vault"
    clear_immutable(tmp_path / "vault")
    shutil.rmtree(tmp_path / "vault")


@pytest.fixture(params=list(Packaging), ids=lambda packaging: packaging.value)
def packaging(request: pytest.FixtureRequest) -> Packaging:
    return Packaging(request.param)


def commit(tier: LocalTier, packaging: Packaging, files: dict[bytes, bytes] = GOOD) -> None:
    incoming = tier.incoming(KEY, packaging)
    fill(incoming, packaging, files)
    incoming.commit(sidecar(packaging, files))


def test_not_even_root_changes_a_replica(root: Path, packaging: Packaging) -> None:
    tier = LocalTier(root, "vault", immutable=True)
    commit(tier, packaging)
    assert tier.guarded(KEY) is True
    place = root / KEY.place(packaging)
    file = place / "data/a" if packaging is Packaging.FOLDER else place
    for act in (
        lambda: file.write_bytes(b"z"),
        file.unlink,
        lambda: place.rename(root / "away"),
        (root / KEY.sidecar).unlink,
    ):
        with pytest.raises(PermissionError):
            act()
    assert contents(tier.held(KEY, packaging)) == GOOD


def test_a_repair_takes_it_off_and_sets_it_again(root: Path, packaging: Packaging) -> None:
    tier = LocalTier(root, "vault", immutable=True)
    commit(tier, packaging, BAD)
    incoming = tier.incoming(KEY, packaging, replacing=True)
    fill(incoming, packaging)
    incoming.swap(sidecar(packaging), "stamp")
    assert contents(tier.held(KEY, packaging)) == GOOD
    assert contents(tier.held_in_quarantine(KEY, packaging, "stamp")) == BAD
    assert tier.guarded(KEY) is True
    assert not is_immutable(root / ".quarantine" / "stamp" / KEY.place(packaging))


def test_a_disposal_takes_it_off(root: Path, packaging: Packaging) -> None:
    tier = LocalTier(root, "vault", immutable=True)
    commit(tier, packaging)
    assert tier.remove(KEY).left == ()
    assert not tier.exists(KEY, packaging)


def test_what_lay_there_before_is_seen_and_can_be_protected(
    root: Path, packaging: Packaging
) -> None:
    commit(LocalTier(root, "vault"), packaging)
    assert LocalTier(root, "vault").guarded(KEY) is None
    tier = LocalTier(root, "vault", immutable=True)
    assert tier.guarded(KEY) is False
    tier.guard(KEY)
    assert tier.guarded(KEY) is True


def test_where_it_can_not_be_set_nothing_is_written(
    root: Path, packaging: Packaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, "no such flag")

    monkeypatch.setattr(probe, "set_immutable", refused)
    tier = LocalTier(root, "vault", immutable=True)
    assert [one.holds for one in tier.prove() if "immutable" in one.what] == [False]
    with pytest.raises(TierUnavailableError, match="immutable") as told:
        tier.incoming(KEY, packaging)
    assert "immutable: off" in told.value.hint
    LocalTier(root, "vault").incoming(KEY, packaging).discard()  # nothing was declared
