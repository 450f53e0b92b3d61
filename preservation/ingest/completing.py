"""Completes a bag whose ``fetch.txt`` names files that lie elsewhere, if the policy says so.

The deposit is never written to: the files that came are copied into the private scratch
folder, and what is fetched is put beside them. Their digests are compared with the bag's
manifests when the payload is read, as of every other file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any

from preservation.bags.findings import Findings
from preservation.bags.tagfiles import fetch_items
from preservation.bags.text import LineTooLongError, NotTextError, lines
from preservation.files import durable
from preservation.files.walk import Entry, Kind, walk
from preservation.ingest.fenced import cannot_read, fenced, open_root
from preservation.ingest.fetch_rules import RefusedError, target_of
from preservation.ingest.fetching import FailedError, Wanted, fetch
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding
from preservation.model.names import display
from preservation.policy.policy import FetchRules, Intake

FETCH = "fetch.txt"
TOLD = 100  # files that metadata/deposit.json names; fetch.txt itself names all
_PIECE = 1 << 18


@dataclass(slots=True)
class Fetched:
    """What was fetched.

    Attributes:
        items: path, URL and octets of the first of them.
        findings: what forbade it, or went wrong.
    """

    files: int = 0
    octets: int = 0
    hosts: set[str] = field(default_factory=set)
    items: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As ``metadata/deposit.json`` has it."""
        return {
            "files": self.files,
            "bytes": self.octets,
            "hosts": sorted(self.hosts),
            "items": self.items,
        }


def lacking(base: Path, encoding: str) -> list[Wanted]:
    """What a bag's ``fetch.txt`` names and the bag does not have.

    Lines that are wrong are left out: the bag's own findings tell of them.
    """
    found = []
    try:
        fd = os.open(base / FETCH, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    with os.fdopen(fd, "rb") as file:
        pieces = iter(lambda: file.read(_PIECE), b"")
        with suppress(NotTextError, LineTooLongError):
            for url, octets, path in fetch_items(lines(pieces, encoding), Findings()):
                if not os.path.lexists(os.path.join(os.fsencode(base), path)):
                    found.append(Wanted(url.decode("utf-8", "surrogateescape"), octets, path))
    return found


def objections(wanted: list[Wanted], intake: Intake) -> Iterator[Finding]:
    """Everything that forbids to fetch; before anybody is asked for anything."""
    rules = intake.fetch
    if not rules.allowed:
        yield Finding(
            "DEP-FETCH-REFUSED",
            FETCH,
            f"{len(wanted)} files are not in the bag; its fetch.txt says where they lie, and this "
            "community's policy does not fetch",
            "fetch them, put them in their places, and deposit the whole bag",
        )
        return
    seen: set[bytes] = set()
    for one in wanted:
        reason = ""
        try:
            target_of(one.url, rules)
        except RefusedError as error:
            reason = str(error)
        if one.path in seen:
            reason = "fetch.txt names it twice"
        seen.add(one.path)
        if reason:
            shown = display(one.url[:300].encode("utf-8", "surrogateescape"))
            hint = "send the file with the bag, or ask the archive to allow the host"
            yield Finding("DEP-FETCH-URL", display(one.path), f"{reason}: {shown}", hint)
    announced = sum(one.octets or 0 for one in wanted)
    if announced > rules.octets or len(wanted) > intake.limits.files:
        message = f"{len(wanted)} files of {announced} octets, more than may be fetched"
        yield Finding("DEP-FETCH-SIZE", FETCH, message, "send them with the bag")
    for one in wanted:
        if (one.octets or 0) > intake.limits.file_octets:
            message = f"{one.octets} octets, more than one file may have"
            yield Finding("DEP-FILE-SIZE", display(one.path), message, "divide it")


def copied(base: Path, dest: Path) -> Iterator[Finding]:
    """Copy a bag's files as they are into an empty folder of ours.

    Raises:
        Changed: it is being written to.
        NotNowError: it cannot be read, or the disk of ``dest`` is in the way.
    """
    root = open_root(base)
    try:
        with durable.plain_errors(dest):
            for entry in walk(base):
                target = os.path.join(os.fsencode(dest), entry.path)
                if entry.kind is Kind.FOLDER:
                    os.mkdir(target, 0o755)
                elif entry.kind is Kind.FILE:
                    yield from _copy(root, entry, target)
    finally:
        os.close(root)


def _copy(root: int, entry: Entry, target: bytes) -> Iterator[Finding]:
    try:
        with fenced(root, entry) as content:
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                while data := content.read(_PIECE):
                    durable.write_all(fd, data)
                content.still()
                os.fchmod(fd, 0o600 | (entry.mode & 0o777))
                os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
            finally:
                os.close(fd)
    except PermissionError as error:
        yield cannot_read(entry.path, error)


def complete(base: Path, wanted: list[Wanted], intake: Intake, fetched: Fetched) -> None:
    """Fetch what a bag lacks, into the bag, which lies in a folder of ours.

    Raises:
        NotNowError: a server, the network or the disk is in the way.
    """
    deadline = time.monotonic() + intake.fetch.within.total_seconds()
    for one in wanted:
        most = min(intake.limits.file_octets, intake.fetch.octets - fetched.octets)
        try:
            octets = _place(base, one, most, intake.fetch, deadline)
        except (RefusedError, FailedError) as error:
            hint = "send the file with the bag, or mend fetch.txt"
            finding = Finding("DEP-FETCH-FAILED", display(one.path), str(error), hint)
            fetched.findings.append(finding)
            continue
        fetched.files += 1
        fetched.octets += octets
        fetched.hosts.add(target_of(one.url, intake.fetch).host)
        if len(fetched.items) < TOLD:
            told = {"path": display(one.path), "url": one.url, "bytes": octets}
            fetched.items.append(told)


def _place(base: Path, one: Wanted, most: int, rules: FetchRules, deadline: float) -> int:
    target = os.path.join(os.fsencode(base), one.path)
    try:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    except (FileExistsError, NotADirectoryError) as error:
        raise FailedError("another file stands in its place") from error
    try:
        return fetch(one, fd, most, rules, deadline)
    finally:
        os.close(fd)
