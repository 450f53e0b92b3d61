"""Gathers the digests that came along in a deposit: which list says what about which file.

Nothing is dropped in silence. A name that leaves the deposit, a line that says nothing, an
algorithm that we do not compute, lists that disagree, names that differ by case or separators:
each is a finding, counted for each list.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from preservation.bags.manifest import decode_path
from preservation.errors import MalformedError
from preservation.files.walk import Entry, Kind, open_below, walk
from preservation.fixity.multihash import MultiHash
from preservation.ingest.digest_lists import Line, ListKind, Odd, Recognised, read_lines, recognise
from preservation.ingest.digest_text import lines
from preservation.ingest.fenced import fenced
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.finding import Finding, Severity
from preservation.model.names import display, is_safe

PATIENCE = 100  # lines without a digest at the start, after which a file is no list
TOLD = 100  # lists that are told one by one; of the others, only counts
_PIECE = 1 << 18
_NO_LINK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE = re.compile(rb"/|[A-Za-z]:[\\/]|\\\\|file://")
_ALIKE = {  # digests of one length: whose they are is tried with a file
    32: (Algorithm.SHA256, Algorithm.SHA3_256),
    64: (Algorithm.SHA512, Algorithm.BLAKE2B, Algorithm.SHA3_512),
}
_TRIED = 64 << 20  # octets of a file that it is tried with, at most
_TRIES = 5  # files of one list
_SEARCHES = 50  # absolute names of a list that are looked for from the end, before it is given up


@dataclass(slots=True)
class DigestList:
    """One list: whose digests they are, and since when.

    Attributes:
        sha256: of the list's own bytes, hexadecimal.
        modified: when it was last written, by its file time.
        names: lines that gave a digest.
        oddities: how many of its lines are what, and the first one of each.
    """

    path: bytes
    kind: ListKind
    sha256: str
    modified: datetime
    algorithms: set[str] = field(default_factory=set)
    names: int = 0
    oddities: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    guesses: dict[int, Algorithm] = field(default_factory=dict)  # by octets, once they are known
    tries: int = 0

    def note(self, oddity: str, example: str) -> None:
        """Count a line that is odd."""
        self.oddities[oddity] += 1
        self.first.setdefault(oddity, example)

    def to_json(self) -> dict[str, Any]:
        """One row of ``digest_lists`` in ``metadata/deposit.json``."""
        return {
            "path": display(self.path),
            "kind": self.kind.value,
            "sha256": self.sha256,
            "modified": stamp(self.modified),
            "algorithms": sorted(self.algorithms),
            **({"digests": self.names} if self.names else {}),
            **({"odd": dict(self.oddities)} if self.oddities else {}),
        }


_OUTSIDE, _RENAMED = "outside", "renamed"
_ODD = {
    Odd.UNKNOWN.name.lower(): (
        "DEP-LIST-UNREAD",
        "lines say nothing that we know",
        "they were not compared: mend the list",
    ),
    Odd.FOREIGN.name.lower(): (
        "DEP-LIST-ALGORITHM",
        "digests by an algorithm that we do not compute",
        "they were not compared: send MD5, SHA-1, SHA-2, SHA-3 or BLAKE2b",
    ),
    _OUTSIDE: (
        "DEP-LIST-OUTSIDE",
        "lines name what is not in the deposit's folder",
        "they were not compared: write names relative to the deposit",
    ),
    _RENAMED: (
        "DEP-LIST-NAME",
        "names differ from the files' only by case, Unicode form or separators",
        "they were taken to mean the files that are there",
    ),
}


class Gathering:
    """Digests by path, from every list of one deposit.

    Args:
        base: the deposit's folder, ``root`` the same, open.
        most: files that a deposit may have: no more names than that are held.
    """

    def __init__(self, base: Path, root: int, most: int) -> None:
        self._base, self._root, self._most = base, root, most
        self._digests: dict[bytes, tuple[Digest, ...]] = {}
        self._by: dict[bytes, DigestList] = {}  # the list that named a file first
        self._absent: dict[bytes, DigestList] = {}  # named, and not there by that very name
        self._disagreeing: dict[bytes, bytes] = {}  # file, the other list
        self._unsettled: list[tuple[bytes, Digest]] = []  # of the list that is being read
        self._more = 0
        self._unread: list[DigestList] = []  # by their names lists, by their lines none
        self.lists: list[DigestList] = []

    @property
    def digests(self) -> dict[bytes, tuple[Digest, ...]]:
        """What came along, by the files' own paths."""
        return self._digests

    @property
    def paths(self) -> frozenset[bytes]:
        """The lists themselves."""
        return frozenset(one.path for one in self.lists)

    def look(self, entry: Entry) -> None:
        """Read a file of the deposit if it is a list of digests.

        Raises:
            Changed: it is being written to.
            NotNowError: it cannot be read.
        """
        folder, name = posixpath.split(entry.path)
        seen = recognise(name)
        if seen is None:
            return
        made = DigestList(
            entry.path, seen.kind, "", datetime.fromtimestamp(_seconds(entry.mtime_ns), UTC)
        )
        names = _Names(self._root, folder, seen)
        with suppress(PermissionError):  # packaging will tell
            self._read(entry, seen, made, names)
        self._settle_guesses(made)
        if made.names or made.oddities[Odd.FOREIGN.name.lower()]:
            self.lists.append(made)
        elif made.oddities and seen.says_so and len(self._unread) < TOLD:
            self._unread.append(made)

    def _read(self, entry: Entry, seen: Recognised, made: DigestList, names: _Names) -> None:
        digest = hashlib.sha256()
        with fenced(self._root, entry) as content:

            def pieces() -> Iterator[bytes]:
                while piece := content.read(_PIECE):
                    digest.update(piece)
                    yield piece

            for number, line in enumerate(read_lines(lines(pieces()), seen), 1):
                if isinstance(line, Line):
                    self._take(made, names, line)
                    continue
                made.note(line.name.lower(), f"line {number}")
                if not made.names and number >= PATIENCE:
                    return  # no list after all; nothing was taken from it
            for _ in pieces():
                pass
            content.still()
        made.sha256 = digest.hexdigest()

    def _take(self, made: DigestList, names: _Names, line: Line) -> None:
        made.names += 1
        path, found = names.of(line.name)
        if not path:
            made.note(_OUTSIDE, display(line.name))
            return
        if found and b"\\" in line.name and b"\\" not in path and not names.absolute(line.name):
            made.note(_RENAMED, f"{display(line.name)} for {display(path)}")
        known = self._digests.get(path, ())
        if not known and len(self._digests) + len(self._unsettled) >= self._most:
            self._more += 1
            return
        if not found:
            self._absent.setdefault(path, made)
        if line.guessed and len(line.digest.value) in _ALIKE:
            self._guessed(path, made, line.digest)
        else:
            self._add(path, made, line.digest)

    def _guessed(self, path: bytes, made: DigestList, digest: Digest) -> None:
        """Note a digest whose algorithm nobody says: the one that some file of the list proves."""
        octets = len(digest.value)
        if octets not in made.guesses and made.tries < _TRIES:
            tried = self._tried(path, _ALIKE[octets])
            made.tries += bool(tried)
            fits = [one.algorithm for one in tried if one.value == digest.value]
            if fits:
                made.guesses[octets] = fits[0]
        self._unsettled.append((path, digest))

    def _tried(self, path: bytes, algorithms: tuple[Algorithm, ...]) -> list[Digest]:
        """A small file's digests; none of one that is large, or can't be read."""
        try:
            fd = open_below(self._root, path, os.O_RDONLY)
        except OSError:
            return []
        with os.fdopen(fd, "rb") as file:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > _TRIED:
                return []
            hashes = MultiHash(algorithms, file.read(_TRIED))
        return list(hashes.digests().values())

    def _settle_guesses(self, made: DigestList) -> None:
        for path, digest in self._unsettled:
            algorithm = made.guesses.get(len(digest.value), digest.algorithm)
            self._add(path, made, Digest(algorithm, digest.value))
        self._unsettled.clear()

    def _add(self, path: bytes, made: DigestList, digest: Digest) -> None:
        """Note one. Two of one algorithm that differ prove enough: a third adds nothing."""
        known = self._digests.get(path, ())
        made.algorithms.add(digest.algorithm.value)
        alike = [other for other in known if other.algorithm is digest.algorithm]
        if digest in known:
            return
        if alike:
            self._disagreeing.setdefault(path, made.path)
        self._by.setdefault(path, made)
        if len(alike) < 2:
            self._digests[path] = (*known, digest)

    def settle(self) -> None:
        """After the last list: names that differ from a file's only by case or Unicode form."""
        if not self._absent:
            return
        folded = {_folded(path): path for path in self._absent}
        for entry in walk(self._base):
            if entry.kind is not Kind.FILE or entry.path in self._digests:
                continue
            listed = folded.pop(_folded(entry.path), None)
            if listed is not None:
                made = self._absent.pop(listed)
                made.note(_RENAMED, f"{display(listed)} for {display(entry.path)}")
                self._digests[entry.path] = self._digests.pop(listed)

    def findings(self) -> Iterator[Finding]:
        """What was odd about the lists."""
        for one in (*self.lists, *self._unread):
            for oddity, count in one.oddities.items():
                code, words, hint = _ODD[oddity]
                message = f"{count} {words}; the first: {one.first[oddity]}"
                yield Finding(code, display(one.path), message, hint, Severity.WARNING)
        for path, other in self._disagreeing.items():
            lists = f"{display(self._by[path].path)} and {display(other)}"
            message = f"its digests in {lists} contradict each other"
            hint = "take the wrong line off its list"
            yield Finding("DEP-LISTS-DISAGREE", display(path), message, hint)
        if self._more:
            message = f"{self._more} lines name more files than a deposit may have"
            hint = "they were not compared: leave out of the lists what was not sent"
            yield Finding("DEP-LISTS-LONG", "", message, hint, Severity.WARNING)

    def facts(self) -> dict[str, Any]:
        """What ``metadata/deposit.json`` tells about them; empty if there are none."""
        if not self.lists:
            return {}
        told = {"digest_lists": [one.to_json() for one in self.lists[:TOLD]]}
        more = len(self.lists) - TOLD
        return {**told, "more_digest_lists": more} if more > 0 else told


