"""The table: every row of ours, and which of them a file matches.

Rows that want the file's extension are asked first, then all others; the finer before the
coarser; the first that matches decides. The ids
are told in ``docs/formats/format-ids.md``, which is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain

from preservation.formats.sample import OverBudgetError, Sample
from preservation.formats.signatures import (
    archives,
    arrays,
    biology,
    chemistry,
    geo,
    images,
    markup,
    source_code,
    statistics,
    texts,
)
from preservation.formats.signatures.local_format import LocalFormat, can_match, is_of_text

VERSION = "1"  # of the table's meaning; what is in it is told by a digest of the sources

_ANY = (
    *arrays.ROWS,
    *statistics.ROWS,
    *images.ROWS,
    *geo.ROWS,
    *biology.ROWS,
    *chemistry.ROWS,
    *archives.ROWS,
)
_TEXT = (*markup.ROWS, *texts.ROWS, *source_code.ROWS)
ROWS: Sequence[LocalFormat] = (*_ANY, *_TEXT)
FORMATS: Mapping[str, LocalFormat] = {one.id: one for one in ROWS}
# PUIDs of formats that have a row: a name alone does not make a file one of them.
TESTED_PUIDS = frozenset(one.puid for one in ROWS if one.puid)
# PUIDs of formats that are text and nothing else.
TEXT_PUIDS = frozenset(
    puid for one in ROWS if is_of_text(one) for puid in one.parents | one.wrong | {one.puid} if puid
)

# Extensions of the finer formats of which a PUID is the parent.
CHILDREN: Mapping[str, frozenset[str]] = {
    puid: frozenset(
        extension for one in ROWS if puid in one.parents for extension in one.extensions
    )
    - {"txt"}
    for puid in {puid for one in ROWS for puid in one.parents}
}

_NAMED = {
    extension: tuple(one for one in ROWS if one.named and extension in one.extensions)
    for extension in {extension for one in ROWS if one.named for extension in one.extensions}
}
_UNNAMED = tuple(one for one in ROWS if not one.named)


@lru_cache(4096)
def _possible(
    extension: str, start: bytes, is_text: bool, character: str
) -> tuple[LocalFormat, ...]:
    """Rows that a file can match, going by how its name ends and how it begins."""
    rows = chain(_NAMED.get(extension, ()), _UNNAMED)
    return tuple(one for one in rows if can_match(one, start, is_text, character))


def recognise(sample: Sample) -> LocalFormat | None:
    """The first row that a file matches; None if none does.

    Raises:
        OSError: the medium failed.
    """
    if not sample.octets:
        return None
    named = sample.extension if sample.extension in _NAMED else ""
    is_text = sample.text is not None
    for one in _possible(named, sample.head[:1], is_text, sample.start[:1]):
        try:
            if one.test(sample):
                return one
        except OverBudgetError:
            continue
    return None
