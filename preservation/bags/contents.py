"""What a bag holds and what its tag files say, read without trusting either.

Memory is flat: names and manifests are sorted lists that wait on disk where they are long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field

from preservation.bags.findings import UNCHECKED, Findings
from preservation.bags.manifest import PAYLOAD, ManifestName, Parser
from preservation.bags.origin import Origin
from preservation.bags.tagfiles import (
    Declaration,
    Element,
    parse_bag_info,
    parse_declaration,
    parse_fetch,
    parse_oxum,
)
from preservation.bags.text import (
    LineTooLongError,
    NotTextError,
    line_lots,
    split_bom,
)
from preservation.files.scan import Names, Other
from preservation.files.sorting import Slice, Sorter, distinct
from preservation.files.walk import Kind, number_of
from preservation.fixity.reading import Reading, reading_of, reason_of
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.names import display

BAG_INFO = b"bag-info.txt"
PACKAGE_INFO = b"package-info.txt"
_PACKAGES = ("0.93", "0.94", "0.95")  # versions that called it so

_LARGEST_DECLARATION = 64 * 1024
_LARGEST_BAG_INFO = 64 * 1024 * 1024
_MOST_ODD = 100_000  # odd entries that are remembered by name
_MOST_UNKNOWN = 64  # manifests of unknown algorithms that are read; the others are only told


@dataclass(slots=True)
class Listing:
    """One manifest.

    Attributes:
        records: the paths, each with its digest in raw octets; none where it cannot be read.
        unusable: paths whose digest is none, and zeros in ``records``.
        whole: it was read to its end, so that what is not in ``records`` is not listed.
    """

    name: ManifestName
    records: Sorter
    unusable: Sorter
    whole: bool = True

    def slices(self, tell: Callable[[bytes, bool], None] | None = None) -> Iterator[Slice]:
        """Its records in order, the first of each path; see :func:`distinct`."""
        return distinct(self.records.slices(), tell)


@dataclass(slots=True)
class Contents:
    """A bag as it was found.

    Attributes:
        payload, tags: paths of regular files, relative to the bag.
        octets: of the payload; 0 where sizes were not asked for.
        all_listed: every folder could be listed and every entry looked at.
        info_read: ``bag-info.txt`` was read to its end, if there is one.
        odd: paths of what is no regular file, or cannot be looked at; not all of very many.
        oxum: octets and files as Payload-Oxum says; None if it cannot be used.
        fetch: paths in ``fetch.txt``; None if there is no such file.
    """

    declaration: Declaration = field(default_factory=lambda: Declaration("", "utf-8"))
    payload: Sorter = field(default_factory=Sorter)
    tags: Sorter = field(default_factory=Sorter)
    octets: int = 0
    all_listed: bool = True
    info_read: bool = True
    odd: set[bytes] = field(default_factory=set)
    bag_info: tuple[Element, ...] = ()
    oxum: tuple[int, int] | None = None
    fetch: Sorter | None = None
    manifests: list[Listing] = field(default_factory=list)
    tag_manifests: list[Listing] = field(default_factory=list)


class ContentsReader:
    """Reads a bag, in three steps.

    Args:
        origin: where its entries and bytes come from.
        findings: where to tell what is wrong.
    """

    def __init__(self, origin: Origin, findings: Findings) -> None:
        self._origin, self._findings = origin, findings
        self._manifests: list[ManifestName] = []
        self._cut: set[bytes] = set()  # tag files that were not read to their end
        self.contents = Contents()

    def read(
        self, *, sizes: bool = True, manifests: bool = True, digests: bool = False
    ) -> Contents:
        """All of them.

        Args:
            digests: the payload will be compared: the origin hears of it while names are met.
            sizes: False if the payload's octets need not be counted where Payload-Oxum says
                how many there should be.
            manifests: False leaves manifests and ``fetch.txt`` unread.
        """
        self.read_tag_files()
        self.look_around(sizes=sizes or self.contents.oxum is None, digests=digests)
        if manifests:
            self.read_manifests()
        return self.contents

    def read_tag_files(self) -> None:
        """``bagit.txt``, which says how to read the rest, and ``bag-info.txt``."""
        contents = self.contents
        if self._is_there(b"bagit.txt"):
            data = b"".join(self._blocks(b"bagit.txt", _LARGEST_DECLARATION))
            if b"bagit.txt" not in self._cut:  # else nothing can be said of its lines
                contents.declaration = parse_declaration(data, self._findings)
        else:
            self._findings.add("BAG-DECLARATION-MISSING", "bagit.txt")
        name = PACKAGE_INFO if contents.declaration.version in _PACKAGES else BAG_INFO
        if self._is_there(name):
            text = (line for lot in self._lots(name, _LARGEST_BAG_INFO) for line in lot)
            contents.bag_info = tuple(parse_bag_info(text, self._findings, display(name)))
            contents.oxum = parse_oxum(contents.bag_info, self._findings)
            contents.info_read = name not in self._cut

    def look_around(self, *, sizes: bool, digests: bool = False) -> None:
        """Sort everything that is there into payload, tag files, and what is neither."""
        has_payload = False
        wanted: tuple[Algorithm, ...] | None = None  # base folder first: all manifests were met
        for found in self._origin.scan(sizes=sizes):
            if isinstance(found, Names):
                self._files(found)
                if digests and found.paths[0].startswith(PAYLOAD):
                    wanted = self._algorithms() if wanted is None else wanted
                    self._origin.expect(found.paths, wanted)
            elif found.kind is Kind.FOLDER:
                has_payload = has_payload or found.path == b"data"
            else:
                self._odd(found)
        if not has_payload:
            self._findings.add("BAG-PAYLOAD-FOLDER", "data/")

    def _files(self, found: Names) -> None:
        """Files of one folder: either all of them are payload, or none is."""
        if found.paths[0].startswith(PAYLOAD):
            self.contents.payload.extend(found.paths)
            self.contents.octets += found.octets
            return
        self.contents.tags.extend(found.paths)
        for path in found.paths:
            name = ManifestName.parse(path)
            if name is not None:
                self._manifest_met(name)

    def _algorithms(self) -> tuple[Algorithm, ...]:
        """Those of the payload manifests that were met, in the order that they are read in."""
        names = sorted((each for each in self._manifests if not each.is_tag), key=_name)
        known = (each.algorithm for each in names if each.algorithm is not None)
        return tuple(dict.fromkeys(known))

    def _manifest_met(self, name: ManifestName) -> None:
        shown = display(name.name)
        if not name.normalised:
            self._findings.add("BAG-ALGORITHM-NAME", shown)
        if name.algorithm is None:
            self._findings.add("BAG-ALGORITHM-UNKNOWN", shown)
            unknown = sum(other.algorithm is None for other in self._manifests[-_MOST_UNKNOWN:])
            if unknown == _MOST_UNKNOWN:
                return
        self._manifests.append(name)

    def _odd(self, found: Other) -> None:
        if len(self.contents.odd) < _MOST_ODD:
            self.contents.odd.add(found.path)
        if found.kind is Kind.UNREADABLE:
            self.contents.all_listed = False
            self._refused("BAG-FILE-UNREADABLE", found.path, OSError(*number_of(found.error)))
        else:
            kind = f"It is a {found.kind.value}."
            self._findings.add("BAG-FILE-IRREGULAR", display(found.path), kind)

    def read_manifests(self) -> None:
        """Manifests of both kinds, and ``fetch.txt``."""
        for name in sorted(self._manifests, key=_name):
            kind = self.contents.tag_manifests if name.is_tag else self.contents.manifests
            kind.append(self._manifest(name))
        if not self.contents.manifests:
            self._findings.add("BAG-MANIFEST-MISSING", "manifest-sha512.txt")
        if self._is_there(b"fetch.txt"):
            self._findings.add("BAG-FETCH", "fetch.txt")
            text = (line for lot in self._lots(b"fetch.txt") for line in lot)
            self.contents.fetch = Sorter()
            for path in parse_fetch(text, self._findings):
                self.contents.fetch.add(path)

    def _manifest(self, name: ManifestName) -> Listing:
        legacy = self.contents.declaration.legacy
        parser = Parser(name, legacy=legacy, findings=self._findings)
        listing = Listing(name, Sorter(parser.digest_width), Sorter())
        for paths, digests, unusable in parser.records(self._lots(name.name)):
            listing.records.extend(paths, digests)
            listing.unusable.extend(unusable)
        listing.whole = name.name not in self._cut
        return listing

    def _is_there(self, path: bytes) -> bool:
        """Whether a tag file, and nothing else, has the name; one that is closed to us is."""
        try:
            next(self._origin.blocks(path), b"")
        except OSError as error:
            return reading_of(error) not in (Reading.MISSING, Reading.IRREGULAR)
        return True

    def _lots(self, name: bytes, most: int | None = None) -> Iterator[list[bytes]]:
        encoding = self.contents.declaration.encoding
        troubles: list[str] = []
        shown, first = display(name), True
        try:
            for lot in line_lots(self._blocks(name, most), encoding, troubles):
                if first:
                    lot[0], had_bom = split_bom(lot[0])
                    if had_bom:
                        self._findings.add("BAG-TAG-BOM", shown)
                first = False
                yield lot
        except NotTextError as error:
            self._cut.add(name)
            troubles.append(str(error))
        except LineTooLongError:
            self._cut.add(name)
            self._findings.add("BAG-TAG-TOO-LARGE", shown, "One line of it is.")
        for trouble in troubles:
            self._findings.add("BAG-TAG-ENCODING", shown, f"{trouble}.")

    def _blocks(self, name: bytes, most: int | None) -> Iterator[bytes]:
        read = 0
        try:
            for block in self._origin.blocks(name):
                read += len(block)
                if most is not None and read > most:
                    self._cut.add(name)
                    self._findings.add("BAG-TAG-TOO-LARGE", display(name))
                    return
                yield block
        except OSError as error:
            self._cut.add(name)
            self._refused("BAG-TAG-UNREADABLE", name, error)

    def _refused(self, code: str, path: bytes, error: OSError) -> None:
        """Tell what cannot be read; by another code where that says nothing about the bag."""
        if reading_of(error) is Reading.UNCHECKED:
            code = UNCHECKED
        self._findings.add(code, display(path), f"{reason_of(error)}.")


def _name(manifest: ManifestName) -> bytes:
    return manifest.name
