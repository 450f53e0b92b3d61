"""Write docs/formats/format-ids.md: the identifiers of our own table, from the table.

python docs/generate/formats.py           write it
python docs/generate/formats.py --check   exit 1 if it is not up to date
"""

from __future__ import annotations

import sys
from pathlib import Path

from _pages import settle

from preservation.formats.signatures.local_format import LocalFormat
from preservation.formats.signatures.table import ROWS

TARGET = Path(__file__).resolve().parents[1] / "formats" / "format-ids.md"

HEAD = """# Format identifiers of our own

*Made by `docs/generate/formats.py` from the table in `preservation/formats/signatures`.*

Where PRONOM has no signature for a format, or only its parent's, a table of ours decides. Its
identifiers begin with `samarkand/`: a documented namespace, beside PRONOM's, never inside it. An
identifier is never renamed, and never used for another format; a row may get a finer test, which
changes the version of the table that is kept with each answer (`Toolchain.local`).

They stand in the column `local` of an inventory, and policies may name them like a PUID. A PUID
beside one is PRONOM's identifier of the same format (column *PUID* here), or of the coarser parent
that PRONOM's own signature saw.

- **PUID**: PRONOM's identifier of exactly this format. Empty: PRONOM has none.
- **Refines**: parents; where PRONOM says one of them, the finer row is told beside it.
- **Overrules**: PUIDs that PRONOM's signatures are known to give to this format, wrongly.
- **Named**: the row counts only under one of its extensions; the content must bear it out, too.

"""


def _row(one: LocalFormat) -> str:
    cells = (
        f"`{one.id}`",
        " ".join(filter(None, (one.name, one.version if one.version not in one.name else ""))),
        one.mime,
        one.puid,
        " ".join(sorted(one.parents)),
        " ".join(sorted(one.wrong)),
        " ".join(one.extensions[:8]),
        "yes" if one.named else "",
        one.source,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page() -> str:
    """The whole page."""
    titles = ["Id", "Format", "MIME type", "PUID", "Refines", "Overrules", "Extensions"]
    titles += ["Named", "Source"]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += [_row(one) for one in sorted(ROWS, key=lambda one: one.id)]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(settle({TARGET: page()}, __doc__))
