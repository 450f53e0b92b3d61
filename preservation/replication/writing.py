"""The bytes of replicas, written from another replica's: one target, or several from one read.

Every member is verified while it is read. Of a tar the digest is taken in the same pass, once
for all targets: each samarkand-tar-1 of a version has the same octets.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

from preservation.bags import sealed
from preservation.bags.members import Member, members
from preservation.catalogue.protocol import ReplicaRow, VersionRow
from preservation.errors import SamarkandError, out_of_memory
from preservation.files.held import Held
from preservation.files.tar_index import Index
from preservation.fixity.multihash import MultiHash
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.progress import Progress, Silence
from preservation.model.replica import Packaging, Sidecar, TarFacts
from preservation.replication.tee import Lane, LeftBehindError
from preservation.storage.steps import tier_errors
from preservation.storage.tier import Incoming

_BATCH = 1 << 20  # octets handed over at once
_EVENTS = 512  # beginnings and chunks handed over at once
_LAST_BREATH = 5.0  # seconds until a target that was left behind is taken to hang

Event = tuple[bytes, int] | bytes  # a file begins: path, octets; or some octets of it


class DisputeError(SamarkandError):
    """What lies on a tier, and what is on record about it, cannot both be true."""

    default_code = "REP-DISPUTE"


@dataclass(slots=True)
class Target:
    """One replica being written.

    Attributes:
        progress: hears of what is written here, and holds it back to the tier's bandwidth.
        error: why it was not written, whatever became of the others.
        hangs: whether its tier does not come back from what it was asked for.
    """

    tier: str
    packaging: Packaging
    incoming: Incoming
    progress: Progress
    error: SamarkandError | None = None
    hangs: bool = False


def write_replica(
    version: VersionRow,
    packaging: Packaging,
    held: Held,
    source: ReplicaRow,
    incoming: Incoming,
    progress: Progress,
    expected: TarFacts | None,
    index: Index | None = None,
) -> Sidecar:
    """Write one replica's bytes from another one's, verifying every member on the way.

    Args:
        source: the replica that ``held`` are the bytes of.
        expected: what every samarkand-tar-1 of this version is known to be, if one was made.
        index: gets the places of a tar's files.

    Raises:
        SourceDamagedError: the source does not verify; ``incoming`` is to be discarded.
    """
    if packaging is Packaging.FOLDER:
        sealed.copy(held, version.seal, incoming.folder, progress, tar=source.tar)
        return version.sidecar(packaging)
    hashed = MultiHash([Algorithm.SHA256])
    read = members(held, version.seal, source.tar)
    incoming.write(_tar(version, read, hashed, index, progress))
    return version.sidecar(packaging, _facts(version, hashed, expected))


def write_replicas(
    version: VersionRow,
    held: Held,
    source: ReplicaRow,
    targets: Sequence[Target],
    progress: Progress,
    expected: TarFacts | None,
    index: Index | None = None,
) -> list[Sidecar | None]:
    """Write several replicas from one read of the source. One that fails, or is so slow that
    it stands in the way, has its ``error`` and costs the others nothing.

    Args:
        progress: hears of what is read, and holds it back to the source's bandwidth.

    Returns:
        The sidecar for each target; None where it was not written.

    Raises:
        SourceDamagedError: the source does not verify; everything is to be discarded.
    """
    writing = [_Writing(version, target) for target in targets]
    try:
        read = members(held, version.seal, source.tar)
        facts = _give(version, read, writing, progress, expected, index)
    finally:
        for each in writing:
            each.join()
    return [
        None if each.target.error else version.sidecar(each.target.packaging, facts)
        for each in writing
    ]


class _Writing:
    """A thread that writes one target from its lane."""

    def __init__(self, version: VersionRow, target: Target) -> None:
        self.target = target
        self.is_tar = target.packaging is Packaging.TAR
        self.lane: Lane[Sequence[Event]] = Lane()
        self._version = version
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until it has written everything, or given up."""
        self._thread.join(_LAST_BREATH if self.lane.is_left else None)
        if self._thread.is_alive():
            self.target.hangs = True
            self.target.error = LeftBehindError("it does not come back from what was asked of it")

    def _run(self) -> None:
        try:
            with tier_errors(self.target.tier):
                self._write()
        except SamarkandError as error:
            self.target.error = error
        except Exception as error:  # noqa: BLE001 - a defect of one target harms no other
            told = f"a defect: {type(error).__name__}: {error}"
            self.target.error = out_of_memory(error) or SamarkandError(
                told, hint="please report this"
            )
        finally:
            self.lane.leave()

    def _write(self) -> None:
        events = (event for batch in self.lane.items() for event in batch)
        target = self.target
        if self.is_tar:
            target.incoming.write(_told(events, target.progress))
        else:
            sealed.write_folder(_members(events), target.incoming.folder, target.progress)


