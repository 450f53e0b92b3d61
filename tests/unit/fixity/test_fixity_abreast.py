"""Large files are read several at once, and each result is that of the file alone."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from preservation.fixity import abreast, crew, large, reading, sha2
from preservation.fixity.compare import Expected, compare
from preservation.fixity.engine import EngineSettings, Measured, Reading, measure
from preservation.fixity.large import Share, share
from preservation.fixity.rate import RateLimit
from preservation.fixity.reading import StoppedError
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

pytestmark = pytest.mark.usefixtures("lanes")
BOTH = (Algorithm.SHA256, Algorithm.SHA512)


class Tally(Silence):
    def __init__(self) -> None:
        self.octets, self._lock = 0, threading.Lock()

    def advance(self, read_bytes: int) -> None:
        with self._lock:
            self.octets += read_bytes


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make some KiB count as large, and blocks of it small."""
    monkeypatch.setattr(crew, "LARGE", 1024)
    monkeypatch.setattr(reading, "BLOCK", 4096)


def filled(root: Path, number: int, octets: Callable[[int], int]) -> dict[bytes, bytes]:
    contents = {b"d%d/f%d" % (n % 3, n): os.urandom(octets(n)) for n in range(number)}
    for path, data in contents.items():
        place = root / os.fsdecode(path)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    return contents


def run(
    root: Path, paths: Sequence[bytes], algorithms: Sequence[Algorithm] = BOTH, **more: Any
) -> dict[bytes, Measured]:
    results = list(measure(root, paths, algorithms, EngineSettings(**more), Silence()))
    assert len(results) == len(paths)
    return {result.path: result for result in results}


def right(data: bytes, seen: Measured) -> bool:
    found = {each: digest.value for each, digest in seen.digests.items()}
    wanted = {each: hashlib.new(each.hashlib_name, data).digest() for each in found}
    return (
        (seen.reading, seen.octets) == (Reading.READ, len(data))
        and bool(found)
        and (found == wanted)
    )


@pytest.mark.parametrize(
    ("company", "hands", "algorithms", "shared"),
    [
        (100, 2, BOTH, Share(2, 16)),  # enough for all lanes of both hands
        (31, 2, BOTH, Share(1, 16)),  # one reads, the other takes a digest
        (4, 2, BOTH, Share(1, 4)),
        (2, 2, BOTH, Share(2, 1)),  # OpenSSL is faster
        (4, 1, BOTH, Share(1, 4)),
        (12, 8, BOTH, Share(4, 3)),
        (4, 8, BOTH, Share(8, 1)),
        (32, 2, BOTH[:1], Share(2, 16)),
        (20, 2, BOTH[:1], Share(2, 10)),
        (4, 2, BOTH[:1], Share(2, 2)),  # two in turns
        (3, 2, BOTH[:1], Share(2, 1)),
        (7, 2, BOTH[1:], Share(2, 4)),
        (99, 2, (Algorithm.MD5,), Share(2, 1)),
        (20, 2, (Algorithm.SHA512, Algorithm.MD5), Share(2, 8)),
    ],
)
def test_work_is_shared_as_the_lanes_are_used_best(
    company: int, hands: int, algorithms: Sequence[Algorithm], shared: Share
) -> None:
    assert share(company, hands, algorithms) == shared


def test_the_longest_are_begun_with_few_beside_them_and_the_rest_fills_the_lanes() -> None:
    waiting: large.Large[int] = large.Large(2, abreast=True)
    for number in range(100):
        waiting.put(4, BOTH, number)
    waiting.put(60, BOTH, -1)
    assert waiting.share() == [-1, *range(6)]  # so long have the lanes something to do
    assert waiting.width(7) == 16
    assert waiting.share() == [*range(6, 22)]  # and another hand, too
    assert waiting.share() == []
    waiting.done()
    assert len(waiting.share()) == 16


def test_what_one_hand_left_another_takes_abreast() -> None:
    waiting: large.Large[int] = large.Large(2, abreast=True)
    for number in range(4):
        waiting.put(4, BOTH[:1], number)
    assert (waiting.share(), waiting.share()) == ([0, 1], [2, 3])


