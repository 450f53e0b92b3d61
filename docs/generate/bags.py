"""Write docs/reference/finding-codes.md from the table of what can be wrong with a bag.

python docs/generate/bags.py           write it
python docs/generate/bags.py --check   exit 1 if it is not up to date
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from preservation.bags.codes import CODES, Code

TARGET = Path(__file__).resolve().parents[1] / "reference" / "finding-codes.md"
OPENING = """\
# Finding codes of bags

*Made by `docs/generate/bags.py` from `preservation/bags/codes.py`; edit that.*

What `preserve bag validate`, `preserve bag create` and ingest can say about a bag. An error
makes the bag invalid, a warning does not, unless `--strict` is given. Clauses are sections of
RFC 8493; `-` is a rule of ours. Bags that declare a version before 1.0 are judged by what those
versions allowed, where that differs.

| Code | Clause | Severity | What it means | What to do |
|---|---|---|---|---|
"""


def rows() -> Iterator[str]:
    """The table's rows, by clause and code."""
    for code in sorted(CODES.values(), key=lambda each: (each.clause, each.code)):
        cells = (f"`{code.code}`", code.clause, severity(code), code.meaning, code.hint)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def severity(code: Code) -> str:
    """In 1.0, and before where it differs."""
    if code.before_1_0 is code.severity:
        return code.severity.value
    return f"{code.severity.value}; before 1.0 {code.before_1_0.value}"


def main() -> int:
    """Write or compare the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = OPENING + "".join(rows())
    if not parser.parse_args().check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    same = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text
    if not same:
        sys.stderr.write(f"{TARGET.name} is not up to date; run `make docs`\n")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
