"""ARCHITECTURE.md names modules and what is in them as they are."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_what_the_architecture_names_is_in_the_code() -> None:
    rooms = {path.name for path in (ROOT / "preservation").iterdir() if path.is_dir()}
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", text))
    named = {name for name in named if name.partition(".")[0] in rooms}
    assert len(named) > 20
    for name in sorted(named):
        pkgutil.resolve_name(f"preservation.{name}")
