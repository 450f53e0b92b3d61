"""Memory that is freed is used again, and not taken anew page by page; and memory for media."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from preservation.files import memory
from preservation.files.memory import Spare, for_medium, keep_what_is_freed
from preservation.fixity import helper_main
from preservation.fixity.engine import EngineSettings, measure
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

_SCRIPT = """
import resource, sys
from preservation.files.memory import keep_what_is_freed
if sys.argv[1] == "kept":
    assert keep_what_is_freed() and keep_what_is_freed()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range(20):
    pieces = [bytes(range(256)) * 2048 for _ in range(16)]
    del pieces
print(faults() - before)
"""


@pytest.mark.skipif(not keep_what_is_freed(), reason="this C library can't be told")
def test_pieces_come_from_memory_that_the_process_has() -> None:
    def faults(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, how], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert faults("kept") * 4 < faults("as it is")


def _flags(view: memoryview) -> list[str]:
    """What the kernel was told of the mapping that a view lies in."""
    at = ctypes.addressof(ctypes.c_char.from_buffer(view))
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, _, _ = line.partition(" ")
        if "-" in first:
            low, high = (int(each, 16) for each in first.split("-"))
            inside = low <= at < high
        elif inside and first == "VmFlags:":
            return line.split()[1:]
    raise AssertionError("no such mapping")


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="a kernel without huge pages"
)
@pytest.mark.parametrize(
    "take", [lambda octets: for_medium(octets)[0], helper_main._memory], ids=["ours", "helpers'"]
)
def test_a_medium_gets_huge_pages_which_no_forked_child_has(
    take: Callable[[int], memoryview],
) -> None:
    flags = _flags(take(512 << 10))
    assert "hg" in flags
    assert "dc" in flags  # not copied
    assert "sh" not in flags  # shared memory has none, as systems come


def test_pieces_for_a_medium_begin_at_pages_and_share_nothing() -> None:
    pieces = for_medium(3 << 12, 5)
    starts = [ctypes.addressof(ctypes.c_char.from_buffer(each)) for each in pieces]
    assert [each % 4096 for each in starts] == [0] * 5
    assert [len(each) for each in pieces] == [3 << 12] * 5
    assert all(after - before == 3 << 12 for before, after in itertools.pairwise(starts))


def test_what_was_given_back_is_taken_again_by_one() -> None:
    spare = Spare()
    first, other = spare.take(8192), spare.take(4096)
    first[:1] = b"x"
    spare.give_back(first)
    spare.give_back(other)
    taken = [spare.take(8192) for _ in range(2)]
    assert [bytes(each[:1]) for each in taken] == [b"x", b"\0"]
    assert len(spare.take(4096)) == 4096


def test_no_more_than_a_bound_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SPARED", 8192)
    spare = Spare()
    taken = [spare.take(4096) for _ in range(4)]
    for each in taken:
        each[:1] = b"x"
        spare.give_back(each)
    assert sum(spare.take(4096)[0] for _ in range(4)) == 2 * ord("x")


def test_a_forked_child_goes_on_with_memory_of_its_own() -> None:
    memory.SPARE.give_back(memory.SPARE.take(4096))
    child = os.fork()
    if not child:  # what the parent has is not there: to write to it would end the child
        memory.SPARE.take(4096)[:1] = b"x"
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("drop_cache", [False, True])
def test_the_next_folder_is_read_into_the_same_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop_cache: bool
) -> None:
    for number in range(40):
        (tmp_path / f"{number}").write_bytes(bytes(1_000_000 if number < 20 else 2_000))
    paths = [b"%d" % number for number in range(40)]
    settings = EngineSettings(workers=1, drop_cache=drop_cache)

    def read() -> set[bytes]:
        found = measure(tmp_path, paths, (Algorithm.SHA256,), settings, Silence())
        return {each.digests[Algorithm.SHA256].value for each in found}

    def none(octets: int, pieces: int = 1) -> list[memoryview]:
        raise AssertionError("taken anew")

    spare = Spare()
    for each in ("fixity.abreast", "fixity.helpers"):
        monkeypatch.setattr(f"preservation.{each}.SPARE", spare)
    first = read()
    monkeypatch.setattr(memory, "for_medium", none)
    assert read() == first
    assert len(first) == 2
