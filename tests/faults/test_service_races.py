"""Two runs at the same thing end as one; a deposit that changes while it is read is noticed."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import Archive, codes
from tiers import flip

from preservation.bags.write import BagWriter
from preservation.errors import NotNowError, SamarkandError
from preservation.files.durable import Octets
from preservation.ingest.result import DepositResult

pytestmark = pytest.mark.slow

FILES = {f"{n}.txt": b"%d " % n * 2000 for n in range(40)}
DOI = {"datacite.json": b'{"doi": "10.1234/races"}'}


def at_once(*acts: Callable[[], object]) -> list[int]:
    """Run each in a process of its own, begun together; exit codes (3: not done now)."""
    ready, go = os.pipe()
    children = []
    for act in acts:
        child = os.fork()
        if child == 0:
            os.close(go)
            status = 1
            try:
                os.read(ready, 1)
                act()
                status = 0
            except NotNowError:
                status = 3
            finally:
                os._exit(status)
        children.append(child)
    os.close(ready)
    os.close(go)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def test_invariant_11_two_ingests_of_one_deposit_make_one_aip(archive: Archive) -> None:
    path = archive.put("first", FILES)
    assert set(at_once(*[lambda: archive.ingest(path)] * 4)) == {0}
    told = archive.told()
    assert told["ingestion", "success", ""] == 1
    assert told["replication", "success", "vault"] == 1
    assert told["fixity check", "intact", "vault"] == 1
    assert archive.standing()["sidecars"] == ["vault"]
    assert archive.unfinished() == []
    assert archive.ingest(path).outcome == "held already"


def test_invariant_11_one_content_deposited_twice_at_once_is_stored_once(archive: Archive) -> None:
    paths = [archive.put(name, FILES) for name in ("one", "two", "three")]
    ends = at_once(*(lambda path=path: archive.ingest(path) for path in paths))
    assert set(ends) <= {0, 3}
    outcomes = sorted(archive.ingest(path).outcome for path in paths)
    assert set(outcomes) == {"held already"}
    assert archive.told()["ingestion", "success", ""] == 1
    assert archive.standing()["sidecars"] == ["vault"]


def test_invariant_11_two_deposits_of_one_data_set_are_two_versions_of_one_aip(
    archive: Archive,
) -> None:
    paths = [archive.put(str(n), {**FILES, **DOI, "n": b"%d" % n}) for n in range(3)]
    at_once(*(lambda path=path: archive.ingest(path) for path in paths))
    for path in paths:
        archive.ingest(path)
    with archive.opened() as (parts, _):
        keys = [row.key for row in parts.catalogue.versions()]
    assert len({key.aip for key in keys}) == 1
    assert [key.version for key in keys] == [1, 2, 3]


def test_invariant_11_two_replications_make_each_replica_once(archive: Archive) -> None:
    archive.ingest(archive.put("first", FILES))
    assert set(at_once(*[archive.replicate] * 3)) <= {0, 3}
    archive.replicate()
    told = archive.told()
    assert [told["replication", "success", tier] for tier in ("mirror", "deep")] == [1, 1]
    assert [told["fixity check", "intact", tier] for tier in ("mirror", "deep")] == [1, 1]
    assert set(archive.standing()["replicas"].values()) == {"verified"}
    assert archive.unfinished() == []


def test_invariant_11_two_repairs_heal_once(archive: Archive) -> None:
    result = archive.ingest(archive.put("first", FILES))
    archive.replicate()
    flip(archive.bag(result, "mirror") / "data/3.txt")
    archive.audit()
    assert set(at_once(*[archive.repair] * 3)) == {0}
    archive.clock.at += timedelta(days=1)  # theirs went on, ours stood still
    archive.repair()
    told = archive.told()
    assert told["recovery", "success", "mirror"] == 1
    assert told["finding opened", "fail", "mirror"] == 1
    assert told["finding resolved", "success", "mirror"] == 1
    assert archive.audit().outcomes["intact"] == 3


def test_invariant_11_two_audits_open_one_finding(archive: Archive) -> None:
    result = archive.ingest(archive.put("first", FILES))
    flip(archive.bag(result) / "data/3.txt")
    assert set(at_once(*[archive.audit] * 3)) == {0}
    assert archive.told()["finding opened", "fail", "vault"] == 1


# --- a deposit that changes while it is read ----------------------------------------------


def overwrite(path: Path, draw: random.Random) -> None:
    victim = path / f"{draw.randrange(40)}.txt"
    victim.write_bytes(b"changed" * draw.randrange(1, 999))


def overwrite_and_hide_it(path: Path, draw: random.Random) -> None:
    victim = path / f"{draw.randrange(40)}.txt"
    facts = victim.stat()
    with victim.open("r+b") as file:
        file.seek(draw.randrange(facts.st_size))
        file.write(b"~")
    os.utime(victim, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def grow(path: Path, draw: random.Random) -> None:
    with (path / f"{draw.randrange(40)}.txt").open("ab") as file:
        file.write(b"more" * draw.randrange(1, 999))


def take_away(path: Path, draw: random.Random) -> None:
    (path / f"{draw.randrange(40)}.txt").unlink(missing_ok=True)


def add(path: Path, draw: random.Random) -> None:
    (path / f"new-{draw.random()}").write_bytes(b"new")


def rename(path: Path, draw: random.Random) -> None:
    victim = path / f"{draw.randrange(40)}.txt"
    if victim.exists():
        victim.rename(path / f"renamed-{draw.random()}")


def put_a_link_in_its_place(path: Path, draw: random.Random) -> None:
    victim = path / f"{draw.randrange(40)}.txt"
    victim.unlink(missing_ok=True)
    victim.symlink_to("/etc/passwd")


def put_a_fifo_in_its_place(path: Path, draw: random.Random) -> None:
    victim = path / f"{draw.randrange(40)}.txt"
    victim.unlink(missing_ok=True)
    os.mkfifo(victim)


CHANGES = [
    overwrite,
    overwrite_and_hide_it,
    grow,
    take_away,
    add,
    rename,
    put_a_link_in_its_place,
    put_a_fifo_in_its_place,
]


@pytest.fixture
def meddle(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Let something happen just after the n-th payload file was written into the bag."""

    def at(n: int, happens: Callable[[], None]) -> None:
        lock, count, original = threading.Lock(), [0], BagWriter.adding

        def adding_then(self: BagWriter, *said: Any) -> Iterator[Octets]:
            yield from original(self, *said)
            with lock:
                count[0] += 1
                if count[0] == n:
                    happens()

        monkeypatch.setattr(BagWriter, "adding", adding_then)

    return at


