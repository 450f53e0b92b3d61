"""AIP versions, replicas and the sidecar that makes a replica visible.

Source: ``docs/formats/tier.md``.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import Any

from preservation.errors import MalformedError
from preservation.model.canonical import canonical
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest

SIDECAR_SCHEMA = "samarkand.seal/1"
_MOST_VERSIONS = 2**31 - 1  # what four octets hold
_PART_NUMBER = r"(\.[0-9]{5})?"  # at the end of a name
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ID = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")


def check_id(text: str, what: str) -> str:
    """Return a community's or tier's id if it is one: lower-case ASCII, digits, hyphens.

    Raises:
        MalformedError: anything that could leave a folder, look like another id, or surprise.
    """
    if not _ID.fullmatch(text) or "--" in text:
        raise MalformedError(
            f"not a {what} id: {text!r}",
            hint="use 2 to 63 of a-z, 0-9 and single hyphens, beginning with a letter",
        )
    return text


class Packaging(Enum):
    """How a tier keeps an AIP version."""

    FOLDER = "folder"
    TAR = "tar"  # samarkand-tar-1


class ReplicaState(Enum):
    """A replica counts only after it was read back and compared."""

    WRITTEN = "written"
    VERIFIED = "verified"
    DAMAGED = "damaged"

    # Members are one of a kind. Enum's own hash is Python code, and every event looks them up.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, order=True)
class VersionKey:
    """One AIP version, and with it the place of each of its replicas below a tier's root."""

    community: str
    aip: str
    version: int

    def __post_init__(self) -> None:
        check_id(self.community, "community")
        if not _UUID.fullmatch(self.aip) or not 1 <= self.version <= _MOST_VERSIONS:
            raise MalformedError(f"not an AIP version: {self.aip!r} v{self.version}")

    @property
    def folder(self) -> str:
        """``<community>/<xx>/<yy>/<aip-uuid>``, relative to the tier's root."""
        return f"{self.community}/{self.aip[:2]}/{self.aip[2:4]}/{self.aip}"

    def place(self, packaging: Packaging) -> str:
        """Where the replica's bytes lie, relative to the tier's root."""
        suffix = ".tar" if packaging is Packaging.TAR else ""
        return f"{self.folder}/v{self.version}{suffix}"

    @property
    def sidecar(self) -> str:
        """Where the replica's sidecar lies, relative to the tier's root."""
        return f"{self.folder}/v{self.version}.seal.json"

    @property
    def index(self) -> str:
        """Where the index of the replica's tar lies, relative to the tier's root."""
        return f"{self.folder}/v{self.version}.index"

    @property
    def tombstone(self) -> str:
        """Where it is said that the version was disposed of, relative to the tier's root."""
        return f"{self.folder}/v{self.version}.tombstone.json"

    @property
    def hold(self) -> str:
        """Where it is said which holds of the place's own are ours, relative to the root."""
        return f"{self.folder}/v{self.version}.hold.json"

    @property
    def top(self) -> str:
        """The one top folder inside a tar: ``<aip-uuid>.v<n>``."""
        return f"{self.aip}.v{self.version}"

    def __str__(self) -> str:
        return f"{self.aip} v{self.version}"


@dataclass(frozen=True, slots=True)
class TarFacts:
    """What fixes a samarkand-tar-1: the same on every tier that keeps one."""

    digest: Digest
    octets: int


