"""The rehearsal that operators run: every real tier passes it, a harmful one doesn't."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from buckets import SERVERS, Server, serving
from tiers import LostReplyTier, RottingTier

from preservation.model.replica import Packaging
from preservation.storage.local import LocalTier, create_tier
from preservation.storage.rehearsal import COMMUNITY, rehearse
from preservation.storage.tier import Tier


@pytest.fixture(scope="module", params=[*SERVERS, "ministack"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as running:
        yield running


def passes(tier: Tier) -> list[str]:
    """What didn't hold; afterwards nothing of it is left."""
    with tier.rehearsal() as inner:
        proofs = list(rehearse(inner))
    assert proofs
    assert COMMUNITY not in tier.communities()
    assert list(tier.unfinished()) == []
    return [one.what for one in proofs if not one.holds]


def test_a_folder_keeps_every_promise(tmp_path: Path) -> None:
    create_tier(tmp_path / "vault", "vault")
    tier = LocalTier(tmp_path / "vault", "vault")
    before = sorted(tmp_path.rglob("*"))
    assert passes(tier) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bucket_keeps_every_promise(server: Server) -> None:
    assert passes(server.tier("bucket", f"p-{uuid.uuid4().hex[:8]}")) == []


@pytest.mark.parametrize("harmful", [LostReplyTier, RottingTier])
def test_a_harmful_tier_is_found_out(tmp_path: Path, harmful: type[LocalTier]) -> None:
    class Harmful(harmful):
        packagings = (Packaging.FOLDER,)

        @contextmanager
        def rehearsal(self) -> Iterator[Tier]:
            yield self

    create_tier(tmp_path / "vault", "vault")
    with Harmful(tmp_path / "vault", "vault").rehearsal() as tier:
        assert [one.what for one in rehearse(tier) if not one.holds]


def test_what_a_service_only_claims_is_found_out(server: Server) -> None:
    tier = server.tier("bucket", f"p-{uuid.uuid4().hex[:8]}")
    seen = {one.what: one.holds for one in tier.prove()}
    assert all(one.holds for one in tier.prove() if one.needed)
    conditional = server.kind != "rclone"
    assert seen["refuses to overwrite when it is told to create"] is conditional
    assert seen["refuses to replace another object than the one named"] is conditional
    refuses = server.kind == "ministack"
    assert seen["refuses octets that do not have the SHA-256 they came with"] is refuses
    assert list(tier.unfinished()) == []
