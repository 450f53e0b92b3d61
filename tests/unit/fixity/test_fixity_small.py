"""What is read in C is what Python reads: the same octets, copies, and the same that is left."""

from __future__ import annotations

import errno
import mmap
import os
import platform
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preservation.errors import NotNowError
from preservation.files.looks import look_of
from preservation.files.memory import Spare
from preservation.fixity import helper_main, helpers
from preservation.fixity.engine import EngineSettings, measure
from preservation.fixity.helper_main import Filled, How, Look
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence
from preservation.storage.mount import mount_of

MOST = 300_000
SIZES = [0, 1, 63, 64, 65, 4095, 4096, 4097, 100_000, 131_071, 131_072, 131_073, 299_999, MOST]
SIZES += [MOST + 1, 5 * MOST]

Fill = Callable[[int, int, list[bytes], list[bytes], list[Look], memoryview, How], Filled]


@pytest.fixture
def in_c() -> Fill:
    if helpers.SMALL is not None:
        fill: Fill = helpers.SMALL.fill
        return fill
    if os.environ.get("CI") == "true":
        pytest.fail("the extension was not made: is there a C compiler?")
    pytest.skip("the extension was not made: is there a C compiler?")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "from" / "deep" / "er").mkdir(parents=True)
    fd = os.open(tmp_path / "from", os.O_RDONLY)
    yield fd
    os.close(fd)


def room(octets: int = 16 * (MOST + 4096)) -> memoryview:
    return memoryview(mmap.mmap(-1, octets))


def how(*, listed: bool = False, drop_cache: bool = False, passes: bool = False) -> How:
    return MOST, 10**9, 1, listed, drop_cache, passes


def hostile(folder: Path) -> list[bytes]:
    """Files of all sizes, and whatever else may have a file's name."""
    names = [b"f%d" % size for size in SIZES]
    for name, size in zip(names, SIZES, strict=True):
        for below in (b"", b"deep", b"deep/er"):
            place = Path(os.fsdecode(os.path.join(os.fsencode(folder), below, name)))
            place.write_bytes(os.urandom(size))
    (folder / "link").symlink_to("f1")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "linked").symlink_to("deep")
    os.mkfifo(folder / "fifo")
    (folder / "sparse").touch()
    os.truncate(folder / "sparse", 1 << 40)
    odd = [b"line\nbreak", b"\xff\xfe", b" ", b"n" * 255, "\u00fc".encode()]
    for name in odd:
        (folder / os.fsdecode(name)).write_bytes(name)
    paths = [*names, *(b"deep/er/" + name for name in names), *(b"deep/" + name for name in names)]
    paths += [*odd, b"link", b"dangling", b"linked/f1", b"fifo", b"sparse", b"deep", b"deep/er/"]
    paths += [b"absent", b"absent/f1", b"f1/below", b"", b"nul\0", b"deep\0/f1", b"m" * 256, b"/"]
    paths += [b"/etc/hostname", b"deep//f1", b"k" * 5000, b"k" * 5000 + b"/f1", b"d/" * 3000 + b"f"]
    return [*paths, b"f1", *odd, b"deep/f1"]


def read(fill: Fill, root: int, paths: list[bytes], asked: How) -> list[int | bytes]:
    """Of each file its octets, or the number for one that is left."""
    seen: list[int | bytes] = []
    memory = room()
    while len(seen) < len(paths):
        sizes, buffers = fill(root, -1, paths[len(seen) :], [], [], memory, asked)
        assert sizes
        octets = iter([bytes(each) for each in buffers])
        seen += [size if size < 0 else next(octets) for size in sizes]
        assert next(octets, None) is None
    return seen


@pytest.mark.parametrize("listed", [False, True])
def test_whatever_lies_in_a_folder_is_read_or_left_alike(
    tmp_path: Path, root: int, in_c: Fill, listed: bool
) -> None:
    paths = [path for path in hostile(tmp_path / "from") if b"\0" not in path]
    seen = read(in_c, root, paths, how(listed=listed))

    assert seen == read(helper_main._fill, root, paths, how(listed=listed))
    assert seen.count(-1) > 10
    assert seen[: len(SIZES)] == [
        (tmp_path / "from" / f"f{size}").read_bytes() if size <= MOST else -1 - size
        for size in SIZES
    ]


def test_past_the_cache_the_same_octets_come(tmp_path: Path, root: int, in_c: Fill) -> None:
    paths = hostile(tmp_path / "from")
    os.sync()

    past = read(in_c, root, paths, how(drop_cache=True, passes=True))

    assert past == read(in_c, root, paths, how())


def test_a_name_with_a_nul_is_no_file(root: int, tmp_path: Path, in_c: Fill) -> None:
    (tmp_path / "from" / "f").write_bytes(b"octets")
    assert read(in_c, root, [b"f\0", b"\0f", b"f", b"deep\0/f"], how()) == [-1, -1, b"octets", -1]