def test_without_lanes_each_hand_reads_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sha2, "LANES", {})
    assert share(1000, 2, BOTH) == Share(2, 1)


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("number", [4, 17, 70])
@pytest.mark.parametrize("drop_cache", [False, True])
def test_each_of_many_large_files_has_its_own_digests(
    tmp_path: Path, workers: int, number: int, drop_cache: bool
) -> None:
    contents = filled(tmp_path, number, lambda n: 1024 + n * 977 % 40_000)
    contents |= filled(tmp_path, 3, lambda n: (8192, 4096, 12_288)[n])  # at the end of a block
    for algorithms in (BOTH, BOTH[:1], (*BOTH, Algorithm.MD5)):
        results = run(tmp_path, [*contents], algorithms, workers=workers, drop_cache=drop_cache)
        assert all(right(contents[path], results[path]) for path in contents)
        assert set(results[b"d0/f3"].digests) == set(algorithms)


def test_lanes_are_at_work_and_a_hand_without_any_takes_a_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = filled(tmp_path, 4, lambda n: 400_000)
    update, seen = sha2.update, set()

    def noting(streams: Sequence[Any], buffers: Sequence[Any]) -> None:
        seen.add((len(streams), threading.current_thread().name))
        update(streams, buffers)

    monkeypatch.setattr(sha2, "update", noting)
    results = run(tmp_path, [*contents], workers=2)
    assert all(right(contents[path], results[path]) for path in contents)
    assert (4, "digest") in seen
    assert all(result.in_lanes for result in results.values())


def test_a_giant_without_company_is_read_alone(tmp_path: Path) -> None:
    contents = filled(tmp_path, 1, lambda n: 900_000) | {b"x%d" % n: bytes(9000) for n in range(40)}
    for path, data in contents.items():
        (tmp_path / os.fsdecode(path)).write_bytes(data)
    results = run(tmp_path, [*contents], workers=2)
    assert all(right(contents[path], results[path]) for path in contents)
    assert not results[b"d0/f0"].in_lanes
    assert results[b"x0"].in_lanes


