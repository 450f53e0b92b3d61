"""The walk of a survey: every entry once, by ``lstat``; what names, links and kinds tell."""

from __future__ import annotations

import os
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from preservation.files.walk import Entry, Kind, walk
from preservation.ingest.digest_lists import recognise
from preservation.ingest.survey_findings import Tally
from preservation.ingest.survey_links import Leads, where
from preservation.ingest.survey_names import composed, hazards_of, is_long_path
from preservation.ingest.survey_result import Container, Totals
from preservation.ingest.survey_spool import Spool
from preservation.model.deferred import dataclass
from preservation.model.names import display
from preservation.model.progress import Progress

_MAY_BE_SPARSE = 1024 * 1024  # octets: below, holes save nothing worth telling
_PATH_MAX = 4096
_TELL_EVERY = 50_000  # entries
_SPECIAL = {Kind.FIFO: "FIFO", Kind.SOCKET: "socket", Kind.DEVICE: "device"}
_LEADS = {
    Leads.INSIDE: "SUR-LINK-INSIDE",
    Leads.OUTSIDE: "SUR-LINK-OUT",
    Leads.NOWHERE: "SUR-LINK-DANGLING",
    Leads.ROUND: "SUR-LINK-LOOP",
}
_CONTAINERS = {
    b".tar": "tar",
    b".tar.gz": "tar.gz",
    b".tgz": "tar.gz",
    b".tar.bz2": "tar.bz2",
    b".tar.xz": "tar.xz",
    b".tar.zst": "tar.zst",
    b".zip": "zip",
    b".7z": "7z",
    b".rar": "rar",
    b".iso": "iso",
}
_SUFFIXES = tuple(_CONTAINERS)


@dataclass(slots=True)
class Ground:
    """What the walk saw, beside what it put into the spool and the tally.

    Attributes:
        bags: base folders of bags below the root; the root's own is the empty path.
    """

    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    octets: int = 0
    depth: int = 0
    oldest_ns: int = 0
    newest_ns: int = 0
    bags: list[bytes] = field(default_factory=list)
    containers: dict[str, list[int]] = field(default_factory=dict)

    def totals(self, tally: Tally) -> Totals:
        """The counts, for people."""
        return Totals(
            files=self.counts[Kind.FILE],
            folders=self.counts[Kind.FOLDER],
            links=self.counts[Kind.LINK],
            special=sum(self.counts[kind] for kind in _SPECIAL),
            unreadable=self.counts[Kind.UNREADABLE],
            octets=self.octets,
            depth=self.depth,
            empty_files=tally.count("SUR-EMPTY-FILE"),
            empty_folders=tally.count("SUR-EMPTY-FOLDER"),
            oldest=_day(self.oldest_ns),
            newest=_day(self.newest_ns),
        )

    def containers_seen(self) -> tuple[Container, ...]:
        """Files that hold other files, the most octets first."""
        rows = (Container(kind, *counts) for kind, counts in self.containers.items())
        return tuple(sorted(rows, key=lambda row: (-row.octets, row.kind)))


def look(root: Path, spool: Spool, tally: Tally, progress: Progress) -> Ground:
    """Walk once; nothing but folders is opened.

    Raises:
        OSError: the root can't be opened as a folder.
    """
    ground = Ground()
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        childless = b""
        for number, entry in enumerate(walk(root), 1):
            if childless and not entry.path.startswith(childless + b"/"):
                tally.add("SUR-EMPTY-FOLDER", childless)
            childless = entry.path if entry.kind is Kind.FOLDER else b""
            spool.add(entry)
            if entry.kind is Kind.FILE and recognise(entry.path.rpartition(b"/")[2]):
                spool.note_lister(entry.path)
            _see(entry, root_fd, ground, tally)
            if number % _TELL_EVERY == 0:
                progress.say(f"{number:,} entries seen")
        if childless:
            tally.add("SUR-EMPTY-FOLDER", childless)
    finally:
        os.close(root_fd)
    spool.finish()
    for group in spool.twins():
        alike = len({composed(path.rpartition(b"/")[2]) for path in group}) < len(group)
        others = ", ".join(display(path.rpartition(b"/")[2]) for path in group[1:4])
        tally.add("SUR-NAME-FORM" if alike else "SUR-NAME-CASE", group[0], note=others)
    return ground


def _see(entry: Entry, root_fd: int, ground: Ground, tally: Tally) -> None:
    ground.counts[entry.kind] += 1
    ground.depth = max(ground.depth, entry.path.count(b"/") + 1)
    name = entry.path.rpartition(b"/")[2]
    for code in hazards_of(name):
        tally.add(code, entry.path, entry.octets)
    if is_long_path(entry.path):
        tally.add("SUR-NAME-LONG", entry.path, entry.octets)
    match entry.kind:
        case Kind.FILE:
            _see_file(entry, name, root_fd, ground, tally)
        case Kind.LINK:
            code = _LEADS[where(root_fd, entry.path, entry.link_target)]
            tally.add(code, entry.path, note=f"to {display(entry.link_target)}")
        case Kind.UNREADABLE:
            tally.add("SUR-UNREADABLE", entry.path, note=entry.error)
        case Kind.FIFO | Kind.SOCKET | Kind.DEVICE:
            tally.add("SUR-SPECIAL", entry.path, note=_SPECIAL[entry.kind])
        case Kind.FOLDER:
            pass


def _see_file(entry: Entry, name: bytes, root_fd: int, ground: Ground, tally: Tally) -> None:
    ground.octets += entry.octets
    ground.newest_ns = max(ground.newest_ns, entry.mtime_ns)
    ground.oldest_ns = min(ground.oldest_ns or entry.mtime_ns, entry.mtime_ns)
    if not entry.octets:
        tally.add("SUR-EMPTY-FILE", entry.path)
    elif len(entry.path) < _PATH_MAX and not os.access(
        entry.path, os.R_OK, dir_fd=root_fd, effective_ids=True
    ):
        tally.add("SUR-UNREADABLE", entry.path, entry.octets, "EACCES: Permission denied")
    if entry.nlink > 1:
        tally.add("SUR-HARDLINK", entry.path, entry.octets)
    if entry.octets >= _MAY_BE_SPARSE and _has_holes(root_fd, entry):
        tally.add("SUR-SPARSE", entry.path, entry.octets)
    if name == b"bagit.txt":
        ground.bags.append(entry.path.rpartition(b"/")[0])
    lower = name.lower()
    if lower.endswith(_SUFFIXES):
        kind = next(_CONTAINERS[one] for one in sorted(_SUFFIXES) if lower.endswith(one))
        counts = ground.containers.setdefault(kind, [0, 0])
        counts[0] += 1
        counts[1] += entry.octets


def _has_holes(root_fd: int, entry: Entry) -> bool:
    try:
        seen = os.stat(entry.path, dir_fd=root_fd, follow_symlinks=False)
    except OSError:  # gone since, or a path too long to ask about
        return False
    return seen.st_blocks * 512 < 0.9 * entry.octets


def _day(moment_ns: int) -> str:
    """The day of a file's time; empty where there is none, or none that a calendar has."""
    try:
        return (
            datetime.fromtimestamp(moment_ns // 10**9, UTC).date().isoformat() if moment_ns else ""
        )
    except (OverflowError, ValueError, OSError):
        return ""