def is_one_state(archive: Archive, result: DepositResult, path: Path) -> bool:
    """Whether the AIP holds what the deposit holds now, every octet of it."""
    data = archive.bag(result) / "data"
    kept = {p.name: p.read_bytes() for p in data.iterdir()}
    return kept == {p.name: p.read_bytes() for p in path.iterdir()}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_while_it_is_read_is_always_noticed(
    archive: Archive,
    meddle: Callable[[int, Callable[[], None]], None],
    change: Callable[[Path, random.Random], None],
    seed: int,
) -> None:
    path, draw = archive.put("first", FILES), random.Random(seed)
    meddle(draw.randrange(1, 41), lambda: change(path, draw))
    result = archive.ingest(path)
    if result.outcome == "accepted":
        assert is_one_state(archive, result, path)
    else:
        assert codes(result) & {"DEP-LINK-ESCAPES", "DEP-FIFO"}
    assert archive.unfinished() == []


@pytest.mark.parametrize("seed", range(6))
def test_a_deposit_that_never_lies_still_is_refused_or_taken_whole(
    archive: Archive, seed: int
) -> None:
    path, draw = archive.put("first", FILES), random.Random(seed)
    stop = threading.Event()

    def disturb() -> None:
        while not stop.wait(draw.random() / 200):
            grow(path, draw)

    writer = threading.Thread(target=disturb)
    writer.start()
    try:
        result = archive.ingest(path)
    finally:
        stop.set()
        writer.join()
    assert (result.outcome, codes(result)) == ("rejected", {"DEP-CHANGED"})
    assert archive.ingest(path).outcome == "accepted"


def test_a_deposit_that_is_taken_away_while_it_is_read_is_not_settled(
    archive: Archive, meddle: Callable[[int, Callable[[], None]], None]
) -> None:
    path = archive.put("first", FILES)
    meddle(3, lambda: shutil.rmtree(path))
    with pytest.raises(SamarkandError) as told:
        archive.ingest(path)
    assert (told.value.code, told.value.exit_code) == ("DEP-GONE", 5)
    assert archive.standing()["sidecars"] == []
    assert archive.unfinished() == []


def test_a_container_that_changes_while_it_is_read_is_read_again(
    archive: Archive, meddle: Callable[[int, Callable[[], None]], None]
) -> None:
    source = archive.put("first", FILES)
    packed = Path(shutil.make_archive(str(archive.inbox / "packed"), "tar", source))
    (source / "0.txt").write_bytes(b"other")
    other = Path(shutil.make_archive(str(archive.home / "other"), "tar", source))
    meddle(7, lambda: packed.write_bytes(other.read_bytes()))
    result = archive.ingest(packed)
    assert result.outcome == "accepted"
    assert (archive.bag(result) / "data/0.txt").read_bytes() == b"other"