class Disturbed:
    """Does something to the files when so many blocks were read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int, what: Callable[[], object]):
        self._left, self._what, self._readv = after, what, os.readv
        self._lock = threading.Lock()
        monkeypatch.setattr(os, "readv", self)

    def __call__(self, fd: int, views: list[memoryview]) -> int:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._what()
        return self._readv(fd, views)


MORE = os.urandom(30_000)


def disturb(root: Path) -> None:
    """Files grow, shrink, go, are links; each fifth stays."""
    for n in range(40):
        place = root / f"d{n % 3}" / f"f{n}"
        if n % 5 == 0:
            with place.open("ab") as grown:
                grown.write(MORE)
        elif n % 5 == 1:
            os.truncate(place, 20_000)
        elif n % 5 == 2:
            place.unlink()
        elif n % 5 == 3:
            link = root / "link"
            link.symlink_to("f0")
            link.replace(place)


def is_allowed(n: int, data: bytes, seen: Measured) -> bool:
    """What may be seen of a file that was disturbed."""
    if n % 5 == 1:
        return 20_000 <= seen.octets <= 40_000 and right(data[: seen.octets], seen)
    gone = {2: Reading.MISSING, 3: Reading.IRREGULAR}.get(n % 5)
    return right(data, seen) or seen.reading is gone or (n % 5 == 0 and right(data + MORE, seen))


@pytest.mark.parametrize("workers", [1, 2])
def test_files_that_change_while_sixteen_are_read_disturb_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    contents = filled(tmp_path, 40, lambda n: 40_000)
    Disturbed(monkeypatch, 60, lambda: disturb(tmp_path))  # none has ended: some wait
    results = run(tmp_path, [*contents], workers=workers)
    for n, (path, data) in enumerate(contents.items()):
        assert is_allowed(n, data, results[path]), (path, results[path])
    told = {seen.reading for seen in results.values()}
    assert told == {Reading.READ, Reading.MISSING, Reading.IRREGULAR}


@pytest.mark.parametrize(
    ("number", "times", "ends"),
    [
        (errno.EIO, 1, Reading.READ),
        (errno.EIO, 99, Reading.UNREADABLE),
        (errno.EACCES, 99, Reading.UNCHECKED),
    ],
)
def test_trouble_with_one_of_sixteen_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, times: int, ends: Reading
) -> None:
    contents = filled(tmp_path, 40, lambda n: 20_000)
    inode, readv, left = (tmp_path / "d1/f7").stat().st_ino, os.readv, [times]

    def failing(fd: int, views: list[memoryview]) -> int:
        status = os.fstat(fd)
        if status.st_ino == inode and left[0] and os.lseek(fd, 0, os.SEEK_CUR) >= 8192:
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        return readv(fd, views)

    monkeypatch.setattr(os, "readv", failing)
    monkeypatch.setattr(reading, "_PAUSE", 0)
    results = run(tmp_path, [*contents])
    seen = results.pop(b"d1/f7")
    assert (seen.reading, seen.size) == (ends, 20_000)
    assert bool(seen.digests) is (ends is Reading.READ)
    assert all(right(contents[path], each) for path, each in results.items())


def test_a_file_whose_closing_fails_is_read_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = filled(tmp_path, 20, lambda n: 20_000)
    inode, close, failed = (tmp_path / "d1/f4").stat().st_ino, os.close, [0]

    def failing(fd: int) -> None:
        fails = os.fstat(fd).st_ino == inode and os.lseek(fd, 0, os.SEEK_CUR) and not failed[0]
        close(fd)
        if fails:
            failed[0] += 1
            raise OSError(errno.EIO, "told late")

    monkeypatch.setattr(os, "close", failing)
    results = run(tmp_path, [*contents], workers=1)
    assert all(right(contents[path], each) for path, each in results.items())
    assert failed == [1]
    assert not results[b"d1/f4"].in_lanes
    assert results[b"d1/f7"].in_lanes


def test_a_file_that_never_ends_is_given_up_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = filled(tmp_path, 20, lambda n: 20_000)
    monkeypatch.setattr(reading, "_GROWTH", 100_000)
    place, readv = tmp_path / "d2/f5", os.readv
    inode = place.stat().st_ino

    def then_grow(fd: int, views: list[memoryview]) -> int:
        if os.fstat(fd).st_ino == inode:
            with place.open("ab") as more:
                more.write(bytes(5000))
        return readv(fd, views)

    monkeypatch.setattr(os, "readv", then_grow)
    results = run(tmp_path, [*contents])
    seen = results.pop(b"d2/f5")
    assert (seen.reading, seen.reason) == (Reading.UNCHECKED, "it grows while it is read")
    assert all(right(contents[path], each) for path, each in results.items())


def test_progress_hears_of_every_octet_and_the_budget_is_paid(tmp_path: Path) -> None:
    contents = filled(tmp_path, 50, lambda n: 5000 + n * 100)
    tally, paid = Tally(), []

    class Noting(RateLimit):
        def take(self, octets: int, give_up: Any = None) -> None:
            paid.append(octets)

    list(measure(tmp_path, contents, BOTH, EngineSettings(rate=Noting(None)), tally))
    assert tally.octets == sum(map(len, contents.values()))
    assert sum(paid) >= tally.octets


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelling_leaves_nothing_open_and_no_thread(tmp_path: Path, workers: int) -> None:
    contents = filled(tmp_path, 40, lambda n: 100_000)
    asked, lock = [0], threading.Lock()

    def cancelled() -> bool:
        with lock:
            asked[0] += 1
            return asked[0] > 100

    threads, descriptors = threading.active_count(), os.listdir("/proc/self/fd")
    settings = EngineSettings(workers=workers)
    with pytest.raises(StoppedError):
        list(measure(tmp_path, contents, BOTH, settings, Silence(), cancelled))
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == len(descriptors)


def test_what_runs_beside_and_fails_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = filled(tmp_path, 4, lambda n: 400_000)

    def failing(streams: Sequence[Any], buffers: Sequence[Any]) -> None:
        raise MemoryError

    monkeypatch.setattr(sha2, "update", failing)
    with pytest.raises(MemoryError):
        run(tmp_path, [*contents], workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_lanes_that_err_make_no_large_file_altered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    contents = filled(tmp_path, 40, lambda n: 20_000)
    columns = [
        b"".join(hashlib.new(each.value, data).digest() for data in contents.values())
        for each in BOTH
    ]
    update = sha2.update

    def lie(streams: Sequence[Any], buffers: Sequence[Any]) -> None:
        update(streams, [bytes(buffers[0])[::-1], *buffers[1:]])

    monkeypatch.setattr(sha2, "update", lie)
    (tmp_path / "d0/f9").write_bytes(bytes(20_000))
    wanted, tally = Expected([*contents], BOTH, tuple(columns)), Tally()
    settings = EngineSettings(workers=workers)
    with pytest.warns(RuntimeWarning, match="look at this machine"):
        parts = list(compare(tmp_path, [wanted], settings, tally))
    assert sum(part.intact for part in parts) == 39
    unequal = [each for part in parts for each in part.unequal]
    assert [each.seen.path for each in unequal] == [b"d0/f9"]
    assert right(bytes(20_000), unequal[0].seen)
    assert sum(part.octets for part in parts) == 40 * 20_000 == tally.octets


def test_streams_below_the_break_even_are_left_to_openssl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = filled(tmp_path, 5, lambda n: 20_000)
    update, seen = sha2.update, set()

    def noting(streams: Sequence[Any], buffers: Sequence[Any]) -> None:
        seen.add(len(streams[0].digest()))
        update(streams, buffers)

    monkeypatch.setattr(sha2, "update", noting)
    monkeypatch.setitem(sha2.PAYS, "sha256", 10)  # as where two in turns gain nothing
    run(tmp_path, [*contents])
    assert seen == {64}


class Late:
    """Digests that look at their octets long after they were given them."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def update(self, turn: Any) -> None:
        time.sleep(0.002)
        self._column.update(turn)


