"""What every tier promises of a removal: tombstone, everything of the version, nothing else."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from buckets import KEYS, SERVERS, Server, serving
from killing import each_kill
from tiers import BAD, GOOD, KEY, fill, sidecar

from preservation.errors import SamarkandError, TierUnavailableError
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.listing import versions
from preservation.storage.local import LocalTier, create_tier
from preservation.storage.s3.opening import open_s3_tier
from preservation.storage.s3.tier import make_s3_tier
from preservation.storage.tier import Tier

TENTH = VersionKey(KEY.community, KEY.aip, 10)
STONE = b'{"schema":"samarkand.tombstone/1"}\n'


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(serving(kind)) for kind in SERVERS}


@pytest.fixture(params=["folder", *SERVERS])
def tier(request: pytest.FixtureRequest, tmp_path: Path, servers: dict[str, Server]) -> Tier:
    if request.param == "folder":
        create_tier(tmp_path / "tier", "vault")
        return LocalTier(tmp_path / "tier", "vault")
    return servers[request.param].tier("bucket", f"p-{uuid.uuid4().hex[:8]}")


def write(tier: Tier, key: VersionKey = KEY, files: dict[bytes, bytes] = GOOD) -> None:
    incoming = tier.incoming(key, tier.packagings[-1])
    fill(incoming, tier.packagings[-1], files)
    incoming.commit(sidecar(tier.packagings[-1], files, key))


def replaced(tier: Tier) -> None:
    """A replica with a past: damaged once, and repaired."""
    write(tier, files=BAD)
    incoming = tier.incoming(KEY, tier.packagings[-1])
    fill(incoming, tier.packagings[-1], GOOD)
    incoming.swap(sidecar(tier.packagings[-1]), "20261122T070000-1")


def test_all_of_the_version_goes_and_nothing_else(tier: Tier) -> None:
    replaced(tier)
    write(tier, TENTH)
    assert len(tier.remains(KEY)) >= 3
    assert tier.remains(KEY)[0] == KEY.sidecar

    removed = tier.remove(KEY)

    assert removed.left == ()
    assert tier.remains(KEY) == ()
    assert tier.sidecar(KEY) is None
    assert not tier.exists(KEY, tier.packagings[-1])
    assert tier.exists(TENTH, tier.packagings[-1])
    assert tier.sidecar(TENTH) is not None
    assert tier.remove(KEY).left == ()


def test_the_tombstone_stays_and_is_written_once(tier: Tier) -> None:
    write(tier)
    tier.tombstone(KEY, STONE)
    tier.tombstone(KEY, STONE)
    with pytest.raises(SamarkandError) as refused:
        tier.tombstone(KEY, b"{}\n")
    assert refused.value.code == "TIER-KEPT-DIFFERS"

    assert tier.remove(KEY).left == ()

    assert tier.tombstoned(KEY) == STONE
    assert tier.tombstoned(TENTH) is None
    assert json.loads(tier.tombstoned(KEY) or b"")["schema"] == "samarkand.tombstone/1"
    (lying,) = tier.lying(KEY.community, KEY.aip)
    assert versions(lying) == ({}, [])


def test_what_was_begun_and_never_shown_goes_too(tier: Tier) -> None:
    incoming = tier.incoming(KEY, tier.packagings[-1])
    fill(incoming, tier.packagings[-1])
    incoming.settle()
    assert tier.remains(KEY)

    assert tier.remove(KEY).left == ()
    assert list(tier.unfinished()) == []


def test_a_folder_that_is_a_link_says_nothing_is_known(tmp_path: Path) -> None:
    create_tier(tmp_path / "tier", "vault")
    tier = LocalTier(tmp_path / "tier", "vault")
    write(tier)
    folder = tmp_path / "tier" / KEY.folder
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")

    for act in (tier.remains, tier.remove):
        with pytest.raises(TierUnavailableError):
            act(KEY)
    assert (tmp_path / "elsewhere" / "v1.tar").exists()


def test_without_its_marker_nothing_is_removed(tmp_path: Path) -> None:
    create_tier(tmp_path / "tier", "vault")
    tier = LocalTier(tmp_path / "tier", "vault")
    write(tier)
    (tmp_path / "tier" / "samarkand-tier.json").unlink()
    for act in (lambda: tier.remove(KEY), lambda: tier.tombstone(KEY, STONE)):
        with pytest.raises(TierUnavailableError):
            act()
    assert (tmp_path / "tier" / KEY.sidecar).exists()


def test_killed_at_every_write_it_is_finished_by_the_next_run(scenes: Path) -> None:
    numbers = iter(range(1000))
    tiers: list[LocalTier] = []

    def prepare():
        root = scenes / str(next(numbers))
        create_tier(root, "vault")
        tiers.append(LocalTier(root, "vault"))
        incoming = tiers[-1].incoming(KEY, Packaging.FOLDER)
        fill(incoming, Packaging.FOLDER, GOOD)
        incoming.commit(sidecar(Packaging.FOLDER))
        return lambda: tiers[-1].remove(KEY)

    for point in each_kill(prepare):
        tier = tiers[-1]
        if point > 2 and os.path.lexists(tier.root / KEY.sidecar):
            assert (tier.root / KEY.place(Packaging.FOLDER) / "data" / "a").exists()
        assert tier.remove(KEY).left == ()


def test_former_versions_of_objects_and_markers_go_and_a_lock_is_told(
    servers: dict[str, Server],
) -> None:
    server = servers["moto"]
    client = server.client()
    client.create_bucket(Bucket="versioned", ObjectLockEnabledForBucket=True)
    spec = server.spec("bucket", "p", bucket="versioned")
    make_s3_tier(spec, KEYS)
    tier = open_s3_tier(spec, KEYS)
    write(tier)
    name = f"p/{KEY.place(Packaging.TAR)}"
    client.delete_object(Bucket="versioned", Key=name)  # hides it, and leaves a marker
    client.put_object(Bucket="versioned", Key=name, Body=b"something later")
    locked = client.list_object_versions(Bucket="versioned", Prefix=name)["Versions"][0]
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    about = {"Bucket": "versioned", "Key": name, "VersionId": locked["VersionId"]}
    client.put_object_retention(**about, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})

    removed = tier.remove(KEY)

    assert removed.left == (KEY.place(Packaging.TAR),)
    assert removed.until == until
    assert "locked" in removed.reason
    client.delete_object(**about, BypassGovernanceRetention=True)
    assert tier.remove(KEY).left == ()
    left = client.list_object_versions(Bucket="versioned", Prefix=f"p/{KEY.folder}")
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
