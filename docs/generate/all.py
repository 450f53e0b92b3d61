"""Writes every generated reference page; with ``--check``, says which are not up to date."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run each generator beside this file; 1 if any of them failed."""
    failed = []
    for script in sorted(HERE.glob("*.py")):
        if script.name == "all.py" or script.name.startswith("_"):
            continue
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as left:
            if isinstance(left.code, str):
                sys.stderr.write(f"{script.name}: {left.code}\n")
            if left.code:
                failed.append(script.name)
    if failed:
        sys.stderr.write(f"not up to date: {', '.join(failed)}; run `make docs`\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
