"""What a bag on disk holds and what its tag files say, read without trusting either.

Nothing here follows a link, opens anything but a regular file, or raises for what it finds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from preservation.bags.findings import Findings
from preservation.bags.manifest import PAYLOAD, ManifestName, Parser
from preservation.bags.tagfiles import (
    Declaration,
    Element,
    parse_bag_info,
    parse_declaration,
    parse_fetch,
    parse_oxum,
)
from preservation.bags.text import LineTooLongError, NotTextError, lines, split_bom
from preservation.errors import UsageError
from preservation.files.walk import Entry, Kind, walk
from preservation.fixity.reading import BLOCK, Folders, open_regular, reason_of
from preservation.model.names import display

_LARGEST_DECLARATION = 64 * 1024
_LARGEST_BAG_INFO = 64 * 1024 * 1024


@dataclass(slots=True)
class Listing:
    """One manifest: its name, and the raw digest for each path; empty if it cannot be used."""

    name: ManifestName
    entries: dict[bytes, bytes]


@dataclass(slots=True)
class Contents:
    """A bag as it was found.

    Attributes:
        payload, tags: regular files and their sizes in octets, by path relative to the bag.
        odd: paths of what is no regular file, or cannot be looked at.
        oxum: octets and files as Payload-Oxum says; None if it cannot be used.
        fetch: paths in ``fetch.txt``; None if there is no such file.
    """

    declaration: Declaration
    payload: dict[bytes, int] = field(default_factory=dict)
    tags: dict[bytes, int] = field(default_factory=dict)
    odd: set[bytes] = field(default_factory=set)
    bag_info: tuple[Element, ...] = ()
    oxum: tuple[int, int] | None = None
    fetch: frozenset[bytes] | None = None
    manifests: list[Listing] = field(default_factory=list)
    tag_manifests: list[Listing] = field(default_factory=list)

    @property
    def listed(self) -> set[bytes]:
        """Every path in any payload manifest."""
        return set().union(*(listing.entries for listing in self.manifests))


def read_contents(path: Path, findings: Findings, *, manifests: bool = True) -> Contents:
    """Walk the bag and read its tag files.

    Args:
        path: the bag's base folder; may itself be reached by a link.
        findings: where to tell what is wrong.
        manifests: False leaves manifests and ``fetch.txt`` unread.

    Raises:
        UsageError: there is no folder at the path (``BAG-NOT-A-FOLDER``).
    """
    try:
        base = path.resolve(strict=True)
        root = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            f"no folder can be opened at {os.fspath(path)!r}: {error.strerror}",
            hint="name the folder that holds bagit.txt",
            code="BAG-NOT-A-FOLDER",
        ) from error
    folders = Folders(root)
    try:
        reader = _Reader(folders, findings)
        reader.look_around(base)
        reader.read_tag_files()
        if manifests:
            reader.read_manifests()
        return reader.contents
    finally:
        folders.close()
        os.close(root)


class _Reader:
    def __init__(self, folders: Folders, findings: Findings) -> None:
        self._folders, self._findings = folders, findings
        self.contents = Contents(Declaration("", "utf-8"))

    def look_around(self, base: Path) -> None:
        """Sort everything that is there into payload, tag files, and what is neither."""
        has_payload = False
        for entry in walk(base):
            match entry.kind:
                case Kind.FILE if entry.path.startswith(PAYLOAD):
                    self.contents.payload[entry.path] = entry.octets
                case Kind.FILE:
                    self.contents.tags[entry.path] = entry.octets
                case Kind.FOLDER:
                    has_payload = has_payload or entry.path == b"data"
                case _:
                    self._odd(entry)
        if not has_payload:
            self._findings.add("BAG-PAYLOAD-FOLDER", "data/")

    def _odd(self, entry: Entry) -> None:
        self.contents.odd.add(entry.path)
        if entry.kind is Kind.UNREADABLE:
            self._findings.add("BAG-FILE-UNREADABLE", display(entry.path), f"{entry.error}.")
        else:
            kind = f"It is a {entry.kind.value}."
            self._findings.add("BAG-FILE-IRREGULAR", display(entry.path), kind)

    def read_tag_files(self) -> None:
        """``bagit.txt``, which says how to read the rest, and ``bag-info.txt``."""
        contents = self.contents
        if b"bagit.txt" in contents.tags:
            data = b"".join(self._blocks(b"bagit.txt", _LARGEST_DECLARATION))
            contents.declaration = parse_declaration(data, self._findings)
        else:
            self._findings.add("BAG-DECLARATION-MISSING", "bagit.txt")
        name = b"bag-info.txt"
        if contents.declaration.legacy and name not in contents.tags:
            name = b"package-info.txt"  # what 0.93 to 0.95 called it
        if name in contents.tags:
            text = self._lines(name, _LARGEST_BAG_INFO)
            contents.bag_info = tuple(parse_bag_info(text, self._findings, display(name)))
            contents.oxum = parse_oxum(contents.bag_info, self._findings)

    def read_manifests(self) -> None:
        """Manifests of both kinds, and ``fetch.txt``."""
        for path in sorted(self.contents.tags):
            name = ManifestName.parse(path)
            if name is not None:
                kind = self.contents.tag_manifests if name.is_tag else self.contents.manifests
                kind.append(self._manifest(name))
        if not self.contents.manifests:
            self._findings.add("BAG-MANIFEST-MISSING", "manifest-sha512.txt")
        if b"fetch.txt" in self.contents.tags:
            self._findings.add("BAG-FETCH", "fetch.txt")
            text = self._lines(b"fetch.txt")
            self.contents.fetch = frozenset(parse_fetch(text, self._findings))

    def _manifest(self, name: ManifestName) -> Listing:
        shown = display(name.name)
        if not name.normalised:
            self._findings.add("BAG-ALGORITHM-NAME", shown)
        if name.algorithm is None:
            self._findings.add("BAG-ALGORITHM-UNKNOWN", shown)
        entries: dict[bytes, bytes] = {}
        legacy = self.contents.declaration.legacy
        parser = Parser(name, legacy=legacy, findings=self._findings)
        for path, digest in parser.entries(self._lines(name.name)):
            if entries.setdefault(path, digest) is not digest:
                same = entries[path] == digest
                code = "BAG-MANIFEST-TWICE" if same else "BAG-MANIFEST-CONTRADICTS"
                self._findings.add(code, shown, f"Found: {display(path)}.")
        return Listing(name, entries)

    def _lines(self, name: bytes, most: int | None = None) -> Iterator[bytes]:
        encoding = self.contents.declaration.encoding
        troubles: list[str] = []
        shown, first = display(name), True
        try:
            for line in lines(self._blocks(name, most), encoding, troubles):
                if first:
                    line, had_bom = split_bom(line)
                    if had_bom:
                        self._findings.add("BAG-TAG-BOM", shown)
                first = False
                yield line
        except NotTextError as error:
            troubles.append(str(error))
        except LineTooLongError:
            self._findings.add("BAG-TAG-TOO-LARGE", shown, "One line of it is.")
        for trouble in troubles:
            self._findings.add("BAG-TAG-ENCODING", shown, f"{trouble}.")

    def _blocks(self, name: bytes, most: int | None) -> Iterator[bytes]:
        read = 0
        try:
            fd = open_regular(self._folders, name)
            try:
                while block := os.read(fd, BLOCK):
                    read += len(block)
                    if most is not None and read > most:
                        self._findings.add("BAG-TAG-TOO-LARGE", display(name))
                        return
                    yield block
            finally:
                os.close(fd)
        except OSError as error:
            self._findings.add("BAG-TAG-UNREADABLE", display(name), f"{reason_of(error)}.")


def sizes(files: Mapping[bytes, int]) -> tuple[int, int]:
    """Octets and number of files, as Payload-Oxum counts them."""
    return sum(files.values()), len(files)
