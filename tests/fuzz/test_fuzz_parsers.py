"""Every parser is fuzzed for a moment, and given every case that was kept.

``make fuzz`` does it for longer; what it finds is kept in ``corpus/`` under a name that says what
it was.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
from fuzzers import CORPUS, harnesses, run

SECONDS = 2 if os.environ.get("CI") else 1  # for each: a minute in all
CASES = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("case", CASES, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_case_that_was_kept_harms_nothing(case: Path) -> None:
    importlib.import_module(f"fuzz_{case.parent.name}").once(case.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", harnesses())
def test_no_octets_make_a_parser_fall(name: str) -> None:
    done = run(name, SECONDS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_every_parser_has_cases() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(harnesses())