def test_devices_and_files_without_an_end_are_left(in_c: Fill) -> None:
    for folder, names in {
        "/dev": [b"null", b"zero", b"full", b"urandom", b"tty", b"stdin"],
        "/proc/self": [b"status", b"mem", b"maps", b"cmdline", b"fd/0"],  # they say: no octets
        "/sys/kernel": [b"vmcoreinfo", b"mm/ksm/run"],  # more than there are
    }.items():
        fd = os.open(folder, os.O_RDONLY)
        for listed in (False, True):
            seen = read(in_c, fd, names, how(listed=listed))
            assert all(isinstance(each, int) or not each for each in seen), (folder, seen)
        os.close(fd)


@pytest.mark.parametrize("octets", [1, 64, 4096, 5000, 20_000, 2 * MOST])
def test_nothing_is_read_beyond_the_room(
    tmp_path: Path, root: int, in_c: Fill, octets: int
) -> None:
    paths = hostile(tmp_path / "from")
    for asked in (how(), how(passes=True), how(drop_cache=True)):
        memory, behind = memoryview(bytearray(octets + 8192)), b"\xa5" * 8192
        memory[octets:] = behind
        seen: list[int] = []
        while len(seen) < len(paths):
            sizes, buffers = in_c(root, -1, paths[len(seen) :], [], [], memory[:octets], asked)
            assert sizes
            assert [len(each) for each in buffers] == [size for size in sizes if size >= 0]
            seen += sizes
        assert bytes(memory[octets:]) == behind
        assert all(size < octets for size in seen)


def test_it_stops_where_there_are_enough_octets_and_files(
    tmp_path: Path, root: int, in_c: Fill
) -> None:
    for number in range(40):
        (tmp_path / "from" / str(number)).write_bytes(bytes(1000))
    paths = [b"%d" % number for number in range(40)]
    for fill in (in_c, helper_main._fill):
        for enough, least, files in [(1, 1, 1), (1, 16, 16), (8000, 3, 8), (10**9, 1, 40)]:
            sizes, _ = fill(
                root, -1, paths, [], [], room(), (MOST, enough, least, True, False, False)
            )
            assert len(sizes) == files


def looks(folder: Path, paths: list[bytes]) -> list[Look]:
    """As a walk tells them."""
    return [look_of(os.lstat(os.fsencode(folder) + b"/" + path)) for path in paths]


@pytest.mark.parametrize("field", range(5))
def test_what_is_not_as_it_was_seen_is_left_and_not_copied(
    tmp_path: Path, root: int, in_c: Fill, field: int
) -> None:
    names = [b"a", b"b", b"c"]
    for name in names:
        (tmp_path / "from" / os.fsdecode(name)).write_bytes(b"octets")
    os.utime(tmp_path / "from" / "c", ns=(-(10**18), -(10**18)))  # long before 1970
    seen = looks(tmp_path / "from", names)
    seen[1] = tuple(value + (place == field) for place, value in enumerate(seen[1]))  # type: ignore[assignment]
    for fill in (in_c, helper_main._fill):
        to = tmp_path / fill.__name__
        to.mkdir()
        copies = os.open(to, os.O_RDONLY)
        sizes, buffers = fill(root, copies, names, names, seen, room(), how())
        os.close(copies)
        assert (sizes, [bytes(each) for each in buffers]) == ([6, -7, 6], [b"octets"] * 2)
        assert sorted(os.listdir(to)) == ["a", "c"]


@pytest.mark.parametrize("passes", [False, True])
def test_copies_are_made_alike_or_not_at_all(
    tmp_path: Path, root: int, in_c: Fill, passes: bool
) -> None:
    source = tmp_path / "from"
    paths = [path for path in hostile(source) if b"\0" not in path]
    made: list[dict[str, tuple[bytes, int]]] = []
    for fill in (in_c, helper_main._fill):
        to = tmp_path / f"to {fill.__name__}"
        (to / "deep" / "er").mkdir(parents=True)
        (to / "f64").write_bytes(b"there before")
        (to / "f65").symlink_to(source / "f1")
        (to / "deep" / "f64").mkdir()
        copies = os.open(to, os.O_RDONLY)
        seen: list[int] = []
        while len(seen) < len(paths):
            rest = paths[len(seen) :]
            seen += fill(root, copies, rest, rest, [], room(), how(passes=passes))[0]
        os.close(copies)
        assert seen[SIZES.index(64)] < 0
        assert (to / "f64").read_bytes() == b"there before"
        assert (to / "f65").is_symlink()
        files = [path for path in to.rglob("*") if path.is_file() and not path.is_symlink()]
        made.append(
            {str(path.relative_to(to)): (path.read_bytes(), path.stat().st_mode) for path in files}
        )
    assert made[0] == made[1]
    assert len(made[0]) > 30
    assert all(
        octets == (source / name).read_bytes() for name, (octets, _) in made[0].items()
        if name != "f64"
    )  # fmt: skip


