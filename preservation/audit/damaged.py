"""Which files of a replica a check found damaged: what a repair file by file begins with."""

from __future__ import annotations

from collections.abc import Sequence

from preservation.bags.sealed import FileFinding
from preservation.catalogue.protocol import ReplicaRow
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import Packaging

_HIDDEN = (b"data", Outcome.UNCHECKED)  # no payload manifest is intact, so nothing is compared


def damaged_paths(
    row: ReplicaRow, level: Level, found: Sequence[FileFinding], more: int
) -> tuple[bytes, ...] | None:
    """The paths in the bag, of a folder. What a damaged manifest hides shows once it is mended.

    Args:
        level: how it was looked at; what was only listed is not known file by file.
        found: the files that are not intact.
        more: how many others there are.

    Returns:
        None where they are not known.
    """
    if row.packaging is not Packaging.FOLDER or level is Level.E0 or more:
        return None
    files = [file for file in found if (file.path, file.outcome) != _HIDDEN]
    if any(not file.path or file.outcome is Outcome.UNCHECKED for file in files):
        return None
    return tuple(file.path for file in files)
