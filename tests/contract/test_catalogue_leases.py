"""Leases and arrivals: what keeps two runs from doing one thing twice."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from catalogues import MINUTE, START

from preservation.catalogue.sql import SqlCatalogue
from preservation.errors import BusyError


def test_one_holder_at_a_time_even_within_a_process(catalogue: SqlCatalogue) -> None:
    assert catalogue.lease("aip/1", MINUTE, START) is not None
    assert catalogue.lease("aip/1", MINUTE, START) is None
    assert catalogue.lease("aip/2", MINUTE, START) is not None


def test_a_fence_is_never_given_twice(catalogue: SqlCatalogue) -> None:
    fences = []
    for turn in range(3):
        lease = catalogue.lease(f"aip/{turn % 2}", MINUTE, START)
        assert lease is not None
        fences.append(lease.fence)
        catalogue.release(lease)
    assert fences == sorted(set(fences))


def test_an_expired_lease_is_taken_over_and_its_holder_finds_out(catalogue: SqlCatalogue) -> None:
    first = catalogue.lease("aip/1", MINUTE, START)
    assert first is not None
    second = catalogue.lease("aip/1", MINUTE, START + MINUTE)
    assert second is not None
    assert second.fence > first.fence
    with pytest.raises(BusyError):
        catalogue.renew(first, MINUTE, START)
    catalogue.release(first)
    assert catalogue.lease("aip/1", MINUTE, START + MINUTE) is None


def test_renewing_keeps_others_out(catalogue: SqlCatalogue) -> None:
    lease = catalogue.lease("aip/1", MINUTE, START)
    assert lease is not None
    renewed = catalogue.renew(lease, MINUTE, START + MINUTE)
    assert renewed.fence == lease.fence
    assert catalogue.lease("aip/1", MINUTE, START + 1.5 * MINUTE) is None


def test_a_holder_that_died_on_this_host_holds_nothing(catalogue: SqlCatalogue) -> None:
    """The child is a fork, as Airflow's tasks are, and uses the catalogue that it inherited."""
    catalogue.communities()
    child = os.fork()
    if child == 0:
        taken = catalogue.lease("aip/1", 1000 * MINUTE, START)
        os.kill(os.getpid(), signal.SIGKILL if taken else signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert catalogue.lease("aip/1", MINUTE, START) is not None


def test_of_several_at_once_each_goes_to_one_taker_in_whatever_order_they_ask(
    catalogue: SqlCatalogue,
) -> None:
    """Opposite orders would end in a deadlock, if names were taken as they come."""
    names = [f"replica/{number}" for number in range(60)]

    def take(order: int) -> list[str]:
        return [lease.name for lease in catalogue.lease_all(names[::order], MINUTE, START)]

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            taken = [name for some in pool.map(take, [1, -1, 1, -1]) for name in some]
            assert sorted(taken) == sorted(names)
            names = [f"{name}'" for name in names]


def test_what_ran_out_is_taken_over_together_with_what_is_free(catalogue: SqlCatalogue) -> None:
    assert catalogue.lease_all(["aip/1"], MINUTE, START)
    held = catalogue.lease("aip/2", 3 * MINUTE, START)
    taken = catalogue.lease_all(["aip/1", "aip/2", "aip/3"], MINUTE, START + 2 * MINUTE)
    assert held is not None
    assert {lease.name for lease in taken} == {"aip/1", "aip/3"}
    assert min(lease.fence for lease in taken) > held.fence


def test_an_arrival_keeps_its_reserved_aip_until_it_changes(catalogue: SqlCatalogue) -> None:
    """Invariant 11."""
    first, second, third = (str(uuid4()) for _ in range(3))
    seen = catalogue.arrive("silk-road", "Дата", "/inbox/Дата", "sig 1", first, START)
    assert (seen.aip, seen.state, seen.version) == (first, "waiting", 0)
    later = START + MINUTE
    assert catalogue.arrive("silk-road", "Дата", "/inbox/Дата", "sig 1", second, later) == seen
    catalogue.settle_arrival(seen.id, "accepted", 1, first, {"said": "yes"}, later)
    settled = catalogue.arrival(seen.id)
    assert settled is not None
    assert (settled.state, settled.version, settled.settled_at) == ("accepted", 1, later)
    assert settled.receipt == {"said": "yes"}
    changed = catalogue.arrive("silk-road", "Дата", "/inbox/Дата", "sig 2", third, later)
    assert (changed.id, changed.aip, changed.state) == (seen.id, third, "waiting")
    assert (changed.version, changed.settled_at, changed.receipt) == (0, None, {})


def test_a_path_that_is_not_text_arrives_as_it_is(catalogue: SqlCatalogue) -> None:
    path = os.fsdecode(b"/inbox/\xff\xfe")
    catalogue.arrive("silk-road", path[7:], path, "sig", str(uuid4()), START)
    catalogue.arrive("field-notes", "other", path, "sig", str(uuid4()), START)
    assert [(row.community, row.path) for row in catalogue.arrivals()] == [
        ("field-notes", path),
        ("silk-road", path),
    ]
    assert len(catalogue.arrivals("silk-road")) == 1


def test_a_lease_from_a_clock_that_has_gone_back_blocks_no_year(
    catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder on another host cannot be seen; one that is seen to live is believed."""
    ahead = START + timedelta(days=365)
    assert catalogue.lease("aip/1", MINUTE, ahead) is not None
    assert catalogue.lease("aip/1", MINUTE, START) is None
    monkeypatch.setattr("preservation.files.process.alive", lambda _: None)
    assert catalogue.lease("aip/1", MINUTE, START) is not None
    assert catalogue.lease("aip/1", MINUTE, START) is None