@dataclass(frozen=True, slots=True)
class Sidecar:
    """``v<n>.seal.json``: written last, it makes a replica visible.

    Attributes:
        object: in a bucket, the replica's own name where that is not ``v<n>.tar``.
        part_octets: in a bucket, of a tar that one object can't hold, how large each of its
            parts is but the last; else 0.
        exchanged: in a bucket, number and name of each part that lies under another name than
            the tar's, since a repair replaced it alone.
        replaced: in a bucket, stamp and name of each tar, or part of one, that a repair replaced.
    """

    key: VersionKey
    seal: Digest
    previous_seal: Digest | None
    oxum: str
    packaging: Packaging
    tar: TarFacts | None
    object: str = ""
    part_octets: int = 0
    exchanged: tuple[tuple[int, str], ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        """Canonical JSON and a newline."""
        return canonical(self.to_json()) + b"\n"

    def to_json(self) -> dict[str, Any]:
        """The document, as ``docs/formats/tier.md`` specifies it."""
        return self._in_a_bucket() | {
            "schema": SIDECAR_SCHEMA,
            "aip": self.key.aip,
            "version": self.key.version,
            "community": self.key.community,
            "seal": str(self.seal),
            "previous_seal": None if self.previous_seal is None else str(self.previous_seal),
            "payload_oxum": self.oxum,
            "packaging": self.packaging.value,
            "tar": None
            if self.tar is None
            else {"sha256": self.tar.digest.hex, "bytes": self.tar.octets},
        }

    def _in_a_bucket(self) -> dict[str, Any]:
        """The fields that only a store without renames needs, and only where it does."""
        fields: dict[str, Any] = {"object": self.object} if self.object else {}
        if self.part_octets:
            fields["part_bytes"] = self.part_octets
        if self.exchanged:
            fields["parts"] = [list(pair) for pair in self.exchanged]
        if self.replaced:
            fields["replaced"] = [list(pair) for pair in self.replaced]
        return fields

    @classmethod
    def decode(cls, data: bytes) -> Sidecar:
        """Read what :meth:`encode` gave.

        Raises:
            MalformedError: it can't be read as a sidecar.
        """
        try:
            sidecar = cls.from_json(json.loads(data))
        except MalformedError:
            raise
        except (ValueError, RecursionError) as error:
            raise MalformedError(f"sidecar: {error}") from error
        sidecar.encode()  # what could not be written again was never written by us
        return sidecar

    @classmethod
    def from_json(cls, data: Any) -> Sidecar:
        """Read a sidecar's document.

        Raises:
            MalformedError: another schema, a field that is missing or of the wrong kind.
        """
        try:
            if data["schema"] != SIDECAR_SCHEMA:
                raise MalformedError(f"sidecar: unknown schema {data['schema']!r}")
            tar, previous = data["tar"], data["previous_seal"]
            key = VersionKey(data["community"], data["aip"], data["version"])
            return cls(
                key=key,
                seal=Digest.parse_tagged(data["seal"]),
                previous_seal=None if previous is None else Digest.parse_tagged(previous),
                oxum=str(data["payload_oxum"]),
                packaging=Packaging(data["packaging"]),
                tar=None
                if tar is None
                else TarFacts(Digest.parse(Algorithm.SHA256, tar["sha256"]), int(tar["bytes"])),
                object=_object(data.get("object", ""), key),
                part_octets=_part(data.get("part_bytes", 0)),
                exchanged=tuple(
                    _exchanged(number, name, key) for number, name in data.get("parts", ())
                ),
                replaced=tuple(
                    (str(stamp), _object(name, key, part=_PART_NUMBER))
                    for stamp, name in data.get("replaced", ())
                ),
            )
        except MalformedError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise MalformedError(f"sidecar: {type(error).__name__}: {error}") from error


def _object(name: Any, key: VersionKey, part: str = "") -> str:
    """A name that a writer gives to a replica of this version in a bucket, or none; never a way
    elsewhere.

    Args:
        part: what may follow it, as a pattern.
    """
    if not isinstance(name, str) or not re.fullmatch(
        rf"|v{key.version}(\.r[1-9][0-9]{{0,5}})?\.tar{part}", name
    ):
        raise MalformedError(f"sidecar: not the name of a replica of {key}: {name!r}")
    return name


def _exchanged(number: Any, name: Any, key: VersionKey) -> tuple[int, str]:
    """A part of a tar, and its name, which ends with its number."""
    if not isinstance(number, int) or isinstance(number, bool) or number < 1 or not name:
        raise MalformedError(f"sidecar: not a part's number and name: {number!r}, {name!r}")
    return number, _object(name, key, part=rf"\.{number:05d}")


def _part(octets: Any) -> int:
    if not isinstance(octets, int) or isinstance(octets, bool) or not 0 <= octets < 1 << 53:
        raise MalformedError(f"sidecar: not the size of a part: {octets!r}")
    return octets
