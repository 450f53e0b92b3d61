"""Later identifications reach files of replicas that are no folders: fetched, and verified."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from homes import COMMUNITY, SILENCE, Archive, Guesser

from preservation.app.holdings import inventory_of, review_of
from preservation.audit import review_reach
from preservation.audit.format_review import Reviewed
from preservation.model.identification import Basis, Identification, Toolchain
from preservation.model.replica import Packaging

FILES = {f"{number}/{number}.dat": bytes([number]) * 9 for number in range(1, 6)}


class Newer(Guesser):
    """Tools of a later release, for which a .dat file is something."""

    toolchain = Toolchain("1", "newer", "")

    def identify(
        self, root: Path, paths: Sequence[bytes], digests: object = None, patience: object = None
    ) -> list[Identification]:
        super().identify(root, paths)
        return [Identification("fmt/9999", "Data", basis=Basis.SIGNATURE) for _ in paths]


@pytest.fixture
def tarred(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """One AIP version that is verified on two tiers; its only folder is out of reach."""
    archive.ingest(archive.put("one", FILES))
    archive.replicate()
    with archive.opened() as (parts, _):
        inventory_of(parts).refresh(COMMUNITY, SILENCE)
        held = list(parts.catalogue.replicas(COMMUNITY))
        tars = [one.tier for one in held if one.packaging is Packaging.TAR]
        assert tars
        for one in held:
            if one.packaging is Packaging.FOLDER:
                archive.tier(one.tier).rename(archive.home / f"away-{one.tier}")
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Newer)
    return archive


def reviewed(archive: Archive) -> list[Reviewed]:
    with archive.opened() as (parts, policy):
        watch = review_of(parts)
        return [watch.review(policy, one, SILENCE) for one in watch.plan(COMMUNITY)]


def test_files_of_a_tar_are_looked_at_again(tarred: Archive) -> None:
    (one,) = reviewed(tarred)
    assert (one.state, one.looked_at, one.changed, one.unchecked) == ("changed", 5, 5, 0)
    assert not list((tarred.home / "scratch").glob("review-*"))


def test_they_are_fetched_a_bounded_number_at_a_time(
    tarred: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_reach, "FETCHED", 2)
    lain: list[int] = []
    before = Newer.identify

    def count(self: Newer, root: Path, *asked: object, **how: object) -> list[Identification]:
        lain.append(sum(path.is_file() for path in root.rglob("*")))
        return before(self, root, *asked, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Newer, "identify", count)
    (one,) = reviewed(tarred)
    assert (one.state, one.changed, lain) == ("changed", 5, [2, 2, 1])


def test_a_version_that_nobody_gives_is_left_for_later(tarred: Archive) -> None:
    for name in ("vault", "mirror", "deep"):
        shutil.rmtree(tarred.tier(name), ignore_errors=True)
    (one,) = reviewed(tarred)
    assert one.state == "not now"
    assert "no replica can be read now" in one.reason
