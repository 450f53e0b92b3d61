"""A new replica is read back by the read that makes another one: one read, the same evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
from homes import SILENCE, Archive, Guesser
from tiers import flip

from preservation.ingest.result import DepositResult
from preservation.model.event import Event
from preservation.replication.result import ReplicaResult

TWO = {"replicas": [{"tier": name, "packaging": "folder"} for name in ("vault", "mirror")]}
TWO["minimum"] = {"replicas": 2}
FILES = {"some/7.txt": b"7", "large.bin": bytes(range(256)) * 4096, "empty.txt": b""}
MANY = FILES | {f"many/{n}.txt": b"%d" % n for n in range(300)}  # enough for helper processes
Harm = Callable[[Path], object]


@pytest.fixture(autouse=True)
def _guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)


@pytest.fixture
def two(tmp_path: Path) -> Archive:
    return Archive(tmp_path, TWO)


def taken(
    archive: Archive, harm: Harm = lambda _: None, files: Mapping[str, bytes] = FILES
) -> tuple[DepositResult, list[ReplicaResult]]:
    """Take a deposit in, its other replica made beside the first one's read-back.

    Args:
        harm: does something to the first replica's folder before it is read back.
    """
    made: list[ReplicaResult] = []
    with archive.opened() as (parts, policy):
        arrival = parts.ingest.arrive(policy, archive.put("first", files))

        def beside(policy, row, progress, lease):  # type: ignore[no-untyped-def]
            harm(archive.tier("vault") / row.key.place(row.packaging))
            weigh = partial(parts.checker.weigh, lease=lease)
            made.extend(parts.replication.read_back(policy, row, progress, weigh))

        return parts.ingest.take(policy, arrival, SILENCE, beside=beside), made


def checks(archive: Archive, tier: str) -> list[Event]:
    return [e for e in archive.events() if e.type.value == "fixity check" and e.tier == tier]


def test_one_read_verifies_the_first_replica_and_makes_the_other(two: Archive) -> None:
    result, made = taken(two, files=MANY)
    assert [(one.tier, one.state) for one in result.replicas] == [("vault", "verified")]
    assert [(one.tier, one.state, one.source) for one in made] == [("mirror", "verified", "vault")]
    two.audit("vault")
    beside, alone = checks(two, "vault")
    same = ("level", "algorithms", "files", "cache_bypassed", "server_cache", "result")
    assert {key: beside.detail[key] for key in same} == {key: alone.detail[key] for key in same}
    assert beside.detail["bytes_read"] == alone.detail["bytes_read"]
    assert len(checks(two, "mirror")) == 1


@pytest.mark.parametrize(
    "harm",
    [
        lambda bag: flip(bag / "data/some/7.txt"),
        lambda bag: flip(bag / "data/large.bin", 5000),
        lambda bag: flip(bag / "metadata/tree.csv"),
        lambda bag: (bag / "data/empty.txt").unlink(),
    ],
)
def test_what_reads_back_otherwise_is_damage_and_makes_no_other(two: Archive, harm: Harm) -> None:
    result, made = taken(two, harm)
    assert [one.state for one in result.replicas] == ["damaged"]
    assert [one.state for one in made] == ["not made"]
    assert [event.outcome for event in checks(two, "vault")] != ["intact"]
    assert two.unfinished() == []


def test_a_stranger_makes_the_first_replica_altered_as_in_any_check(two: Archive) -> None:
    result, made = taken(two, lambda bag: (bag / "data/stranger").write_bytes(b"?"))
    assert [one.state for one in result.replicas] == ["damaged"]
    assert [event.outcome for event in checks(two, "vault")] == ["altered"]
    assert [one.state for one in made] == ["verified"]  # of listed files alone, each verified
    assert two.audit("mirror").outcomes["intact"] == 1


def test_where_the_other_tier_is_away_the_first_replica_is_read_back_as_ever(two: Archive) -> None:
    two.tier("mirror").rename(two.home / "away")
    result, made = taken(two)
    assert [one.state for one in result.replicas] == ["verified"]
    assert [one.state for one in made] == ["not now"]


def test_where_a_tar_is_promised_too_nothing_is_made_beside(archive: Archive) -> None:
    result, made = taken(archive)
    assert [one.state for one in result.replicas] == ["verified"]
    assert made == []


def test_what_was_verified_is_not_read_again(two: Archive) -> None:
    taken(two)
    assert two.replicate() == []