def _give(
    version: VersionRow,
    source: Iterator[Member],
    writing: Sequence[_Writing],
    progress: Progress,
    expected: TarFacts | None,
    index: Index | None,
) -> TarFacts | None:
    """Read the source once, and hand it to every lane."""
    folders = [each.lane for each in writing if not each.is_tar]
    tars = [each.lane for each in writing if each.is_tar]
    facts = None
    try:
        read = _read(source, folders, tars, progress)
        if tars:
            hashed = MultiHash([Algorithm.SHA256])
            for batch in _batches(_tar(version, read, hashed, index, Silence())):
                _hand(batch, tars)
            facts = _expected(version, hashed, expected, tars)
        else:
            for member in read:
                for _ in member.chunks:
                    pass
    except _NobodyLeft:
        return None
    except BaseException as error:
        known = error if isinstance(error, SamarkandError) else SamarkandError("it was stopped")
        for lane in (*folders, *tars):
            lane.end(known)
        raise
    for lane in (*folders, *tars):
        lane.end()
    return facts


def _tar(
    version: VersionRow,
    read: Iterator[Member],
    hashed: MultiHash,
    index: Index | None,
    progress: Progress,
) -> Iterator[bytes]:
    """The tar's octets, hashed while they go by; where each file stands is noted."""
    if index is not None:
        read = _noted(read, hashed, index)
    for chunk in sealed.tar_chunks(read, version.key, progress):
        hashed.update(chunk)
        yield chunk


def _noted(source: Iterator[Member], hashed: MultiHash, index: Index) -> Iterator[Member]:
    """The same members; when one's octets are asked for, its header has gone by."""

    def noted(member: Member) -> Iterator[bytes]:
        index.add(member.path, hashed.octets, member.octets)
        yield from member.chunks

    for member in source:
        yield Member(member.path, member.octets, noted(member))


def _expected(
    version: VersionRow,
    hashed: MultiHash,
    expected: TarFacts | None,
    tars: Sequence[Lane[Sequence[Event]]],
) -> TarFacts | None:
    """The tar's facts; those who wrote one that they should not be meet the error."""
    try:
        return _facts(version, hashed, expected)
    except DisputeError as error:
        for lane in tars:
            lane.end(error)
        return None


class _NobodyLeft(Exception):  # noqa: N818 - no error: there is nothing more to do
    """No target takes any more; each has its own reason."""


def _read(
    source: Iterator[Member],
    folders: Sequence[Lane[Sequence[Event]]],
    tars: Sequence[Lane[Sequence[Event]]],
    progress: Progress,
) -> Iterator[Member]:
    """The members, each handed to the folders' lanes in passing.

    Raises:
        _NobodyLeft: no target takes any more.
    """
    batch: list[Event] = []
    octets = 0

    def passing(member: Member) -> Iterator[bytes]:
        nonlocal batch, octets
        batch.append((member.path, member.octets))
        for chunk in member.chunks:
            progress.advance(len(chunk))
            batch.append(chunk)
            octets += len(chunk)
            if octets >= _BATCH or len(batch) >= _EVENTS:
                _hand(batch, folders)
                batch, octets = [], 0
                if all(lane.is_left for lane in (*folders, *tars)):
                    raise _NobodyLeft
            yield chunk

    for member in source:
        yield Member(member.path, member.octets, passing(member))
    _hand(batch, folders)


def _hand(batch: Sequence[Event], lanes: Iterable[Lane[Sequence[Event]]]) -> None:
    for lane in lanes:
        lane.give(batch)


def _members(events: Iterator[Event]) -> Iterator[Member]:
    """What :func:`_read` handed over, as members again."""
    ahead = next(events, None)

    def chunks() -> Iterator[bytes]:
        nonlocal ahead
        for event in events:
            if isinstance(event, tuple):
                ahead = event
                return
            yield event
        ahead = None

    while isinstance(ahead, tuple):
        taken = chunks()
        yield Member(*ahead, taken)
        for _ in taken:
            pass


def _told(events: Iterator[Event], progress: Progress) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, bytes):
            progress.advance(len(event))
            yield event


def _batches(chunks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The same octets, as they are, as many pieces at a time as are worth handing over."""
    some: list[bytes] = []
    octets = 0
    for chunk in chunks:
        some.append(chunk)
        octets += len(chunk)
        if octets >= _BATCH or len(some) >= _EVENTS:
            yield some
            some, octets = [], 0
    yield some


def _facts(version: VersionRow, hashed: MultiHash, expected: TarFacts | None) -> TarFacts:
    facts = TarFacts(hashed.digests()[Algorithm.SHA256], hashed.octets)
    if expected is not None and expected != facts:
        raise DisputeError(
            f"{version.key}: the tar made now ({facts.digest}) differs from the one on record",
            hint="every samarkand-tar-1 of a version has one digest: please report this",
            code="REP-TAR-DIFFERS",
        )
    return facts
