"""Some files of a sealed bag in a tar, fetched by their place in it instead of read through.

The index that says where they stand is not trusted. The tag manifest is compared with the seal, the
payload manifest with the tag manifest, each file with the manifest: whatever the index says, no
file is taken for another one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import BinaryIO

from preservation.bags.members import Member, SealedFolder, verified
from preservation.bags.trust import TAG_MANIFEST, Trust
from preservation.bags.verify_folder import LARGEST_TAG_MANIFEST
from preservation.errors import MalformedError, SourceDamagedError
from preservation.files.held import Held, HeldFolder, HeldTar
from preservation.files.tar import read_tar
from preservation.files.tar_index import Place, places
from preservation.model.digest import Algorithm, Digest
from preservation.model.names import display
from preservation.model.progress import Progress

_CHUNK = 1 << 20
_MANIFEST = b"manifest-sha256.txt"


def can_fetch(held: HeldTar) -> bool:
    """Whether parts of a tar can be read where it is, and an index of it may be there."""
    return held.at is not None and held.index is not None


def is_indexed(held: HeldTar) -> bool:
    """Whether they can be, and an index is there, right or wrong."""
    stream = held.index() if held.at is not None and held.index is not None else None
    if stream is None:
        return False
    stream.close()
    return True


def fetch(held: HeldTar, seal: Digest, top: str, wanted: Collection[bytes]) -> Iterator[Member]:
    """These files, in the order of the tar, each verified while it is read; what the bag does not
    have is passed over.

    Raises:
        SourceDamagedError: there is no index, or what stands where it points does not verify:
            the tar has to be read through to know which of the two is wrong.
    """
    for _, one in _each_of_tar(held, seal, top, wanted):
        yield from one


def each(
    held: Held, seal: Digest, top: str, wanted: Collection[bytes]
) -> Iterator[tuple[bytes, Iterator[Member]]]:
    """These files of a folder, or of a tar that has an index, each to be taken, or to fail, by
    itself, before the next; what the bag does not have is passed over.

    Raises:
        SourceDamagedError: here: what says which files there are does not verify; while a file
            is taken: that one is not what was sealed.
    """
    if isinstance(held, HeldTar):
        yield from _each_of_tar(held, seal, top, wanted)
        return
    with SealedFolder(held, seal) as folder:
        yield from folder.each(wanted)


def _each_of_tar(
    held: HeldTar, seal: Digest, top: str, wanted: Collection[bytes]
) -> Iterator[tuple[bytes, Iterator[Member]]]:
    index = _places(held, top, {*wanted, TAG_MANIFEST, _MANIFEST})
    trust = Trust(seal, (Algorithm.SHA256,))
    place = _place(held, index, TAG_MANIFEST)
    if place[1] > LARGEST_TAG_MANIFEST:
        raise SourceDamagedError(f"{display(TAG_MANIFEST)} by the index: larger than any real one")
    reason = trust.open(b"".join(_read(held, place, TAG_MANIFEST)))
    if reason:
        raise SourceDamagedError(f"{display(TAG_MANIFEST)} by the index: {reason}")
    if any(path.startswith(b"data/") for path in wanted):
        place = _place(held, index, _MANIFEST)
        trust.accept(_MANIFEST, _read(held, place, _MANIFEST))
        if not trust.compared:
            raise SourceDamagedError(f"{display(_MANIFEST)} by the index: not what was sealed")
    for path, expected in trust.of(wanted):
        yield path, _member(held, index, path, expected)


def _member(
    held: HeldTar, index: dict[bytes, Place], path: bytes, expected: tuple[Digest, ...]
) -> Iterator[Member]:
    place = _place(held, index, path)
    chunks = verified(path, _read(held, place, path), expected)
    yield Member(path, place[1], chunks)
    for _ in chunks:
        pass


def _places(held: HeldTar, top: str, wanted: Collection[bytes]) -> dict[bytes, Place]:
    stream = None if held.index is None else held.index()
    if stream is None:
        raise SourceDamagedError("there is no index beside the tar")
    with stream:
        try:
            return places(stream, top, wanted)
        except (MalformedError, OSError) as error:
            raise SourceDamagedError(f"the index beside the tar: {error}") from error


def _place(held: HeldTar, index: dict[bytes, Place], path: bytes) -> Place:
    offset, octets = index.get(path, (0, -1))
    if octets < 0 or offset + octets > held.octets:
        raise SourceDamagedError(f"{display(path)}: the index does not say where it is")
    return offset, octets


def _read(held: HeldTar, place: Place, path: bytes) -> Iterator[bytes]:
    """A file's octets, from where the index says that they are."""
    if held.at is None:
        raise SourceDamagedError("parts of this tar cannot be read")
    try:
        with held.at(*place) as stream:
            yield from _exactly(stream, place[1], path)
    except OSError as error:
        raise SourceDamagedError(f"{display(path)}: {error.strerror or error}") from error


def _exactly(stream: BinaryIO, octets: int, path: bytes) -> Iterator[bytes]:
    while octets:
        chunk = stream.read(min(octets, _CHUNK))
        if not chunk:
            raise SourceDamagedError(f"{display(path)}: the tar ends within it")
        octets -= len(chunk)
        yield chunk


def sizes_of(held: Held, seal: Digest, top: str, progress: Progress) -> Iterator[tuple[bytes, int]]:
    """Names and sizes of a bag's files, in the order of the tar. In a folder the payload is looked
    at, not read; nothing here says that it is intact.

    Raises:
        SourceDamagedError: what says which files there are does not verify, or one is not there.
    """
    if isinstance(held, HeldFolder):
        yield from _sizes_of_folder(held, seal)
        return
    try:
        with held.open() as stream:
            for path, octets, chunks in read_tar(stream, top):
                for chunk in chunks:
                    progress.advance(len(chunk))
                yield path, octets
    except OSError as error:
        raise SourceDamagedError(f"the tar: {error.strerror or error}") from error


def _sizes_of_folder(held: HeldFolder, seal: Digest) -> Iterator[tuple[bytes, int]]:
    with SealedFolder(held, seal) as folder:
        for member in folder.tags():
            for _ in member.chunks:
                pass
            yield member.path, member.octets
        for batch in folder.payload():
            for path in batch.paths:
                try:
                    seen = os.stat(path, dir_fd=folder.root, follow_symlinks=False)
                except OSError as error:
                    raise SourceDamagedError(f"{display(path)}: {error.strerror}") from error
                yield path, seen.st_size
