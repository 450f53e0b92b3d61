"""Libraries in C that stand between a program and its kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def preloaded(source: Path, folder: Path) -> Path:
    """A library to name in ``LD_PRELOAD``; the test is skipped where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no C compiler")
        pytest.skip("no C compiler")
    made = folder / f"{source.stem}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made
