"""Damage that SHA-256 alone can't show is not explained away by a check of SHA-256 alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from homes import SILENCE, Archive, only

from preservation.audit.check import Checker
from preservation.bags import sealed
from preservation.model.digest import Algorithm
from preservation.model.event import EventType
from preservation.model.outcome import Outcome
from preservation.storage.incoming import LocalIncoming

FILE = b"data/3.bin"
GOOD, OTHER = bytes([3]) * 5000, b"x" * 5000


@pytest.fixture
def archive(ground: Any, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """A file with other bytes that have, as it were, the same SHA-256; a check of all digests
    has found it.
    """
    really = sealed.verify

    def colliding(
        *held: Any, algorithms: Sequence[Algorithm] = (Algorithm.SHA256,), **rest: Any
    ) -> sealed.Verification:
        seen = really(*held, algorithms=algorithms, **rest)
        if Algorithm.SHA512 in algorithms or [one.path for one in seen.files] != [FILE]:
            return seen
        counts = {Outcome.INTACT: sum(seen.counts.values())}
        return replace(seen, outcome=Outcome.INTACT, counts=counts, files=())

    monkeypatch.setattr(sealed, "verify", colliding)
    rule = {"level": "E3", "max_age": "90d", "all_digests": "200d"}
    archive = Archive(ground, {"audit": {"tiers": {"vault": rule}}})
    made = archive.ingest(archive.put("one", {f"{n}.bin": bytes([n]) * 5000 for n in range(8)}))
    archive.replicate()
    place = archive.bag(made) / FILE.decode()
    place.chmod(0o644)
    place.write_bytes(OTHER)
    for days, outcome in ((60, "intact"), (60, "altered")):
        archive.clock.at += timedelta(days=days)
        assert archive.audit("vault").outcomes[outcome] == 1
    return archive


def test_a_policy_that_compares_fewer_does_not_close_the_finding(archive: Archive) -> None:
    with archive.opened() as (parts, policy):
        rule = replace(policy.audit.tiers["vault"], all_digests=timedelta(0))
        fewer = replace(policy, audit=replace(policy.audit, tiers={"vault": rule}))
        shard = only(parts.audit.plan(fewer, tier="vault", everything=True))
        assert parts.audit.run(fewer, shard, SILENCE).outcomes["altered"] == 1
        assert only(parts.catalogue.findings(state="open")).code == "FIX-ALTERED"


def test_a_repair_is_not_believed_before_all_digests_were_compared(archive: Archive) -> None:
    assert only(archive.repair()).state == "repaired"
    assert only(archive.tier("vault").glob("notes/**/v1/data/3.bin")).read_bytes() == GOOD
    last = [one for one in archive.events() if one.type is EventType.FIXITY_CHECK][-1]
    assert (last.outcome, last.detail["algorithms"]) == ("intact", ["sha256", "sha512"])


def test_a_killed_repair_is_not_taken_for_one_that_was_done(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as once:
        once.setattr(LocalIncoming, "mend", _killed)
        with pytest.raises(KeyboardInterrupt):
            archive.repair()
    assert only(archive.repair()).state == "repaired"
    assert archive.told()["recovery", "success", "vault"] == 1
    assert only(archive.tier("vault").glob("notes/**/v1/data/3.bin")).read_bytes() == GOOD


def test_what_a_killed_repair_left_is_compared_by_all_digests_before_the_finding_closes(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as once:
        once.setattr(Checker, "check", _before_the_second(Checker.check))
        with pytest.raises(KeyboardInterrupt):
            archive.repair()
    assert archive.told()["recovery", "success", "vault"] == 1
    check = only(archive.audit("vault").checks)
    assert check.algorithms == ("sha256", "sha512")
    with archive.opened() as (parts, _):
        assert list(parts.catalogue.findings(state="open")) == []


def _killed(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def _before_the_second(check: Callable[..., Any]) -> Callable[..., Any]:
    calls = iter([check])

    def once(*asked: Any, **more: Any) -> Any:
        return next(calls, _killed)(*asked, **more)

    return once
