"""Legal holds that we set, and not those of others: a hold knows no owner.

Which are ours stands beside the replica, written before they are set. Of one that was there before,
nothing is written, and it stays when ours ends.

Source: ``docs/formats/tier.md``, "In a bucket".
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from preservation.errors import MalformedError
from preservation.model.canonical import canonical
from preservation.model.replica import VersionKey
from preservation.storage.s3.place import S3Place

_SCHEMA = "samarkand.hold/1"


def hold(place: S3Place, key: VersionKey, names: Sequence[str]) -> None:
    """Hold some objects of a replica. It may be done again.

    Raises:
        MalformedError: what says which holds are ours can't be read.
        TierUnavailableError: the service, or the right to ask and to set holds, is in the way.
    """
    ours = _ours(place, key)
    new = [name for name in names if name not in ours and not place.is_held(name)]
    if new:
        _say(place, key, ours := {*ours, *new})
    for name in names:
        if name in ours:
            place.hold(name, on=True)


def lift(place: S3Place, key: VersionKey) -> None:
    """End our holds on a version's objects, those that repairs replaced included.

    Raises:
        As :func:`hold`.
    """
    ours = _ours(place, key)
    for name in sorted(ours):
        if place.head(name) is not None:
            place.hold(name, on=False)
    if ours:
        _say(place, key, ())


def _ours(place: S3Place, key: VersionKey) -> set[str]:
    data = place.get(key.hold)
    if data is None:
        return set()
    try:
        said = json.loads(data)
        names: list[str] = said["objects"]
        is_read = said["schema"] == _SCHEMA and not any("/" in name for name in names)
    except (ValueError, KeyError, TypeError):
        is_read = False
    if not is_read:
        raise MalformedError(
            f"tier {place.id}: {key.hold} can't be read: which legal holds are ours is not known",
            hint="look at the holds of that version's objects; remove that document, and those "
            "that are set count as somebody else's",
        )
    return {f"{key.folder}/{name}" for name in names}


def _say(place: S3Place, key: VersionKey, names: Collection[str]) -> None:
    objects = sorted(name.rpartition("/")[2] for name in names)
    place.replace(key.hold, canonical({"objects": objects, "schema": _SCHEMA}) + b"\n")
