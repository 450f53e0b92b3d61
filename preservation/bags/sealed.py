"""Sealed bags, wherever they are: verify them, and copy from them what verifies.

One door for the services; a folder and a tar look the same through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from preservation.bags.copy_sealed import copy_and_check, copy_folder, write_members
from preservation.bags.findings import Findings
from preservation.bags.folder import BagFolder
from preservation.bags.members import Member, members
from preservation.bags.parted import Part, PartSeen, UndividedError
from preservation.bags.parted_folder import FolderPart
from preservation.bags.parted_tar import TarPart
from preservation.bags.tagfiles import Element, parse_bag_info, parse_oxum
from preservation.bags.text import LineTooLongError, NotTextError, lines
from preservation.bags.trust import TAG_MANIFEST, Trust
from preservation.bags.verification import FileFinding, Verification
from preservation.bags.verify_folder import FolderVerifier
from preservation.bags.verify_tar import TarVerifier
from preservation.errors import SourceDamagedError
from preservation.files import tar as tar_format
from preservation.files.held import Held, HeldFolder
from preservation.fixity.engine import EngineSettings, never
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.progress import Progress
from preservation.model.replica import TarFacts, VersionKey

_BAG_INFO = b"bag-info.txt"
_SHA256_MANIFEST = b"manifest-sha256.txt"


@dataclass(frozen=True, slots=True)
class SealedFacts:
    """What a sealed bag says about itself, verified under its seal; payload not read.

    Attributes:
        bag_info: elements in order.
        content_digest: SHA-256 of ``manifest-sha256.txt``.
        files, octets: of the payload, from ``oxum``.
    """

    bag_info: tuple[Element, ...]
    oxum: str
    content_digest: Digest
    files: int
    octets: int


def verify(
    held: Held,
    seal: Digest,
    *,
    tar: TarFacts | None = None,
    algorithms: Sequence[Algorithm] = (Algorithm.SHA256,),
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool] = never,
) -> Verification:
    """Read every byte of a replica and compare it with what the seal vouches for.

    Args:
        held: where the bytes are.
        seal: SHA-256 of the tag manifest, from the catalogue or the journal.
        tar: for a tar, its digest and size: with them octets between the files count too.
        algorithms: payload digests to compare; those that the bag has no intact manifest of
            are left out, and the result names the ones compared.
        settings: how hard to work; of a tar, one stream, more workers than one take its own
            digest beside those of its files.
        progress: hears of every octet read.
        cancelled: asked now and then.

    Raises:
        StoppedError: cancelled. Nothing else that a replica holds raises.
    """
    trust = Trust(seal, algorithms)
    if isinstance(held, HeldFolder):
        return FolderVerifier(held, trust, settings, progress, cancelled).run()
    return TarVerifier(held, tar, trust, settings, progress, cancelled).run()


def verify_part(
    held: Held,
    seal: Digest,
    part: Part,
    top: str,
    *,
    tar: TarFacts | None = None,
    algorithms: Sequence[Algorithm] = (Algorithm.SHA256,),
    settings: EngineSettings,
    progress: Progress,
) -> PartSeen:
    """Read one part of a large replica, and what says where it begins, and compare it.

    All parts together, with :func:`look_again` after them, say what :func:`verify` says.

    Args:
        top: a tar's top folder.
        tar: for a tar, its digest and size.
        algorithms: as of :func:`verify`.

    Raises:
        UndividedError: the replica can't be cut: :func:`verify` tells what is wrong with it.
    """
    trust = Trust(seal, algorithms)
    if isinstance(held, HeldFolder):
        return FolderPart(held, trust, settings, progress).part(part)
    if tar is None:
        raise UndividedError("nobody knows how long the tar was")
    return TarPart(held, tar, trust, settings, progress, top=top).part(part)


def look_again(
    held: Held, seal: Digest, of: int, *, settings: EngineSettings, progress: Progress
) -> tuple[list[str], Verification | None]:
    """After the last part: what each part looks like by now, and, of a folder, what lies there
    that is listed nowhere.

    Raises:
        UndividedError: the replica can't be cut any more.
    """
    if not isinstance(held, HeldFolder):
        return [held.mark] * of, None
    folder = FolderPart(held, Trust(seal, (Algorithm.SHA256,)), settings, progress)
    return folder.marks(of), folder.strangers()


def facts(held: Held, seal: Digest) -> SealedFacts:
    """Read what the bag says about itself; stops before the payload.

    Raises:
        SourceDamagedError: what was read does not verify, or says too little.
    """
    trust = Trust(seal, ())
    for path, _, chunks in members(held, seal, None):
        if path == TAG_MANIFEST:
            trust.open(b"".join(chunks))
        elif path == _BAG_INFO:
            return _facts(trust, chunks)
        elif path.startswith(b"data/"):
            break
    raise SourceDamagedError("a sealed bag without bag-info.txt")


def _facts(trust: Trust, chunks: Iterable[bytes]) -> SealedFacts:
    findings = Findings()
    try:
        elements = parse_bag_info(lines(chunks, "utf-8"), findings)
    except (NotTextError, LineTooLongError) as error:
        raise SourceDamagedError(f"bag-info.txt of a sealed bag: {error}") from error
    oxum = parse_oxum(elements, findings)
    manifest = trust.tags.get(_SHA256_MANIFEST)
    if oxum is None or manifest is None or findings.all():
        raise SourceDamagedError("a sealed bag that does not say what ours say")
    octets, files = oxum
    digest = Digest(Algorithm.SHA256, manifest)
    return SealedFacts(tuple(elements), f"{octets}.{files}", digest, files, octets)


def write_folder(source: Iterable[Member], folder: Path, progress: Progress) -> None:
    """Write the files of a sealed bag into an empty folder, as they come and verify.

    Raises:
        SourceDamagedError: from the source; what was written must be discarded.
        NoSpaceError, NotNowError: the medium is in the way.
    """
    bag = BagFolder(folder)
    try:
        write_members(bag, source, progress)
    finally:
        bag.close()


def copy(
    held: Held, seal: Digest, folder: Path, progress: Progress, *, tar: TarFacts | None = None
) -> None:
    """Write all files of a sealed bag into an empty folder, verified on the way.

    Args:
        seal: SHA-256 of the tag manifest.
        tar: what a tar should be.

    Raises:
        As :func:`write_folder`.
    """
    if isinstance(held, HeldFolder):
        copy_folder(held, seal, folder, progress)
    else:
        write_folder(members(held, seal, tar), folder, progress)


def tar_chunks(source: Iterable[Member], key: VersionKey, progress: Progress) -> Iterator[bytes]:
    """The files of a sealed bag as one ``samarkand-tar-1`` stream.

    Raises:
        SourceDamagedError: from the source; what was written must be discarded.
    """
    for chunk in tar_format.write_tar(key.top, source):
        progress.advance(len(chunk))
        yield chunk


__all__ = [
    "FileFinding",
    "Member",
    "SealedFacts",
    "Verification",
    "copy",
    "copy_and_check",
    "facts",
    "members",
    "tar_chunks",
    "verify",
    "write_folder",
]