@pytest.mark.parametrize("drop_cache", [False, True])
def test_no_buffer_is_filled_again_before_all_who_hash_it_have_seen_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop_cache: bool
) -> None:
    contents = filled(tmp_path, 5, lambda n: 60_000 + n * 9000)
    beside = abreast.Beside
    monkeypatch.setattr(abreast, "Beside", lambda column: beside(Late(column)))
    for algorithms in (BOTH, (Algorithm.SHA512,), (Algorithm.SHA512, Algorithm.SHA256)):
        results = run(tmp_path, [*contents], algorithms, workers=2, drop_cache=drop_cache)
        assert all(right(contents[path], results[path]) for path in contents)


def test_a_digest_changes_hands_only_when_all_before_was_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first file, by which it is decided who takes which digest, is in trouble halfway."""
    contents = filled(tmp_path, 5, lambda n: 60_000)
    first, readv = (tmp_path / "d0/f0").stat().st_ino, os.readv

    def failing(fd: int, views: list[memoryview]) -> int:
        if os.fstat(fd).st_ino == first and os.lseek(fd, 0, os.SEEK_CUR) >= 8192:
            raise OSError(errno.EACCES, "refused")
        return readv(fd, views)

    monkeypatch.setattr(os, "readv", failing)
    beside = abreast.Beside
    monkeypatch.setattr(abreast, "Beside", lambda column: beside(Late(column)))
    root = os.open(tmp_path, os.O_RDONLY)
    progress, always, never = Silence(), (lambda: True), (lambda: False)
    reader = reading.Reader(
        root, drop_cache=False, rate=None, progress=progress, cancelled=never, idle=never
    )
    together = abreast.Abreast(reader, always, drop_cache=False)
    wanted = [
        abreast.Wanted(path, path, BOTH[:: -1 if n else 1], 5) for n, path in enumerate(contents)
    ]
    results = dict(
        together.read(lambda reading: [] if reading else [wanted.pop(0) for _ in wanted[:]])
    )
    together.end()
    reader.close()
    os.close(root)
    assert results.pop(b"d0/f0").reading is Reading.UNCHECKED
    assert all(right(contents[path], each) for path, each in results.items())


def test_where_few_files_may_be_open_fewer_are_read_abreast(tmp_path: Path) -> None:
    contents = filled(tmp_path, 40, lambda n: 9000 + n)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [os.dup(0) for _ in range(10)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(free) + 1, before[1]))
    for each in free:
        os.close(each)
    try:
        results = run(tmp_path, [*contents], workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert all(right(contents[path], each) for path, each in results.items())
