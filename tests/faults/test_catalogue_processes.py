"""Many processes at one catalogue, and kill -9 in the middle of what they record.

Invariants 6 and 11: no act twice, no state without its event, no event without its state.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from catalogues import MINUTE, START, a_key, check, kept, replication

from preservation.catalogue.sql import SqlCatalogue, create_catalogue
from preservation.errors import BusyError
from preservation.model.event import Event

PROCESSES = 6
DAY = timedelta(days=1)


def forked(act: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        act()
        status = 0
    except BaseException:  # noqa: BLE001 - the parent looks at the exit status
        traceback.print_exc()
    finally:
        os._exit(status)


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fold_of_outbox_is_state(catalogue: SqlCatalogue, scratch: Path) -> list[Event]:
    events = [Event.from_json(json.loads(body)) for body in catalogue.outbox(100_000)]
    assert len({event.id for event in events}) == len(events)
    again = create_catalogue(f"sqlite:///{scratch}")
    again.replay(events)
    assert list(again.versions()) == list(catalogue.versions())
    assert list(again.replicas()) == list(catalogue.replicas())
    return events


def test_every_version_is_worked_on_by_one_process_and_once(
    catalogue: SqlCatalogue, tmp_path: Path
) -> None:
    """Each process tries to do everything; a version's work is done when its event is there."""
    keys = [a_key(number) for number in range(1, 13)]
    catalogue.communities()  # a connection is open at the fork

    def work(seed: int) -> None:
        order = random.Random(seed).sample(keys, len(keys))
        while undone := [key for key in order if catalogue.replica(key, "vault") is None]:
            for key in undone:
                lease = catalogue.lease(f"aip/{key.aip}", MINUTE, START)
                if lease is None:
                    continue
                os.close(os.open(tmp_path / f"at-{key}", os.O_CREAT | os.O_EXCL))
                if catalogue.replica(key, "vault") is None:
                    catalogue.record(kept(key, "vault", "deep"), lease)
                os.unlink(tmp_path / f"at-{key}")
                catalogue.release(lease)

    children = [forked(lambda seed=seed: work(seed)) for seed in range(PROCESSES)]
    assert [ended(child) for child in children] == [0] * PROCESSES
    events = fold_of_outbox_is_state(catalogue, tmp_path / "scratch.sqlite")
    assert len(events) == 5 * len(keys)


def test_recordings_about_the_same_rows_never_deadlock(
    catalogue: SqlCatalogue, tmp_path: Path
) -> None:
    """The same rows in different orders, in one transaction each."""
    keys = [a_key(number, community=name) for name in ("aa", "bb", "cc") for number in (1, 2)]
    catalogue.record([event for key in keys for event in kept(key, "vault")])

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(10):
            batch = [check(key, outcome=chance.choice(["intact", "altered"])) for key in keys]
            catalogue.record(chance.sample(batch, len(batch)))

    children = [forked(lambda seed=seed: work(seed)) for seed in range(PROCESSES)]
    assert [ended(child) for child in children] == [0] * PROCESSES
    events = fold_of_outbox_is_state(catalogue, tmp_path / "scratch.sqlite")
    assert len(events) == (3 + 10 * PROCESSES) * len(keys)


def test_state_and_events_agree_after_kill_9(catalogue: SqlCatalogue, tmp_path: Path) -> None:
    chance = random.Random(20261122)
    key = a_key()
    catalogue.record(kept(key, "vault"))
    catalogue.close()

    heard, say = os.pipe()

    def work() -> None:
        while True:
            lease = catalogue.lease("aip/1", DAY, START)
            assert lease is not None  # what a killed process held, nobody holds
            catalogue.record([replication(key), check(key), replication(key, "deep")], lease)
            catalogue.release(lease)
            os.write(say, b".")

    for _ in range(12):
        child = forked(work)
        os.read(heard, 1)  # it is at work
        time.sleep(chance.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        assert ended(child) == -signal.SIGKILL
    os.close(heard)
    os.close(say)
    events = fold_of_outbox_is_state(catalogue, tmp_path / "scratch.sqlite")
    assert len(events) % 3 == 0
    assert len(events) > 12


def test_a_stale_process_cannot_write_after_a_take_over(catalogue: SqlCatalogue) -> None:
    """It was stopped, its lease ran out, another did the work, and then it goes on."""
    mine = catalogue.lease("aip/1", MINUTE, START)
    assert mine is not None

    def take_over() -> None:
        theirs = catalogue.lease("aip/1", DAY, START + 2 * MINUTE)
        assert theirs is not None
        catalogue.record(kept(a_key(), "vault"), theirs)

    assert ended(forked(take_over)) == 0
    with pytest.raises(BusyError) as caught:
        catalogue.record([replication(a_key())], mine)
    assert caught.value.code == "CAT-LEASE-LOST"
    assert catalogue.outbox_size() == 3