def manifests(base: Path) -> dict[str, Any]:
    """The same facts about a bag's own manifests; one that can't be read is not told here."""
    rows = []
    for name in sorted(os.listdir(os.fsencode(base))):
        seen = recognise(name)
        if seen is None or seen.kind is not ListKind.BAGIT:
            continue
        with suppress(OSError):
            fd = os.open(os.path.join(os.fsencode(base), name), _NO_LINK)
            with os.fdopen(fd, "rb") as file:
                facts = os.fstat(fd)
                if not stat.S_ISREG(facts.st_mode):
                    continue
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            moment = datetime.fromtimestamp(_seconds(facts.st_mtime_ns), UTC)
            made = DigestList(name, seen.kind, sha256, moment)
            made.algorithms = {seen.algorithm.value} if seen.algorithm else set()
            rows.append(made.to_json())
    return {"digest_lists": rows[:TOLD]}


class _Names:
    """Which file a name in one list means. The likeliest meaning that is there counts."""

    def __init__(self, root: int, folder: bytes, seen: Recognised) -> None:
        self._root = root
        self._folder = folder
        self._kind = seen.kind
        self._cut = 0  # leading parts of absolute names that are not the deposit's
        self._searches = 0

    def of(self, name: bytes) -> tuple[bytes, bool]:
        """The path that a name means, and whether a file is there; empty if it leads outside."""
        if self.absolute(name):
            return self._from_the_end(name)
        first = b""
        for candidate in self._candidates(name):
            path = posixpath.normpath(candidate)
            if not is_safe(path):
                continue
            if self._is_there(path):
                return path, True
            first = first or path
        return first, False

    @staticmethod
    def absolute(name: bytes) -> bool:
        """Whether a name begins at a root, of Unix or Windows."""
        return _ABSOLUTE.match(name) is not None

    def _candidates(self, name: bytes) -> Iterator[bytes]:
        spellings = [name]
        if self._kind is ListKind.BAGIT and b"%" in name:
            with suppress(MalformedError):
                spellings.insert(0, decode_path(name))
        if b"\\" in name:
            spellings.append(name.replace(b"\\", b"/"))
        for spelling in spellings:
            yield posixpath.join(self._folder, spelling)
        if self._folder:  # lists are kept in a folder of their own, and speak of the whole
            yield from spellings

    def _from_the_end(self, name: bytes) -> tuple[bytes, bool]:
        """An absolute name means the file here that its last parts name, if there is one.

        How many of its first parts stand for the deposit's former place is learnt from the
        first name that is found; until then only so many are looked for.
        """
        parts = re.split(rb"[\\/]+", name)
        cuts = [self._cut] if self._cut else []
        if self._searches < _SEARCHES:
            self._searches += 1
            cuts += range(1, min(len(parts), 200))
        for cut in cuts:
            path = b"/".join(parts[cut:])
            if path and is_safe(path) and self._is_there(path):
                self._cut = cut
                return path, True
        return b"", False

    def _is_there(self, path: bytes) -> bool:
        try:
            facts = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(facts.st_mode)


def _folded(path: bytes) -> str:
    text = path.replace(b"\\", b"/").decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFC", text).casefold()


def _seconds(nanoseconds: int) -> float:
    """A time that a calendar can spell."""
    return min(max(nanoseconds / 1e9, 0), 253402300799)
