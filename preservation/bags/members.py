"""Hands out the files of a sealed bag, each verified while it is read.

The source of replication and repair: no octet is the end of a file before that file's digest
was compared with one under the seal.

A file's last octets are given before it is compared, since files may be larger than memory.
So whoever copies must not let anything become visible before the last member has come.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, Self

from preservation.bags.expectations import PayloadInOrder
from preservation.bags.members_abreast import Small, abreast
from preservation.bags.trust import TAG_MANIFEST, Trust
from preservation.bags.verify_folder import LARGEST_TAG_MANIFEST
from preservation.errors import MalformedError, SourceDamagedError
from preservation.files.held import Held, HeldFolder, HeldTar
from preservation.files.memory import keep_what_is_freed
from preservation.files.spool import Spool
from preservation.files.tar import order, read_tar
from preservation.fixity.compare import Expected
from preservation.fixity.direct import past_cache, stays_cached
from preservation.fixity.multihash import MultiHash
from preservation.fixity.reading import BLOCK, Folders, open_regular, reason_of
from preservation.model.digest import Algorithm, Comparison, Digest
from preservation.model.names import display
from preservation.model.replica import TarFacts

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DECLARATION = b"bagit.txt"
_LARGEST_DECLARATION = 4096


class Member(NamedTuple):
    """One file of a bag; ``chunks`` must be taken before the next member."""

    path: bytes
    octets: int
    chunks: Iterator[bytes]


def everything(_: bytes) -> bool:
    """For who wants every file."""
    return True


def members(
    held: Held,
    seal: Digest,
    tar: TarFacts | None,
    wanted: Callable[[bytes], bool] = everything,
) -> Iterator[Member]:
    """The files of a sealed bag, in the order of ``samarkand-tar-1``.

    Args:
        held: where the bytes are.
        seal: SHA-256 of the tag manifest.
        tar: what the tar should be; a wrong size is noticed before anything is read.
        wanted: asked of each path; what is not wanted is not opened in a folder, and passed
            over in a tar.

    Raises:
        SourceDamagedError: while iterating, or in a member's ``chunks``: a file that differs,
            is missing, cannot be read, or is not listed (in a folder those are passed over).
    """
    keep_what_is_freed()
    if isinstance(held, HeldFolder):
        return _of_folder(held, seal, wanted)
    if tar is not None and held.octets != tar.octets:
        raise SourceDamagedError(f"a tar of {held.octets} octets, not {tar.octets}")
    source = _of_tar(held, Trust(seal, (Algorithm.SHA256,)))
    return source if wanted is everything else _only(source, wanted)


def _only(source: Iterator[Member], wanted: Callable[[bytes], bool]) -> Iterator[Member]:
    """The wanted ones of a stream. The others are verified in passing, so that damage shows."""
    for member in source:
        if wanted(member.path):
            yield member
        else:
            for _ in member.chunks:
                pass


def _of_folder(held: HeldFolder, seal: Digest, wanted: Callable[[bytes], bool]) -> Iterator[Member]:
    with SealedFolder(held, seal) as folder:
        yield from folder.tags(wanted)
        listed = (each for batch in folder.payload() for each in _listed(batch))
        yield from folder.files(each for each in listed if wanted(each[0]))


def _listed(batch: Expected) -> Iterator[tuple[bytes, tuple[Digest, ...]]]:
    columns = [_each(*each) for each in zip(batch.algorithms, batch.digests, strict=True)]
    for path, *expected in zip(batch.paths, *columns, strict=True):
        yield path, tuple(expected)


class SealedFolder:
    """A sealed bag in a folder. Use it as a context, and take its tag files first.

    Args:
        drop_cache: read what the medium holds, as a check does.

    Attributes:
        root: the folder, open.
        drop_cache: as given.
        trust: what the seal vouches for, as far as it was read.

    Raises:
        SourceDamagedError: here and below: something differs, is missing or cannot be read.
    """

    def __init__(self, held: HeldFolder, seal: Digest, *, drop_cache: bool = False) -> None:
        self.trust = Trust(seal, (Algorithm.SHA256,))
        self.drop_cache = drop_cache
        with _told("the bag"):
            self.root = os.open(held.path, _FOLDER)
        self._folders = Folders(self.root, drop_cache=drop_cache)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folders.close()
        os.close(self.root)

    def tags(self, wanted: Callable[[bytes], bool] = everything) -> Iterator[Member]:
        """The tag files; then it is known what the payload must be."""
        yield from _tags_of_folder(self._folders, self.trust, wanted)
        _accept_from_folder(self._folders, self.trust)

    def payload(self) -> Iterator[Expected]:
        """What the payload must be, in the order of paths."""
        return self.trust.payload.batches()

    def file(self, path: bytes, expected: tuple[Digest, ...]) -> Iterator[Member]:
        """One file, verified while it is read."""
        return _file(self._folders, path, expected)

    def files(self, wanted: Iterable[tuple[bytes, tuple[Digest, ...]]]) -> Iterator[Member]:
        """Files one after the other, small ones read and verified some ahead."""
        for found in abreast(self._folders, wanted):
            if isinstance(found, Small):
                yield Member(found.path, len(found.data), iter([found.data] if found.data else []))
            else:
                yield from self.file(*found)

    def apart(self, path: bytes, expected: tuple[Digest, ...]) -> Generator[Member, None, None]:
        """The same, in a thread while others read other files."""
        folders = Folders(self.root, drop_cache=self.drop_cache)
        try:
            yield from _file(folders, path, expected)
        finally:
            folders.close()

    def each(self, wanted: Collection[bytes]) -> Iterator[tuple[bytes, Iterator[Member]]]:
        """Some files, tag files before payload, each to be taken, or to fail, by itself; what the
        bag does not have is passed over. Nothing else but manifests is read.
        """
        for _ in self.tags(lambda _: False):
            pass
        for path, expected in self.trust.of(wanted):
            yield path, self.file(path, expected)


def _tags_of_folder(
    folders: Folders, trust: Trust, wanted: Callable[[bytes], bool]
) -> Iterator[Member]:
    with _told(display(TAG_MANIFEST)):
        data = b"".join(_blocks(folders, TAG_MANIFEST, LARGEST_TAG_MANIFEST))
    _open(trust, data)
    for path in sorted(filter(wanted, [*trust.tags, TAG_MANIFEST]), key=order):
        if path == TAG_MANIFEST:
            yield Member(path, len(data), iter([data]))
        else:
            yield from _file(folders, path, trust.expected(path))


def _accept_from_folder(folders: Folders, trust: Trust) -> None:
    for name in trust.manifests():
        with _told(display(name)):
            trust.accept(name, _blocks(folders, name))
        if trust.compared:
            return
    raise SourceDamagedError("no payload manifest is intact")


def _each(algorithm: Algorithm, column: bytes) -> Iterator[Digest]:
    for at in range(0, len(column), algorithm.octets):
        yield Digest(algorithm, column[at : at + algorithm.octets])


def _file(folders: Folders, path: bytes, expected: tuple[Digest, ...]) -> Iterator[Member]:
    with _told(display(path)):
        fd = open_regular(folders, path)
    try:
        octets = os.fstat(fd).st_size
        past = folders.drop_cache and stays_cached(fd, octets)
        read = _read_past_cache if past else _read
        chunks = verified(path, read(fd, path), expected)
        yield Member(path, octets, chunks)
        for _ in chunks:
            pass
    finally:
        os.close(fd)


def _of_tar(held: HeldTar, trust: Trust) -> Iterator[Member]:
    with _told("the tar"):
        stream = held.open()
    with stream:
        source = _plain(stream)
        yield from _first_of_tar(source, trust)
        seen: set[bytes] = {TAG_MANIFEST, _DECLARATION}
        payload: PayloadInOrder | None = None
        for path, octets, chunks in source:
            if not path.startswith(b"data/"):
                seen.add(path)
                yield from _tag_of_tar(path, octets, chunks, trust)
                continue
            payload = payload or trust.payload.in_order()  # manifests come before
            yield from _member_of_tar(path, octets, chunks, payload.find(path, _not_there))
        for path in sorted(trust.tags.keys() - seen):
            raise SourceDamagedError(f"{display(path)}: not in the tar")
        (payload or trust.payload.in_order()).rest(_not_there)


def _not_there(path: bytes, _expected: Digest) -> None:
    raise SourceDamagedError(f"{display(path)}: not in the tar")


def _first_of_tar(source: Iterator[Member], trust: Trust) -> Iterator[Member]:
    """``bagit.txt`` stands before the tag manifest that judges it: it is held back till then."""
    held: dict[bytes, bytes] = {}
    for path, octets, chunks in source:
        most = LARGEST_TAG_MANIFEST if path == TAG_MANIFEST else _LARGEST_DECLARATION
        if path not in (_DECLARATION, TAG_MANIFEST) or octets > most:
            break
        held[path] = b"".join(chunks)
        if path == TAG_MANIFEST:
            _open(trust, held[path])
            if _DECLARATION in trust.tags:
                first = iter([held.get(_DECLARATION, b"")])
                data = b"".join(verified(_DECLARATION, first, trust.expected(_DECLARATION)))
                yield Member(_DECLARATION, len(data), iter([data]))
            yield Member(TAG_MANIFEST, octets, iter([held[path]]))
            return
    raise SourceDamagedError("the tar does not begin with bagit.txt and its tag manifest")


def _tag_of_tar(
    path: bytes, octets: int, chunks: Iterator[bytes], trust: Trust
) -> Iterator[Member]:
    if trust.is_useful(path):
        whole = Spool()
        trust.accept(path, _kept(chunks, whole))
        chunks = (whole.read(at, BLOCK) for at in range(0, whole.octets, BLOCK))
    return _member_of_tar(path, octets, chunks, trust.expected(path))


def _kept(chunks: Iterator[bytes], whole: Spool) -> Iterator[bytes]:
    for chunk in chunks:
        whole.append(chunk)
        yield chunk


def _member_of_tar(
    path: bytes, octets: int, chunks: Iterator[bytes], expected: tuple[Digest, ...]
) -> Iterator[Member]:
    if not expected:
        raise SourceDamagedError(f"{display(path)}: not listed in any sealed manifest")
    compared = verified(path, chunks, expected)
    yield Member(path, octets, compared)
    for _ in compared:
        pass


def _plain(stream: BinaryIO) -> Iterator[Member]:
    """The members of a tar, every failure told as a damaged source."""
    try:
        for path, octets, chunks in read_tar(stream):
            yield Member(path, octets, _plain_chunks(chunks))
    except MalformedError as error:
        raise SourceDamagedError(error.message) from error
    except OSError as error:
        raise SourceDamagedError(f"the tar: {reason_of(error)}") from error


def _plain_chunks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except MalformedError as error:
        raise SourceDamagedError(error.message) from error
    except OSError as error:
        raise SourceDamagedError(f"the tar: {reason_of(error)}") from error


def verified(path: bytes, chunks: Iterable[bytes], expected: tuple[Digest, ...]) -> Iterator[bytes]:
    """A file's octets as they come.

    Raises:
        SourceDamagedError: after the last ones, if the digests are not those expected.
    """
    hashes = MultiHash(digest.algorithm for digest in expected)
    for chunk in chunks:
        hashes.update(chunk)
        yield chunk
    observed = hashes.digests()
    same = [want.compare(observed[want.algorithm]) is Comparison.SAME for want in expected]
    if not same or not all(same):
        raise differs(path)


def differs(path: bytes) -> SourceDamagedError:
    """A file is not what the seal vouches for."""
    return SourceDamagedError(f"{display(path)}: its bytes are not those that were sealed")


def _open(trust: Trust, data: bytes) -> None:
    reason = trust.open(data)
    if reason:
        raise SourceDamagedError(f"{display(TAG_MANIFEST)}: {reason}")


def _blocks(folders: Folders, path: bytes, most: int | None = None) -> Iterator[bytes]:
    fd = open_regular(folders, path)
    read = 0
    try:
        while (most is None or read <= most) and (block := os.read(fd, BLOCK)):
            read += len(block)
            yield block
    finally:
        os.close(fd)


def _read(fd: int, path: bytes) -> Iterator[bytes]:
    with _told(display(path)):
        while block := os.read(fd, BLOCK):
            yield block


def _read_past_cache(fd: int, path: bytes) -> Iterator[bytes]:
    """The same past the page cache: for what stays there, since a program has it mapped."""
    with _told(display(path)):
        yield from past_cache(fd, BLOCK)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Tell a failure to read as what it means for a copy."""
    try:
        yield
    except OSError as error:
        raise SourceDamagedError(f"{what}: {reason_of(error)}") from error
