"""Digests that lie beside a container: ``corpus.tar.gz.sha256`` beside ``corpus.tar.gz``.

They are about the serialised file as a whole, and verified before anything in it counts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from preservation.fixity.multihash import MultiHash
from preservation.ingest.digest_lists import Line, ListKind, read_lines, recognise
from preservation.ingest.digest_text import lines
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Comparison, Digest
from preservation.model.finding import Finding, Severity
from preservation.model.names import display

_ENDINGS = tuple(
    f".{algorithm}{tail}"
    for algorithm in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    for tail in ("", "sum", ".txt")
)
_LARGEST = 64 * 1024  # octets of such a file
_BLOCK = 1 << 20
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Said:
    """What lies beside a container, read before the container itself, which is read once.

    Attributes:
        algorithms: that its octets have to be hashed by.
    """

    def __init__(self, container: Path) -> None:
        self._container = container
        self._said = {path: _said(path, container) for path in paths_beside(container)}
        self.algorithms = {one.algorithm for digests in self._said.values() for one in digests}

    def compare(self, seen: Mapping[Algorithm, Digest]) -> Beside:
        """Hold the container's digests against it.

        Args:
            seen: what was hashed while the container was read; what is missing there is hashed.

        Raises:
            OSError: the container cannot be read.
        """
        missing = self.algorithms - seen.keys()
        seen = {**seen, **(_digests(self._container, missing) if missing else {})}
        facts, findings = [], []
        for path, digests in self._said.items():
            name = display(os.fsencode(path.name))
            if not digests:
                findings.append(_silent(name, self._container))
            for digest in digests:
                same = digest.compare(seen[digest.algorithm]) is Comparison.SAME
                outcome = "matched" if same else "differs"
                facts.append({"path": name, "digest": str(digest), "outcome": outcome})
                if not same:
                    differs = _differs(name, self._container, digest, seen[digest.algorithm])
                    findings.append(differs)
        return Beside(tuple(facts), tuple(findings))


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies beside a container.

    Attributes:
        facts: for ``metadata/deposit.json``: file, digest, and ``matched`` or ``differs``.
        findings: a digest that differs is an error; a file that says nothing, a warning.
    """

    facts: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]


def is_beside(name: bytes, names: frozenset[bytes]) -> bool:
    """Whether a name in a folder is that of a digest beside another file there."""
    seen = recognise(name)
    return seen is not None and seen.kind is ListKind.BESIDE and seen.subject in names


def times(container: Path) -> Iterator[str]:
    """Names and times of what lies beside: with them a deposit is another one."""
    for path in paths_beside(container):
        facts = path.lstat()
        yield f"{path.name} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"


def paths_beside(container: Path) -> Iterator[Path]:
    """The files of digests that lie beside a container."""
    for ending in _ENDINGS:
        path = container.with_name(container.name + ending)
        try:
            if stat.S_ISREG(path.lstat().st_mode):
                yield path
        except OSError:
            continue


def _said(path: Path, container: Path) -> tuple[Digest, ...]:
    """The digests of the container that a file gives; none of one that cannot be read."""
    seen = recognise(os.fsencode(path.name))
    if seen is None:
        return ()
    try:
        fd = os.open(path, _OPEN)
    except OSError:
        return ()
    with os.fdopen(fd, "rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        return ()
    name = os.fsencode(container.name)
    found = (line for line in read_lines(lines([data]), seen) if isinstance(line, Line))
    about = (line.digest for line in found if line.name.replace(b"\\", b"/").endswith(name))
    return tuple(dict.fromkeys(about))


def _digests(container: Path, wanted: set[Algorithm]) -> dict[Algorithm, Digest]:
    fd = os.open(container, _OPEN)
    hashes = MultiHash(wanted)
    with os.fdopen(fd, "rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            hashes.update(block)
    return hashes.digests()


def _differs(name: str, container: Path, digest: Digest, seen: Digest) -> Finding:
    return Finding(
        "DEP-DIGEST-DIFFERS",
        display(os.fsencode(container.name)),
        f"{name}, beside it, says {digest}; the file's is {seen}",
        "send the file again, or mend the digest beside it",
    )


def _silent(name: str, container: Path) -> Finding:
    return Finding(
        "DEP-LIST-UNREAD",
        name,
        f"gives no digest of {display(os.fsencode(container.name))} that can be read",
        "write a line as `sha256sum` does, or take it away",
        Severity.WARNING,
    )
