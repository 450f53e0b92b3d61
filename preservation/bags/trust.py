"""What a seal vouches for. No I/O: octets and digests come in, expectations come out.

Trust flows one way: the seal fixes the tag manifest, the tag manifest fixes every tag file and
with them the payload manifests, those fix the payload. Nothing that is not under the seal is
ever believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from preservation.bags.expectations import Payload
from preservation.bags.findings import Findings
from preservation.bags.manifest import ManifestName, Parser, manifest_name
from preservation.bags.text import LineTooLongError, NotTextError, line_lots
from preservation.files.sorting import Sorter, distinct
from preservation.files.tar import order
from preservation.fixity.multihash import MultiHash, digest_bytes
from preservation.model.digest import Algorithm, Digest
from preservation.model.finding import is_fatal

TAG_MANIFEST = manifest_name(Algorithm.SHA256, tag=True)


class Trust:
    """Expectations under one seal, as far as they were opened.

    Args:
        seal: recorded where the replica's keeper could not change it.
        algorithms: which payload digests are wanted.

    Attributes:
        tags: tag files and their SHA-256, in raw octets; the tag manifest is not among them.
        payload: payload files and the digests that they must have, by the manifests that were
            accepted so far.
    """

    def __init__(self, seal: Digest, algorithms: Iterable[Algorithm]) -> None:
        self.seal = seal
        self.tags: dict[bytes, bytes] = {}
        self.payload = Payload()
        self._wanted = tuple(dict.fromkeys(algorithms))

    @property
    def compared(self) -> tuple[Algorithm, ...]:
        """The algorithms of the payload manifests that were accepted so far."""
        return self.payload.algorithms

    @property
    def is_whole(self) -> bool:
        """Whether the manifests of all algorithms that the bag has were accepted."""
        return bool(self.tags) and self._held() <= set(self.compared)

    def open(self, tag_manifest: bytes) -> str:
        """Begin with the tag manifest's octets.

        Returns:
            Why they cannot be trusted; empty if they can.
        """
        if digest_bytes(tag_manifest, self.seal.algorithm) != self.seal:
            return "not the tag manifest that was sealed"
        entries = _entries(TAG_MANIFEST, [tag_manifest])
        if entries is None or not any(self._payload_manifests(_names(entries))):
            return "sealed, but not a tag manifest that we can read"
        self.tags = {
            path: piece.value(number)
            for piece in entries.slices()
            for number, path in enumerate(piece.paths)
        }
        return ""

    def manifests(self) -> list[bytes]:
        """The payload manifests to read, those of the wanted algorithms first.

        More than were wanted: where one is damaged, another can still say which files are.
        """
        found = dict(self._payload_manifests(self.tags))
        return sorted(found, key=lambda name: (found[name] not in self._wanted, name))

    def enough(self) -> bool:
        """True once every wanted algorithm that the bag has, or else any, is accepted."""
        missing = (self._held() & set(self._wanted)) - set(self.compared)
        return bool(self.compared) and not missing

    def is_useful(self, name: bytes) -> bool:
        """Whether a manifest that comes now should be read; in a stream there is no way back.

        One that was not wanted is, if all that were wanted have gone by and none was intact.
        """
        if not any(self._payload_manifests([name])) or self.enough():
            return False
        found = dict(self._payload_manifests(self.tags))
        to_come = (each for each, algorithm in found.items() if algorithm in self._wanted)
        return found.get(name) in self._wanted or all(each < name for each in to_come)

    def accept(self, name: bytes, blocks: Iterable[bytes]) -> Digest:
        """Read a payload manifest; believe it if it is the one under the seal.

        Returns:
            The SHA-256 that was observed, equal to the one in ``tags`` if it was believed.
        """
        hashes = MultiHash([Algorithm.SHA256])
        entries = _entries(name, _hashed(blocks, hashes))
        algorithm = dict(self._payload_manifests([name]))[name]
        observed = hashes.digests()[Algorithm.SHA256]
        if entries is not None and observed.value == self.tags[name]:
            self.payload.accept(algorithm, entries)
        return observed

    def of(self, wanted: Iterable[bytes]) -> Iterator[tuple[bytes, tuple[Digest, ...]]]:
        """What some files must be, in the order of a tar; what is not listed is left out."""
        payload = self.payload.in_order()
        for path in sorted(wanted, key=order):
            if path == TAG_MANIFEST:
                expected: tuple[Digest, ...] = (self.seal,)
            elif path.startswith(b"data/"):
                expected = payload.find(path, lambda *_: None)
            else:
                expected = self.expected(path)
            if expected:
                yield path, expected

    def expected(self, path: bytes) -> tuple[Digest, ...]:
        """The digests that a tag file must have; empty if nothing vouches for the path."""
        return (Digest(Algorithm.SHA256, self.tags[path]),) if path in self.tags else ()

    def _held(self) -> set[Algorithm]:
        return {algorithm for _, algorithm in self._payload_manifests(self.tags)}

    @staticmethod
    def _payload_manifests(paths: Iterable[bytes]) -> Iterator[tuple[bytes, Algorithm]]:
        for path in paths:
            name = ManifestName.parse(path)
            if name is not None and name.algorithm is not None and not name.is_tag:
                yield path, name.algorithm


def _hashed(blocks: Iterable[bytes], hashes: MultiHash) -> Iterator[bytes]:
    for block in blocks:
        hashes.update(block)
        yield block


def _names(entries: Sorter) -> Iterator[bytes]:
    for piece in entries.slices():
        yield from piece.paths


def _entries(name: bytes, blocks: Iterable[bytes]) -> Sorter | None:
    """A manifest of ours; None if it is anything else. Takes every block in any case."""
    parsed, findings, left = ManifestName.parse(name), Findings(), iter(blocks)
    entries: Sorter | None = None
    if parsed is not None:
        try:
            parser = Parser(parsed, legacy=False, findings=findings)
            entries = Sorter(parser.digest_width)
            for some in parser.records(line_lots(left, "utf-8")):
                entries.extend(some.paths, some.digests)
        except (NotTextError, LineTooLongError):
            entries = None
    for _ in left:
        pass
    if entries is None or is_fatal(findings.all()) or _has_twins(entries):
        return None
    return entries


def _has_twins(entries: Sorter) -> bool:
    return sum(len(piece.paths) for piece in distinct(entries.slices())) < len(entries)
