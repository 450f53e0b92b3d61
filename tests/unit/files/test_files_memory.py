"""Memory that is freed is used again, and not taken anew page by page; and memory for media."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from preservation.files.memory import for_medium, keep_what_is_freed
from preservation.fixity import helper_main

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
