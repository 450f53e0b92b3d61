"""Replicas small enough to write out, and tiers named after the harm they do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from preservation.errors import NoSpaceError, TierUnavailableError
from preservation.files import tar
from preservation.files.held import Held, HeldFolder
from preservation.model.digest import Algorithm, Digest
from preservation.model.replica import Packaging, Sidecar, TarFacts, VersionKey
from preservation.storage.local import LocalTier
from preservation.storage.tier import Incoming

KEY = VersionKey("silk-road", "0b3d6c5a-8f5e-4f4e-9d5b-0123456789ab", 1)
GOOD = {b"bagit.txt": b"good", b"tagmanifest-sha256.txt": b"seal", b"data/a": b"x" * 3000}
BAD = {**GOOD, b"data/a": b"y" * 3000}


def fill(incoming: Incoming, packaging: Packaging, files: dict[bytes, bytes] = GOOD) -> None:
    """Write a bag as a service would."""
    if packaging is Packaging.TAR:
        incoming.write(stream(files))
        return
    for path, data in files.items():
        place = incoming.folder / path.decode()
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)


def stream(files: dict[bytes, bytes], key: VersionKey = KEY) -> Iterator[bytes]:
    members = ((p, len(files[p]), iter([files[p]])) for p in sorted(files, key=tar.order))
    return tar.write_tar(key.top, members)


def contents(held: Held) -> dict[bytes, bytes]:
    """Everything in a replica."""
    if isinstance(held, HeldFolder):
        return {
            str(path.relative_to(held.path)).encode(): path.read_bytes()
            for path in held.path.rglob("*")
            if path.is_file()
        }
    with held.open() as opened:
        return {path: b"".join(chunks) for path, _, chunks in tar.read_tar(opened, KEY.top)}


def sidecar(
    packaging: Packaging, files: dict[bytes, bytes] = GOOD, key: VersionKey = KEY
) -> Sidecar:
    facts = None
    if packaging is Packaging.TAR:
        data = b"".join(stream(files, key))
        facts = TarFacts(Digest(Algorithm.SHA256, hashlib.sha256(data).digest()), len(data))
    return Sidecar(key, Digest(Algorithm.SHA256, bytes(32)), None, "3000.1", packaging, facts)


class _HarmfulIncoming:
    """Passes everything on; a subclass does the harm."""

    def __init__(self, inner: Incoming) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _LosingReplies(_HarmfulIncoming):
    def commit(self, sidecar: Sidecar) -> None:
        self._inner.commit(sidecar)
        raise TierUnavailableError("the connection was cut after the write")

    def swap(self, sidecar: Sidecar, stamp: str) -> str:
        self._inner.swap(sidecar, stamp)
        raise TierUnavailableError("the connection was cut after the write")


class _Rotting(_HarmfulIncoming):
    def settle(self) -> None:
        self._inner.settle()
        held = self._inner.held()
        assert isinstance(held, HeldFolder)
        flip(held.path / "data" / "a")


class _Filling(_HarmfulIncoming):
    def write(self, chunks: Iterable[bytes]) -> None:
        def cut() -> Iterator[bytes]:
            for number, chunk in enumerate(chunks):
                if number == 2:
                    raise NoSpaceError("full in the middle of a stream")
                yield chunk

        self._inner.write(cut())


class LostReplyTier(LocalTier):
    """Stores what it was given, then says that it failed."""

    def incoming(self, *args: Any, **kwargs: Any) -> Incoming:
        return _LosingReplies(super().incoming(*args, **kwargs))


class RottingTier(LocalTier):
    """One octet changes between the write and the read-back."""

    def incoming(self, *args: Any, **kwargs: Any) -> Incoming:
        return _Rotting(super().incoming(*args, **kwargs))


class FillingTier(LocalTier):
    """Full in the middle of a tar."""

    def incoming(self, *args: Any, **kwargs: Any) -> Incoming:
        return _Filling(super().incoming(*args, **kwargs))


class VanishingTier(LocalTier):
    """There for so many looks at the marker, then not mounted any more."""

    def __init__(self, root: Path, id: str, looks: int) -> None:
        super().__init__(root, id)
        self.looks = looks

    def check(self) -> None:
        self.looks -= 1
        if self.looks < 0:
            raise TierUnavailableError(f"tier {self.id}: no marker", code="TIER-NO-MARKER")
        super().check()


def flip(path: Path, offset: int = 0) -> None:
    """Change one octet in place, as a medium would, whatever the permissions."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(offset)
        octet = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([octet ^ 1]))
    path.chmod(mode)
