"""The objects that a sidecar speaks of: the replica's own, and those that repairs have replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from preservation.errors import MalformedError
from preservation.model.deferred import dataclass
from preservation.model.replica import Packaging, Sidecar, VersionKey
from preservation.storage.s3.place import S3Place

_SHOWN = 10  # parts that a place names


def part_name(name: str, number: int) -> str:
    """The name of a tar's part; numbers begin with 1."""
    return f"{name}.{number:05d}"


@dataclass(frozen=True, slots=True)
class Named:
    """A tar in a bucket, by its name.

    Attributes:
        elsewhere: number and name of parts that lie under another one.
    """

    name: str
    elsewhere: Mapping[int, str] = field(default_factory=dict)

    def part(self, number: int) -> str:
        """The name of a part."""
        return self.elsewhere.get(number) or part_name(self.name, number)


@dataclass(frozen=True, slots=True)
class Replaced:
    """What one repair replaced: a tar, whole or in parts, or some parts of one.

    Attributes:
        tar: None where it was some parts.
        parts: their names, in order; of a tar those that lay under another name.
    """

    tar: Named | None
    parts: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it lies, for people."""
        if self.tar is not None:
            return self.tar.name
        more = len(self.parts) - _SHOWN
        return ", ".join(self.parts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def former_sidecar(place: S3Place, key: VersionKey) -> Sidecar | None:
    """The sidecar that is there, if it can be read as one."""
    data = place.get(key.sidecar)
    try:
        return None if data is None else Sidecar.decode(data)
    except MalformedError:
        return None


def current(key: VersionKey, sidecar: Sidecar | None) -> Named:
    """A replica's objects: as its sidecar says, or under the plain name."""
    if sidecar is None:
        return Named(key.place(Packaging.TAR))
    name = f"{key.folder}/{sidecar.object}" if sidecar.object else key.place(Packaging.TAR)
    return Named(name, {number: f"{key.folder}/{one}" for number, one in sidecar.exchanged})


def replaced(key: VersionKey, sidecar: Sidecar, stamp: str) -> Replaced | None:
    """What a repair replaced under a stamp; None if there is no such stamp."""
    names = [f"{key.folder}/{name}" for used, name in sidecar.replaced if used == stamp]
    if not names:
        return None
    parts = {number_at_end(name): name for name in names if not name.endswith(".tar")}
    tars = [name for name in names if name.endswith(".tar")]
    tar = Named(tars[0], parts) if tars else None
    return Replaced(tar, tuple(name for _, name in sorted(parts.items())))


def number_at_end(name: str) -> int:
    """Which part of its tar a part is."""
    return int(name.rpartition(".")[2])


def tars_of(key: VersionKey, sidecar: Sidecar | None) -> set[str]:
    """The names of tars of which a sidecar names anything."""
    if sidecar is None:
        return set()
    names = [name for _, name in (*sidecar.exchanged, *sidecar.replaced)]
    tars = {name if name.endswith(".tar") else name.rpartition(".")[0] for name in names}
    return {current(key, sidecar).name} | {f"{key.folder}/{name}" for name in tars}
