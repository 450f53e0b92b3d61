"""Sorting in flat memory: the same as sorting in memory, whatever is spooled and merged."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preservation.errors import MalformedError, NotNowError
from preservation.files import sorting
from preservation.files.sorting import Slice, Sorter, aligned, distinct

paths = st.lists(st.binary(min_size=1, max_size=6).filter(lambda path: b"\0" not in path))


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Lots, fans and blocks so small that a few records are merged more than once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "LOT", 4)
        patch.setattr(sorting, "_FAN", 3)
        patch.setattr(sorting, "_BLOCK", 8)
        patch.setattr(sorting, "_ALL_BLOCKS", 8)
        yield


def sorter(names: list[bytes], *, numbered: bool = False) -> Sorter:
    made = Sorter(4 if numbered else 0)
    for number, name in enumerate(names):
        made.add(name, number.to_bytes(4, "big") if numbered else b"")
    return made


def records(slices: Iterator[Slice]) -> list[tuple[bytes, bytes]]:
    return [(path, piece.value(n)) for piece in slices for n, path in enumerate(piece.paths)]


@given(paths)
def test_records_come_out_sorted_with_their_values_and_equal_paths_as_they_came(
    names: list[bytes],
) -> None:
    made = sorter(names, numbered=True)
    wanted = sorted((name, number.to_bytes(4, "big")) for number, name in enumerate(names))
    assert records(made.slices()) == wanted
    assert records(made.slices()) == wanted  # and again
    assert len(made) == len(names)


@given(paths)
def test_the_first_of_each_path_is_kept_and_the_others_are_told(names: list[bytes]) -> None:
    told: list[tuple[bytes, bool]] = []
    made = sorter(names, numbered=True)
    kept = records(distinct(made.slices(), lambda path, same: told.append((path, same))))
    assert kept == [(name, names.index(name).to_bytes(4, "big")) for name in sorted(set(names))]
    assert sorted(path for path, _ in told) == sorted(
        name for number, name in enumerate(names) if name in names[:number]
    )
    assert not any(same for _, same in told)


@given(st.lists(paths, min_size=1, max_size=4))
def test_streams_side_by_side_give_the_same_stretch_of_names_of_all(
    lists: list[list[bytes]],
) -> None:
    streams = [distinct(sorter(names).slices()) for names in lists]
    met: list[list[bytes]] = [[] for _ in lists]
    before = b""
    for pieces in aligned(streams):
        everything = [path for piece in pieces for path in piece.paths]
        assert min(everything) > before
        before = max(everything)
        for names, piece in zip(met, pieces, strict=True):
            names += piece.paths
    assert met == [sorted(set(names)) for names in lists]


def test_memory_does_not_grow_with_the_number_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "LOT", 500)
    monkeypatch.setattr(sorting, "_FAN", 8)
    monkeypatch.setattr(sorting, "_ALL_BLOCKS", 1 << 16)

    def peak(count: int) -> int:
        draw = random.Random(1)
        tracemalloc.start()
        try:
            made = Sorter(8)
            for _ in range(count):
                name = draw.randbytes(12).hex().encode()
                made.add(name, bytes(8))
            assert sum(len(piece.paths) for piece in made.slices()) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(30_000) < 1.3 * peak(10_000)


def test_a_full_disk_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere")
    with pytest.raises(NotNowError, match="temporary file"):
        sorter([b"a", b"b", b"c", b"d", b"e"])


@pytest.mark.parametrize("names", [2, 20])
def test_what_was_read_takes_in_nothing_more(names: int) -> None:
    made = sorter([b"%d" % number for number in range(names)])
    first = records(made.slices())
    with pytest.raises(MalformedError):
        made.add(b"late")
    assert records(made.slices()) == first