@pytest.mark.parametrize("passes", [False, True])
def test_no_part_of_a_copy_stays_where_there_is_no_room_for_it(
    tmp_path: Path, root: int, in_c: Fill, passes: bool
) -> None:
    paths = [b"small", b"large", b"larger"]
    for name, size in zip(paths, (5000, 20_000, 200_000), strict=True):
        (tmp_path / "from" / os.fsdecode(name)).write_bytes(bytes(size))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for fill in (in_c, helper_main._fill):
        to = tmp_path / fill.__name__
        to.mkdir()
        copies = os.open(to, os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
        try:
            sizes, _ = fill(root, copies, paths, paths, [], room(), how(passes=passes))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        os.close(copies)
        assert [size >= 0 for size in sizes] == [True, False, False]
        assert os.listdir(to) == ["small"]


@pytest.mark.parametrize("drop_cache", [False, True])
def test_where_no_more_files_may_be_open_they_are_left_and_none_stays_open(
    tmp_path: Path, root: int, in_c: Fill, drop_cache: bool
) -> None:
    for number in range(40):
        (tmp_path / "from" / "deep" / str(number)).write_bytes(b"octets")
    paths = [b"deep/%d" % number for number in range(40)]
    before, open_now = resource.getrlimit(resource.RLIMIT_NOFILE), os.listdir("/proc/self/fd")
    memory, asked = room(), how(drop_cache=drop_cache)
    for spare in range(4):
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(open_now) + spare, before[1]))
        try:
            sizes, _ = in_c(root, -1, paths, [], [], memory, asked)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert len(sizes) == 40
        assert set(sizes) <= {-1, 6}
    assert os.listdir("/proc/self/fd") == open_now
    assert set(in_c(root, -1, paths, [], [], memory, asked)[0]) == {6}


def test_what_a_program_has_mapped_is_read_from_the_medium(
    tmp_path: Path, root: int, in_c: Fill
) -> None:
    if not mount_of(tmp_path).bypasses_cache:
        pytest.skip("this file system does not say what it has in the page cache")
    with (tmp_path / "from" / "f").open("w+b") as file:
        file.write(bytes(range(250)) * 200)
        file.flush()
        os.fsync(file.fileno())
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            assert sum(mapped[::4096]) > 0
            before = _from_medium()
            assert read(in_c, root, [b"f"], how(drop_cache=True)) == [bytes(range(250)) * 200]
            assert _from_medium() - before >= 50_000
            assert read(helper_main._fill, root, [b"f"], how(drop_cache=True)) == [-50_001]


def _from_medium() -> int:
    said = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(said["read_bytes"])


@pytest.mark.parametrize(
    "wrong",
    [
        ([b"f", "f"], [], []),
        ([b"f", 7], [], []),
        ([b"f", b"f"], [b"f"], []),
        ([b"f"], [], [(1, 2, 3, 4)]),
        ([b"f"], [], [(1, 2, 3, 4, "5")]),
        ([b"f"], [], [b"12345"]),
        (None, [], []),
    ],
)
def test_a_wrong_question_is_refused(
    tmp_path: Path, root: int, in_c: Fill, wrong: tuple[list[bytes], list[bytes], list[Look]]
) -> None:
    (tmp_path / "from" / "f").write_bytes(b"octets")
    with pytest.raises((TypeError, ValueError)):
        in_c(root, -1, *wrong, room(), how())
    with pytest.raises((TypeError, ValueError, BufferError)):
        in_c(root, -1, [b"f"], [], [], memoryview(bytes(5000)), how())


def test_looks_far_beyond_any_clock_are_numbers_like_others(root: int, in_c: Fill) -> None:
    assert in_c(root, -1, [b"f"], [], [(2**70, -(2**70), 2**64, 0, 1)], room(), how())[0] == [-1]


def test_in_c_hands_read_many_files_themselves(
    tmp_path: Path, in_c: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "ENOUGH", 4)
    monkeypatch.setattr(helpers, "BATCH", 5)
    monkeypatch.setattr(helpers, "_start", lambda *_: pytest.fail("a process was started"))
    paths = [b"%d" % number for number in range(40)]
    for path in paths:
        (tmp_path / os.fsdecode(path)).write_bytes(path)
    at_work: set[int] = set()
    both = threading.Barrier(2)

    def fill(*asked: Any) -> Filled:
        if threading.get_ident() not in at_work:
            at_work.add(threading.get_ident())
            both.wait(30)  # none goes on alone: two are in C at the same time
        return in_c(*asked)

    monkeypatch.setattr(helpers, "SMALL", SimpleNamespace(fill=fill))
    read = measure(tmp_path, paths, [Algorithm.SHA256], EngineSettings(workers=2), Silence())

    assert {each.path: each.octets for each in read} == {path: len(path) for path in paths}
    assert len(at_work) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_without_memory_to_read_to_there_is_no_verdict(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    (tmp_path / "f").write_bytes(b"octets")
    monkeypatch.setattr(helpers, "SPARE", Spare())
    monkeypatch.setattr(helper_main.mmap, "mmap", refused)
    with pytest.raises(NotNowError, match="ran out"):
        list(measure(tmp_path, [b"f"], [], EngineSettings(workers=workers), Silence()))


def test_this_machine_reads_in_c_in_ci() -> None:
    if platform.system() == "Linux" and os.environ.get("CI") == "true":
        assert helpers.SMALL is not None, "the extension was not made: is there a C compiler?"
