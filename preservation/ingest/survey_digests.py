"""The lists of digests that lie beside the files: how many files they cover, and if they hold."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from preservation.bags.manifest import decode_path
from preservation.errors import MalformedError
from preservation.files.walk import open_below
from preservation.fixity.engine import EngineSettings, Reading, measure
from preservation.ingest.digest_lists import Line, ListKind, Recognised, read_lines, recognise
from preservation.ingest.digest_text import LONGEST_LINE, lines
from preservation.ingest.survey_findings import Tally
from preservation.ingest.survey_result import DigestList, Supplied, SurveySettings
from preservation.ingest.survey_spool import Spool
from preservation.model.digest import Algorithm
from preservation.model.names import display, is_safe
from preservation.model.progress import Progress

_PATIENCE = 100  # lines without a digest at the start, after which a file is no list
_VERSION = re.compile(rb"(?i)BagIt-Version[ \t]*:[ \t]*(\d+\.\d+)")


def supplied(
    root: Path, spool: Spool, settings: SurveySettings, tally: Tally, progress: Progress
) -> Supplied:
    """Read every list, note which files it covers, and compare them if that is wanted."""
    lists = read_lists(root, spool, tally)
    if settings.verify:
        verify(root, spool, settings, progress)
        for path in spool.differing():
            tally.add("SUR-DIGEST-DIFFERS", path)
    return Supplied(tuple(lists), spool.covered(), settings.verify, *spool.judged())


def read_lists(root: Path, spool: Spool, tally: Tally) -> list[DigestList]:
    """What each list says; digests that lie beside their files one by one are put together."""
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        read = [
            _read_list(root_fd, os.fsencode(root), path, spool, tally) for path in spool.listers()
        ]
    finally:
        os.close(root_fd)
    return list(_together(one for one in read if one is not None))


def verify(root: Path, spool: Spool, settings: SurveySettings, progress: Progress) -> None:
    """Compare the files with what came along, one algorithm after the other."""
    engine = EngineSettings(workers=settings.workers, abreast=False)  # what differs is told
    for name in spool.algorithms():
        algorithm = Algorithm(name)
        for measured in measure(root, spool.listed(name), [algorithm], engine, progress):
            if measured.reading is Reading.READ:
                good = spool.agrees(measured.path, measured.digests[algorithm])
                spool.judge(measured.path, good)


def declared_bag(root: Path) -> str:
    """What the root's ``bagit.txt`` says it is: ``BagIt 1.0``, or that it is unclear."""
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        first = b"".join(_pieces(root_fd, b"bagit.txt"))[:4096]
    except OSError:
        return "BagIt, of a version that can't be read"
    finally:
        os.close(root_fd)
    found = _VERSION.search(first)
    return f"BagIt {found[1].decode()}" if found else "BagIt, of a version that it does not say"


def _read_list(
    root_fd: int, root: bytes, path: bytes, spool: Spool, tally: Tally
) -> DigestList | None:
    """Read one list; None if it turns out to be none."""
    folder, _, name = path.rpartition(b"/")
    seen = recognise(name)
    if seen is None:
        return None
    known = absent = unknown = 0
    algorithms: set[str] = set()
    try:
        for line in read_lines(lines(_pieces(root_fd, path)), seen):
            if not isinstance(line, Line):
                unknown += 1
                if not known and unknown >= _PATIENCE:
                    return None
                continue
            known += 1
            algorithms.add(line.digest.algorithm.value)
            if not _note(line, _about(line, seen, folder, root), spool):
                absent += 1
                tally.add("SUR-DIGEST-ABSENT", line.name, note=f"in {display(path)}")
    except OSError:
        tally.add("SUR-UNREADABLE", path)
    if not known:
        return None
    return DigestList(
        display(path), seen.kind.value, tuple(sorted(algorithms)), known, absent, unknown
    )


def _together(lists: Iterable[DigestList]) -> Iterator[DigestList]:
    beside: list[DigestList] = []
    for one in lists:
        if one.kind == ListKind.BESIDE.value:
            beside.append(one)
        else:
            yield one
    if beside:
        yield DigestList(
            beside[0].path if len(beside) == 1 else f"{len(beside):,} files, each beside its file",
            ListKind.BESIDE.value,
            tuple(sorted({name for one in beside for name in one.algorithms})),
            sum(one.lines for one in beside),
            sum(one.absent for one in beside),
            sum(one.unknown for one in beside),
        )


def _note(line: Line, about: list[bytes], spool: Spool) -> bool:
    return any(spool.list_digest(path, line.digest) for path in about)


def _about(line: Line, seen: Recognised, folder: bytes, root: bytes) -> list[bytes]:
    """The paths that a line may mean, the likeliest first; none that leads out of the root."""
    name = line.name
    if name.startswith(root + b"/"):
        folder, name = b"", name[len(root) + 1 :]
    names = [name]
    if seen.kind is ListKind.BAGIT and b"%" in name:
        with suppress(MalformedError):
            names.insert(0, decode_path(name))
    normal = (posixpath.normpath(posixpath.join(folder, one)) for one in names)
    return [path for path in normal if is_safe(path)]


def _pieces(root_fd: int, path: bytes) -> Iterator[bytes]:
    fd = open_below(root_fd, path, os.O_RDONLY)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("not a regular file")
        while piece := file.read(LONGEST_LINE):
            yield piece
