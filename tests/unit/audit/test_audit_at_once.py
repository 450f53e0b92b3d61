"""Several replicas are read at a time, and nothing of what is recorded is other than one by one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import COMMUNITY, SILENCE, Archive, only
from tiers import flip

from preservation.app.parts import open_home
from preservation.audit import service
from preservation.audit.check import Checker
from preservation.audit.readers import Readers, cores
from preservation.audit.service import AuditResult
from preservation.bags import sealed, verify_folder
from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import NotNowError, TierUnavailableError
from preservation.fixity.rate import RateLimit
from preservation.model.check import CheckResult
from preservation.model.event import Event
from preservation.model.progress import Progress
from preservation.policy.policy import Policy

AIPS = 5
Verify = Callable[..., sealed.Verification]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    archive = Archive(tmp_path_factory.mktemp("kept"))
    for number in range(AIPS):
        archive.ingest(archive.put(str(number), {"a.bin": bytes([number]) * 3000}))
    return archive


@pytest.fixture
def five(kept: Archive, tmp_path: Path) -> Archive:
    return kept.copied_to(tmp_path)


def at_once(policy: Policy, how_many: int) -> Policy:
    spec = replace(policy.tiers["vault"], checks_at_once=how_many)
    return replace(policy, tiers={**policy.tiers, "vault": spec})


def audited(archive: Archive, how_many: int = 2, progress: Progress = SILENCE) -> AuditResult:
    with archive.opened() as (parts, policy):
        shard = only(parts.audit.plan(policy, tier="vault", everything=True))
        return parts.audit.run(at_once(policy, how_many), shard, progress)


def before_reading(monkeypatch: pytest.MonkeyPatch, do: Callable[[Path], object]) -> None:
    """Let something happen in the thread of each reading, before it begins."""
    verify = sealed.verify

    def patched(held: Any, *rest: Any, **named: Any) -> sealed.Verification:
        do(held.path)
        return verify(held, *rest, **named)

    monkeypatch.setattr("preservation.audit.check.sealed.verify", patched)


def test_as_many_are_read_at_a_time_as_the_tier_says(
    five: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, most, lock = set[int](), [0], threading.Lock()
    two = threading.Event()

    def met(_path: Path) -> None:
        with lock:
            at_work.add(threading.get_ident())
            most[0] = max(most[0], len(at_work))
            if len(at_work) == 2:
                two.set()
        assert two.wait(10)
        with lock:
            at_work.discard(threading.get_ident())

    before_reading(monkeypatch, met)
    assert audited(five, 2).outcomes["intact"] == AIPS
    assert most == [2]


def test_one_thread_records_and_the_results_stand_in_the_order_of_the_plan(
    five: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[tuple[int, str]] = []
    others = threading.Event()
    with five.opened() as (parts, policy):
        shard = only(parts.audit.plan(policy, tier="vault", everything=True))
        first, record = shard.keys[0], parts.catalogue.record

        def noting(events: list[Event], *rest: Any) -> None:
            record(events, *rest)
            recorded.append((threading.get_ident(), events[0].aip))
            if len(recorded) == AIPS - 1:
                others.set()

        def the_first_ends_last(path: Path) -> None:
            if path.parent.name == first.aip:
                assert others.wait(10)

        before_reading(monkeypatch, the_first_ends_last)
        monkeypatch.setattr(parts.catalogue, "record", noting)
        result = parts.audit.run(at_once(policy, 2), shard, SILENCE)
    assert [one.key for one in result.checks] == shard.keys
    assert {thread for thread, _ in recorded} == {threading.get_ident()}
    assert [aip for _, aip in recorded][-1] == first.aip


def test_damage_of_one_is_told_and_the_others_are_intact(five: Archive) -> None:
    bag = sorted(five.tier("vault").glob(f"{COMMUNITY}/*/*/*/v1"))[2]
    flip(bag / "data/a.bin")
    result = audited(five, 3)
    assert (result.outcomes["altered"], result.outcomes["intact"]) == (1, AIPS - 1)
    assert [one.code for one in result.findings] == ["FIX-ALTERED"]
    with five.opened() as (parts, _):
        assert only(parts.catalogue.findings(state="open")).aip == bag.parent.name


def test_a_tier_that_fails_under_one_leaves_it_unchecked_and_nothing_else(
    five: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Path] = []

    def fails(path: Path) -> None:
        begun.append(path)
        if len(begun) == 2:
            raise TierUnavailableError("the cable is out")

    before_reading(monkeypatch, fails)
    result = audited(five, 2)
    assert (result.checked, result.outcomes["unchecked"]) == (AIPS - 1, 1)
    assert only(result.findings).code == "FIX-UNCHECKED"


def test_what_was_recorded_before_an_error_stays_and_no_lease_is_left(
    five: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Path] = []

    def breaks(path: Path) -> None:
        begun.append(path)
        if len(begun) == 4:
            raise RuntimeError("a mistake of ours")

    with monkeypatch.context() as broken:
        before_reading(broken, breaks)
        with five.opened() as (parts, policy):
            shard = only(parts.audit.plan(policy, tier="vault", everything=True))
            with pytest.raises(RuntimeError, match="of ours"):
                parts.audit.run(at_once(policy, 2), shard, SILENCE)
    with five.opened() as (parts, policy):
        left = parts.audit.run(policy, shard, SILENCE)
    told = five.told()["fixity check", "intact", "vault"]
    assert 0 < left.checked < AIPS
    assert told == 2 * AIPS  # one each when they were written, one each now


_KILLED = """
import json, os, signal, sys
from pathlib import Path
from preservation.app.parts import open_home
from preservation.model.progress import Silence
from preservation.model.shard import Shard
with open_home(Path(sys.argv[1]), agent="a test") as parts:
    shard = Shard.from_json(json.loads(sys.argv[2]))
    record, done = parts.catalogue.record, []
    def killed(*what):
        record(*what)
        done.append(what)
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    object.__setattr__(parts.catalogue, "record", killed)
    parts.audit.run(parts.store.governing(shard.community), shard, Silence())
