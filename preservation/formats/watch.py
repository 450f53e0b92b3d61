"""Which files could be something else by other tools than those that were asked: the rule. Pure.

Nobody publishes what changed between two releases of the signatures for every format, and what
``pygfried`` loads tells only its release. So the rule goes by class:

1. *weak* answers are always looked at again: unknown, doubtful, resting on the extension or on
   "it is text", or with candidates left over;
2. *parents* too, when signatures changed: formats that others refine (ZIP, XML, gzip, TIFF, …);
3. of every other format a *probe*: the files of that format in the two AIP versions that have
   the fewest. If one of them moved, all files of the format are looked at in the next round.

Where only libmagic changed, the first class alone can be concerned: PRONOM's word stands.

Limits: a strong answer that a new release would change for some files of a format only, none
of them in the probe, is not found. Looking at everything again is ``--all``.

Source: ``docs/decisions/0107-what-is-looked-at-again.md``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from preservation.model.canonical import canonical
from preservation.model.identification import Basis, Toolchain

PROBES = 2  # AIP versions that a probe looks at
WEAK = frozenset({Basis.NONE.value, Basis.EXTENSION.value, Basis.TEXT.value, ""})
# Formats that others are made of: a new signature takes files away from them first.
PARENTS = frozenset(
    {
        "fmt/101",  # XML
        "fmt/111",  # OLE2
        "fmt/189",  # Office Open XML
        "fmt/353",  # TIFF
        "fmt/494",  # Microsoft Office, encrypted
        "fmt/729",  # SQLite
        "fmt/817",  # JSON
        "x-fmt/111",  # plain text
        "x-fmt/18",  # CSV
        "x-fmt/263",  # ZIP
        "x-fmt/265",  # tar
        "x-fmt/266",  # gzip
        "fmt/282",  # netCDF-3
        "fmt/286",  # HDF5
        "fmt/287",
        "fmt/807",
    }
)


def spelled(toolchain: Toolchain) -> str:
    """A toolchain as inventories and events keep it."""
    return canonical(asdict(toolchain)).decode()


def only_libmagic(before: str, now: str) -> bool:
    """Whether two toolchains differ in the second opinion alone."""
    old, new = _parts(before), _parts(now)
    return bool(old) and {name for name in new if old.get(name, "") != new[name]} <= {"libmagic"}


def is_weak(row: Mapping[str, Any]) -> bool:
    """Whether an answer stands on so little that any other tool may give another one.

    Args:
        row: of the central inventory.
    """
    return (
        not row["format_id"]
        or bool(row["doubtful"])
        or row["basis"] in WEAK
        or bool(row["candidates"])
    )


def _parts(toolchain: str) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in json.loads(toolchain).items()}
    except (ValueError, AttributeError):
        return {}  # an AIP that does not say whose answers it has
