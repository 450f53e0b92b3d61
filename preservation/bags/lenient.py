"""Named ways in which old or careless tools departed from the RFC, to be taken on request.

None is taken by default, and each that made a difference is named in the result.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from preservation.errors import UsageError


class Leniency(Enum):
    """What is taken although the RFC forbids it; the value is its name on the command line."""

    PERCENT_ENCODING = "percent-encoding"  # too much, too little, or in a version without any
    BOM = "bom"  # a byte-order mark before a tag file in UTF-8
    ASTERISK = "asterisk"  # md5sum's binary mode before a path
    DOT_SLASH = "dot-slash"  # `./` before a path
    DUPLICATES = "duplicates"  # a path, or Payload-Oxum, twice with the same value
    DECLARATION = "declaration"  # bagit.txt with other white space, order, or further lines
    BAG_INFO = "bag-info"  # no white space after a label's colon, or before it
    ALGORITHM_NAMES = "algorithm-names"  # manifest-SHA-256.txt


SOFTENED: Final = {
    "BAG-PATH-ESCAPE": Leniency.PERCENT_ENCODING,
    "BAG-NAME-ENCODED": Leniency.PERCENT_ENCODING,
    "BAG-TAG-BOM": Leniency.BOM,
    "BAG-MANIFEST-ASTERISK": Leniency.ASTERISK,
    "BAG-PATH-DOT-SLASH": Leniency.DOT_SLASH,
    "BAG-MANIFEST-TWICE": Leniency.DUPLICATES,
    "BAG-OXUM-REPEATED": Leniency.DUPLICATES,
    "BAG-DECLARATION-LINES": Leniency.DECLARATION,
    "BAG-INFO-SPACE": Leniency.BAG_INFO,
    "BAG-ALGORITHM-NAME": Leniency.ALGORITHM_NAMES,
}
ALL: Final = frozenset(Leniency)


def leniencies(names: list[str]) -> frozenset[Leniency]:
    """Those that are named; ``all`` names each.

    Raises:
        UsageError: there is none of that name.
    """
    known = {each.value: each for each in Leniency}
    wrong = [name for name in names if name not in known and name != "all"]
    if wrong:
        raise UsageError(
            f"no lenient mode: {', '.join(wrong)}", hint=f"all, or one of {', '.join(known)}"
        )
    return ALL if "all" in names else frozenset(known[name] for name in names)
