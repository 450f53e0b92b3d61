"""The child that asks the tools: the only module that imports ``pygfried`` and ``magic``.

Never import it from a process that may fork: after a mere import of ``pygfried`` forked
children hang for ever, and its calls hold the GIL for seconds. ``preservation.files.workers``
starts it by exec, and may kill it at any moment.

Each file is opened below the root without following links, as a place first, so that nothing
but a regular file is ever opened for reading. The tools are handed ``<staging>/<n>.<ext>``, a
link to the descriptor: they see the very file that was examined, whatever takes its name
meanwhile, and neither odd names nor long paths reach them, while the extension does.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pygfried

from preservation.files.walk import open_below
from preservation.formats.content import test_of
from preservation.formats.evidence import Evidence, Status
from preservation.formats.request import STAGING, Request

_EXTENSION = re.compile(rb"\.([0-9A-Za-z_+~-]{1,32})\Z")
_CANDIDATES = re.compile(r"possibilities based on extension are (.+)")
_EMPTY = "empty source"


def answer(items: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Answer questions, each as soon as it is known; a question without a path asks who we are."""
    examiner = _examiner()
    for item in items:
        request = Request.from_json(item)
        if request is None:
            yield examiner.toolchain()
        else:
            yield examiner.examine(request.root, request.path).to_json()


class Examiner:
    """Asks both tools about files; keeps what is costly to load."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging
        self._module, self._magic = _load_magic()

    def toolchain(self) -> dict[str, str]:
        """Versions of the tools and of what they know."""
        said = pygfried.identify_many([])
        details = "; ".join(one["details"] for one in said["identifiers"])
        return {
            "siegfried": said["siegfried"],
            "signatures": f"{said['signature']} {said['created'][:10]}: {details}",
            "libmagic": _dotted(self._module.version()) if self._module else "",
        }

    def examine(self, root: bytes, path: bytes) -> Evidence:
        """Everything the tools say about one file."""
        extension = _extension(path)
        try:
            fd, octets = _open_regular(root, path)
        except OSError:
            return Evidence(Status.UNREADABLE, extension)
        try:
            evidence = Evidence(Status.READ, extension, magic=self._ask_magic(fd))
            if not octets:
                return replace(evidence, status=Status.EMPTY)
            return _tested(_merge(evidence, self._ask_siegfried(fd, extension)), fd)
        except OSError:  # the medium, or the staging folder
            return Evidence(Status.UNREADABLE, extension)
        finally:
            os.close(fd)

    def _ask_siegfried(self, fd: int, extension: str) -> dict[str, Any]:
        """Siegfried's answer about an open file, under a name that keeps its extension."""
        link = self._staging / (f"file.{extension}" if extension else "file")
        link.symlink_to(f"/proc/self/fd/{fd}")
        try:
            # The call for many gives an answer where the call for one would raise.
            return dict(pygfried.identify_many([str(link)])["files"][0])
        except pygfried.GoError as error:
            return {"errors": str(error), "matches": []}
        finally:
            link.unlink()

    def _ask_magic(self, fd: int) -> str | None:
        if self._magic is None:
            return None
        try:
            return str(self._magic.from_descriptor(fd))
        except self._module.MagicException:
            return ""


@cache
def _examiner() -> Examiner:
    # A folder of its own: a worker that was killed left its link behind.
    return Examiner(Path(tempfile.mkdtemp(dir=os.environ[STAGING])))


def _load_magic() -> tuple[Any, Any]:
    """The module ``magic`` and a cookie of it; nothing twice where no library is behind it.

    The system's library is better and faster. The wheel that brings one along makes itself
    known by being imported first, and changes the loader of the whole process, which is why
    this happens in the child alone.
    """
    for helpers in ((), ("pylibmagic",)):
        try:
            for helper in helpers:
                import_module(helper)
            module: Any = import_module("magic")
        except (ImportError, OSError):
            continue
        try:
            return module, module.Magic(mime=True)
        except module.MagicException:  # a library without its database
            continue
    return None, None


def _open_regular(root: bytes, path: bytes) -> tuple[int, int]:
    """Open a file for reading, and nothing but a file; with its size.

    Raises:
        OSError: it is something else, or can't be had.
    """
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        place = open_below(root_fd, path, os.O_PATH)
    finally:
        os.close(root_fd)
    try:
        seen = os.fstat(place)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError("not a regular file")
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(f"/proc/self/fd/{place}", flags), seen.st_size
    finally:
        os.close(place)


def _merge(evidence: Evidence, said: dict[str, Any]) -> Evidence:
    """Add Siegfried's answer to what is known of a file."""
    if _EMPTY in said["errors"]:
        return replace(evidence, status=Status.EMPTY)
    first, *others = said["matches"] or [{}]
    warning = str(first.get("warning", ""))
    listed = _CANDIDATES.search(warning)
    candidates = [other["id"] for other in others] + (listed[1].split(", ") if listed else [])
    known = first.get("id", "UNKNOWN") != "UNKNOWN"
    return replace(
        evidence,
        puid=first["id"] if known else "",
        name=first["format"] if known else "",
        version=first["version"] if known else "",
        mime=first["mime"] if known else "",
        group=first["class"] if known else "",
        basis=first["basis"] if known else "",
        warning=warning,
        candidates=tuple(one for one in candidates if one != "UNKNOWN"),
        error=said["errors"],
    )


def _tested(evidence: Evidence, fd: int) -> Evidence:
    """Look inside where the claim rests on the extension alone."""
    if "match on extension only" not in evidence.warning:
        return evidence
    test = test_of(evidence.puid, evidence.mime, evidence.group)
    if test is None:
        return evidence
    check, octets = test
    head = os.pread(fd, octets + 1, 0)
    return replace(evidence, content=check(head[:octets], len(head) <= octets))


def _extension(path: bytes) -> str:
    found = _EXTENSION.search(path)
    return found[1].decode().lower() if found else ""


def _dotted(version: int) -> str:
    return f"{version // 100}.{version % 100:02d}"
