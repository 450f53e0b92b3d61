"""Memory that is freed is used again, and not taken anew page by page."""

from __future__ import annotations

import subprocess
import sys

import pytest

from preservation.files.memory import keep_what_is_freed

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
