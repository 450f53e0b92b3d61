"""What lies on a tier, by its names and sizes alone: level E0, nothing is read.

Source: ``docs/formats/tier.md``, "Layout".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from preservation.model.deferred import dataclass
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.steps import PROBE

_HEX = re.compile(r"[0-9a-f]{2}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BYTES = re.compile(r"v([1-9][0-9]{0,8})(\.r[1-9][0-9]{0,5})?(\.tar)?")
_PART = re.compile(r"(v([1-9][0-9]{0,8})(?:\.r[1-9][0-9]{0,5})?\.tar)\.([0-9]{5})")
_SIDECAR = re.compile(r"v([1-9][0-9]{0,8})\.seal\.json")
_INDEX = re.compile(r"v([1-9][0-9]{0,8})\.index")
_HOLD = re.compile(r"v([1-9][0-9]{0,8})\.hold\.json")
_TOMBSTONE = re.compile(r"v([1-9][0-9]{0,8})\.tombstone\.json")
LEVELS = 4  # folders above a replica: community, xx, yy, AIP


@dataclass(frozen=True, slots=True)
class Lying:
    """One folder of a tier, with what lies directly in it.

    Attributes:
        names: of what is there, with octets; None for a folder.
    """

    folder: str
    names: Mapping[str, int | None]

    @property
    def aip(self) -> str:
        """The AIP whose folder this is; empty if it is no AIP's."""
        parts = self.folder.split("/")
        if len(parts) != LEVELS or not belongs(parts[-1], LEVELS - 1, "/".join(parts[:-1])):
            return ""
        return parts[-1]


@dataclass(slots=True)
class Version:
    """What lies there of one AIP version.

    Attributes:
        held: names that a replica's bytes have, with octets; None for a folder.
        parts: the same for tars in parts: octets by the part's number.
    """

    key: VersionKey
    held: dict[str, int | None] = field(default_factory=dict)
    parts: dict[str, dict[int, int]] = field(default_factory=dict)
    has_sidecar: bool = False

    @property
    def is_held(self) -> bool:
        """Whether any octets of a replica are there."""
        return bool(self.held or self.parts)

    def packaging(self, name: str) -> Packaging:
        """What a name of ``held`` says that it is."""
        return Packaging.TAR if name.endswith(".tar") else Packaging.FOLDER


def aip_folder(community: str, aip: str) -> str:
    """The folder of one AIP below a tier's root."""
    return VersionKey(community, aip, 1).folder


def belongs(name: str, level: int, above: str) -> bool:
    """Whether a name is one that a replica's path has below a community.

    Args:
        level: how many folders are above it.
        above: those folders, ``/`` between them.
    """
    if level < LEVELS - 1:
        return bool(_HEX.fullmatch(name))
    return bool(_UUID.fullmatch(name)) and above.endswith(f"{name[:2]}/{name[2:4]}")


def versions(lying: Lying) -> tuple[dict[int, Version], list[str]]:
    """Sort an AIP's folder by version; and the names that belong to none. Of a version that was
    disposed of there is a tombstone, which is neither.
    """
    community, aip = lying.folder.split("/")[0], lying.aip
    found: dict[int, Version] = {}
    strange: list[str] = []

    def version(digits: str) -> Version:
        key = VersionKey(community, aip, int(digits))
        return found.setdefault(key.version, Version(key))

    for name, octets in lying.names.items():
        if octets is not None and (_TOMBSTONE.fullmatch(name) or _HOLD.fullmatch(name)):
            continue
        part, index = _PART.fullmatch(name), _INDEX.fullmatch(name)
        if octets is not None and part is not None:
            version(part[2]).parts.setdefault(part[1], {})[int(part[3])] = octets
            continue
        if octets is not None and index is not None:
            version(index[1])  # derived: nothing is wrong with it, whatever it says
            continue
        held, sidecar = _BYTES.fullmatch(name), _SIDECAR.fullmatch(name)
        match = sidecar or held
        if match is None or (held is not None and (octets is None) == bool(held[3])):
            strange.append(name)
            continue
        one = version(match[1])
        if sidecar is not None:
            one.has_sidecar = True
        else:
            one.held[name] = octets
    return found, strange


def strange(name: str) -> str:
    """What is said of a name at a tier's top that no tier has there."""
    if name.startswith(PROBE):
        return "left by a `preserve tier check` that was stopped; it may be removed"
    return "nothing of ours"


def grouped(names: Iterable[tuple[str, int]]) -> Iterator[Lying]:
    """Gather sorted names of objects by the folder that each lies in.

    Of an AIP's folder everything is gathered, as if of a real one: what lies deeper in it is
    there under the name of the folder in between.
    """
    folder, inside = "", dict[str, int | None]()
    for name, octets in names:
        above, last, held = _placed(name, octets)
        if above != folder and inside:
            yield Lying(folder, inside)
            inside = {}
        folder = above
        inside[f"{last}/" if last in inside and held is None else last] = held
    if inside:
        yield Lying(folder, inside)


def _placed(name: str, octets: int) -> tuple[str, str, int | None]:
    """The folder, the name in it, and its octets; None where that is a folder in turn."""
    parts = name.split("/")
    folder = "/".join(parts[:LEVELS])
    if len(parts) > LEVELS + 1 and Lying(folder, {}).aip:
        return folder, parts[LEVELS], None
    above, _, last = name.rpartition("/")
    return above, last, octets