"""


def test_what_was_killed_goes_on_where_it_was(five: Archive) -> None:
    with open_home(five.home, agent="a test") as parts:
        policy = parts.store.governing(COMMUNITY)
        shard = only(parts.audit.plan(policy, tier="vault", everything=True))
    words = [sys.executable, "-c", _KILLED, str(five.home), json.dumps(shard.to_json())]
    killed = subprocess.run(words, check=False, cwd=os.getcwd())
    assert killed.returncode == -signal.SIGKILL
    with open_home(five.home, agent="a test") as parts:
        again = parts.audit.run(at_once(policy, 2), shard, SILENCE)
        assert again.checked == AIPS - 2
        assert parts.audit.run(policy, shard, SILENCE).checked == 0


def test_after_the_hours_those_at_work_are_recorded_and_none_is_begun(
    five: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(_path: Path) -> None:
        five.clock.at += timedelta(hours=9)

    before_reading(monkeypatch, late)
    with five.opened() as (parts, policy):
        slow = replace(policy, audit=replace(policy.audit, hours=timedelta(hours=8)))
        shard = only(parts.audit.plan(slow, tier="vault", everything=True))
        result = parts.audit.run(at_once(slow, 1), shard, SILENCE)
    assert (result.checked, result.left) == (1, AIPS - 1)


def test_what_another_run_holds_is_left_to_it(five: Archive) -> None:
    with five.opened() as (parts, policy):
        shard = only(parts.audit.plan(policy, tier="vault", everything=True))
        now = parts.clock.now()
        lease = parts.catalogue.lease(f"replica:{shard.keys[1]}:vault", timedelta(hours=1), now)
        assert lease is not None
        assert parts.audit.run(at_once(policy, 2), shard, SILENCE).checked == AIPS - 1
        parts.catalogue.release(lease)
        assert parts.audit.run(at_once(policy, 2), shard, SILENCE).checked == 1


def test_all_share_one_rate(five: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: set[int] = set()
    taken: list[int] = []
    take = RateLimit.take

    def noting(self: RateLimit, octets: int, *rest: Any) -> None:
        limits.add(id(self))
        taken.append(octets)
        take(self, octets, *rest)

    monkeypatch.setattr(RateLimit, "take", noting)
    with five.opened() as (parts, policy):
        shard = only(parts.audit.plan(policy, tier="vault", everything=True))
        result = parts.audit.run(at_once(policy, 3), shard, SILENCE, rate=1 << 30)
    assert len(limits) == 1
    assert sum(taken) >= result.octets > 0


def test_whoever_is_stopped_stops_those_that_read_however_slowly() -> None:
    limit = RateLimit(1)
    limit.take(1000)  # a quarter of an hour is to be waited for

    def interrupted() -> None:
        with Readers[None](2) as readers:
            for _ in range(2):
                readers.begin(lambda: limit.take(1, readers.is_stopped))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not [one for one in threading.enumerate() if one.name == "replica"]


def test_what_a_reading_raises_is_raised_where_it_is_waited_for() -> None:
    def broken() -> str:
        raise NotNowError("no more files may be open")

    with Readers[str](2) as readers:
        first = readers.begin(lambda: "done")
        assert readers.wait() == (first, "done")
        readers.begin(broken)
        with pytest.raises(NotNowError):
            readers.wait()
        assert readers.is_empty


def test_by_default_no_more_than_there_are_cores() -> None:
    assert 1 <= cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("spec", "how_many"),
    [
        ({"checks_at_once": 3, "medium": "tape"}, 3),
        ({"medium": "tape"}, 1),
        ({"medium": "optical"}, 1),
        ({"medium": "flash"}, cores()),
    ],
)
def test_what_has_to_be_wound_is_read_one_by_one_unless_somebody_says_otherwise(
    archive: Archive, spec: dict[str, Any], how_many: int
) -> None:
    with archive.opened() as (_, policy):
        tiers = {"vault": replace(policy.tiers["vault"], **spec)}
        assert service._at_once(replace(policy, tiers=tiers), "vault") == how_many


def test_what_was_read_before_another_run_took_it_over_is_not_recorded(
    five: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    weigh_up, leases = Checker.weigh_up, list[Any]()
    with five.opened() as (parts, policy):
        shard = only(parts.audit.plan(policy, tier="vault", everything=True))
        lost = shard.keys[1]

        def asleep(self: Checker, policy: Policy, row: ReplicaRow, *rest: Any) -> CheckResult:
            """So long that the lease ends; what another run does meanwhile is on record."""
            if row.key == lost:
                now = parts.clock.now() + timedelta(hours=1)
                lease = parts.catalogue.lease(f"replica:{lost}:vault", timedelta(hours=1), now)
                leases.append(lease)
            return weigh_up(self, policy, row, *rest)

        monkeypatch.setattr(Checker, "weigh_up", asleep)
        result = parts.audit.run(at_once(policy, 2), shard, SILENCE)
    assert only(leases) is not None
    assert [one.key for one in result.checks] == [key for key in shard.keys if key != lost]
    assert five.told()["fixity check", "intact", "vault"] == 2 * AIPS - 1


def vanishes_before_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, vanish: Callable[[], None]
) -> None:
    before_reading(monkeypatch, lambda _: vanish())


def vanishes_while_it_is_read(monkeypatch: pytest.MonkeyPatch, vanish: Callable[[], None]) -> None:
    compare = verify_folder.compare

    def patched(*said: Any) -> Any:
        vanish()
        return compare(*said)

    monkeypatch.setattr(verify_folder, "compare", patched)


def vanishes_before_it_is_listed(
    monkeypatch: pytest.MonkeyPatch, vanish: Callable[[], None]
) -> None:
    look = verify_folder.look_for_strangers

    def patched(*said: Any) -> None:
        vanish()
        look(*said)

    monkeypatch.setattr(verify_folder, "look_for_strangers", patched)


@pytest.mark.parametrize(
    "when",
    [vanishes_before_it_is_opened, vanishes_while_it_is_read, vanishes_before_it_is_listed],
)
def test_a_tier_that_vanishes_while_it_is_read_is_no_damage(
    five: Archive,
    monkeypatch: pytest.MonkeyPatch,
    when: Callable[[pytest.MonkeyPatch, Callable[[], None]], None],
) -> None:
    vault = five.tier("vault")

    def vanish() -> None:
        with suppress(FileNotFoundError):
            vault.rename(five.home / "elsewhere")

    when(monkeypatch, vanish)
    result = audited(five, 2)
    assert (result.checked, result.outcomes["unchecked"]) == (0, AIPS)
    assert {one.code for one in result.findings} == {"FIX-UNCHECKED"}
    with five.opened() as (parts, _):
        assert list(parts.catalogue.findings(state="open")) == []
