"""Localising damage: which octets of which files, by comparing with a replica that is intact.

Asked when a finding is opened, so that whoever has to decide about a repair sees what is wrong
before anything is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from preservation.bags.ranged import sizes_of
from preservation.bags.sealed import FileFinding
from preservation.catalogue.protocol import Catalogue, ReplicaRow
from preservation.errors import SamarkandError
from preservation.files.held import Held, HeldTar
from preservation.files.tar_index import Place, places_of
from preservation.model.outcome import Outcome
from preservation.model.progress import Silence
from preservation.model.replica import Packaging, ReplicaState
from preservation.repair.difference import Wanted, file_differences, placed
from preservation.storage.tier import Tier

LISTED = 20  # files that are compared
SHOWN = 10  # ranges of one file that the finding itself carries
READ_AGAIN = 1 << 30  # octets of a tar that are worth another reading only to say where


class Localiser:
    """Compares damaged files with those of an intact sibling."""

    def __init__(self, catalogue: Catalogue, tiers: Mapping[str, Tier]) -> None:
        self._catalogue = catalogue
        self._tiers = tiers

    def localise(self, row: ReplicaRow, files: Sequence[FileFinding]) -> dict[str, Any]:
        """Where some files of a damaged replica differ.

        Returns:
            ``{"compared_with": tier, "ranges": {path in hexadecimal: [{"offset", "bytes"}]}}``;
            empty where no sibling can say. A file that is wholly gone has no ranges. Nothing
            is raised: a finding is not less true for being less exact.
        """
        wanted = [
            Wanted(file.path, file.expected)
            for file in files[:LISTED]
            if file.outcome is Outcome.ALTERED and file.expected is not None
        ]
        for sibling in self._siblings(row) if wanted else ():
            try:
                return self._compared(row, sibling, wanted)
            except (SamarkandError, OSError):
                continue
        return {}

    def _compared(
        self, row: ReplicaRow, sibling: ReplicaRow, wanted: Sequence[Wanted]
    ) -> dict[str, Any]:
        damaged, intact = self._held(row), self._held(sibling)
        at = _places(row, damaged, intact, [one.path for one in wanted])
        bad_at = at if _is_as_long(row, damaged) else {}
        if _is_too_long(damaged, bad_at, wanted) or _is_too_long(intact, at, wanted):
            return {}
        ranges = {
            found["path_hex"]: [
                {"offset": each["offset"], "bytes": each["bytes"]}
                for each in found["ranges"][:SHOWN]
            ]
            for found in file_differences(damaged, intact, wanted, bad_at, at)
            if found["ranges"]
        }
        return {"compared_with": sibling.tier, "ranges": ranges} if ranges else {}

    def _held(self, row: ReplicaRow) -> Held:
        return self._tiers[row.tier].held(row.key, row.packaging)

    def _siblings(self, row: ReplicaRow) -> list[ReplicaRow]:
        """Replicas last found intact, folders before tars: of these one file is read alone."""
        rows = self._catalogue.replicas(row.key.community, aip=row.key.aip)
        sound = [
            one
            for one in rows
            if one.key == row.key
            and one.tier != row.tier
            and one.tier in self._tiers
            and one.state is ReplicaState.VERIFIED
        ]
        return sorted(sound, key=lambda one: one.packaging is not Packaging.FOLDER)


def _places(
    row: ReplicaRow, damaged: Held, intact: Held, paths: Sequence[bytes]
) -> dict[bytes, Place]:
    """Where files stand in a tar of this version, by whichever is intact: of a folder by its names
    and sizes. Every such tar is the same, so it is where they stood in the damaged one, too.
    """
    if isinstance(intact, HeldTar) or not isinstance(damaged, HeldTar):
        return placed(intact, row.key.top, paths)
    sizes = sizes_of(intact, row.seal, row.key.top, Silence())
    return places_of(row.key.top, sizes, paths)


def _is_as_long(row: ReplicaRow, damaged: Held) -> bool:
    """Whether a damaged tar is as long as it was: then nothing in it was moved."""
    return isinstance(damaged, HeldTar) and row.tar is not None and damaged.octets == row.tar.octets


def _is_too_long(held: Held, at: Mapping[bytes, Place], wanted: Sequence[Wanted]) -> bool:
    """Whether all of a long tar would have to be read, only to say where."""
    known = all(one.path in at for one in wanted)
    return isinstance(held, HeldTar) and not known and held.octets > READ_AGAIN
