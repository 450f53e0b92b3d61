"""The child that asks the tools: the only module that imports ``pygfried`` and ``magic``.

Never import it from a process that may fork: after a mere import of ``pygfried`` forked
children hang for ever, and its calls hold the GIL for seconds. ``preservation.files.workers``
starts it by exec, and may kill it at any moment.

Each file is opened by ``formats.opening``. Its head and tail are read once, for all tests of
ours and for libmagic. Siegfried is handed ``<staging>/<n>.<ext>``, a link to the descriptor: it
sees the very file that was examined, whatever takes its name meanwhile, and neither odd names
nor long paths reach it, while the extension does. Of a large file it gets an excerpt; of a text
that it knows by name alone, nothing.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pygfried

from preservation.files.worker_main import SHORT
from preservation.formats import (
    content,
    mime,
    reconcile,
    sample,
    siegfried,
    signatures,
    structure,
)
from preservation.formats.content import test_of
from preservation.formats.evidence import Content, Evidence, Status
from preservation.formats.opening import Folders
from preservation.formats.request import STAGING, Request, extension_of
from preservation.formats.sample import Sample
from preservation.formats.siegfried import by_name_alone, excerpt, merge
from preservation.formats.signatures.local_format import LocalFormat
from preservation.formats.signatures.table import FORMATS, TESTED_PUIDS, VERSION, recognise
from preservation.formats.structure.inspect import inspect

_BY_NAME = "match on extension only"
_TEXT_HEAD = 2048  # libmagic tells kinds of text by their first words; more only costs time
_WITHOUT_DATABASE = 0x4000  # MAGIC_NO_CHECK_SOFT of magic.h
_BINARY_HEAD = 40960  # a disk image first says what it is at 32 KiB
# libmagic takes a byte that could be a jump for a program of DOS: so does every hundredth file of
# measured values begin, and a policy that refuses programs would refuse it.
_PROGRAM, _ANY = "application/x-dosexec", "application/octet-stream"
_PROGRAMS = (b"MZ", b"ZM")
_JUNK = b"\x01\x02\x7f\xfe" * 64  # of no format, so that only the name speaks
_ANY_TEXT = b"text\n"
_KNOWN = frozenset(extension for one in FORMATS.values() for extension in one.extensions)
_PLACE = 200  # the descriptor that all links lead to
_MOST_LINKS = 1000
_REGEX_OCTETS = 1024  # that a regular expression of libmagic may look at; 8,192 by default


def prepare() -> None:
    """Load what the tools know, so that no file waits for it."""
    _examiner().prepare()


def answer(items: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Answer questions, each as soon as it is known; a question without a path asks who we are."""
    examiner = _examiner()
    with Folders() as folders:
        for item in items:
            request = Request.from_json(item)
            if request is None:
                yield examiner.toolchain()
            else:
                yield examiner.examine(folders, request).to_json()


class Examiner:
    """Asks both tools and our own table about files; keeps what is costly to load."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging
        self._module, self._magic = _load_magic()
        self._quick = self._module.Magic(mime=True) if self._module else None
        if self._quick:
            self._module.magic_setflags(self._quick.cookie, self._quick.flags | _WITHOUT_DATABASE)
        self._claims: dict[str, bool] = {}
        self._named: dict[str, dict[str, Any]] = {}
        self._links: dict[str, str] = {}

    def prepare(self) -> None:
        """Siegfried puts its signatures in order when it is first asked, which takes 0.1 s."""
        self._about(_JUNK, "")

    def toolchain(self) -> dict[str, str]:
        """Versions of the tools and of what they know."""
        said = pygfried.identify_many([])
        details = "; ".join(one["details"] for one in said["identifiers"])
        return {
            "siegfried": said["siegfried"],
            "signatures": f"{said['signature']} {said['created'][:10]}: {details}",
            "libmagic": _dotted(self._module.version()) if self._module else "",
            "local": f"{VERSION}+{_digest_of_sources()}",
        }

    def examine(self, folders: Folders, asked: Request) -> Evidence:
        """Everything the tools say about one file."""
        extension, without = extension_of(asked.path), asked.without
        try:
            fd, octets = folders.open(asked.root, asked.path)
        except OSError as error:
            return _unreadable(error, extension)
        try:
            taken = Sample.of(fd, octets, extension)
            local = recognise(taken) if without != "table" else None
            evidence = Evidence(
                Status.READ if octets else Status.EMPTY,
                extension,
                magic=self._ask_magic(taken, local) if without != "libmagic" else "",
                local=local.id if local else "",
                text=taken.text is not None,
                claims=self._is_claim(extension),
            )
            if not octets:
                return evidence
            if without != "siegfried":
                evidence = merge(evidence, self._ask_siegfried(taken, local, evidence.magic))
            return evidence if without == "table" else _looked_into(evidence, taken)
        except OSError as error:  # the medium, or the staging folder
            return _unreadable(error, extension)
        finally:
            os.close(fd)

    def _is_claim(self, extension: str) -> bool:
        """Whether PRONOM or our table has a format that is at home under this extension."""
        if not extension:
            return False
        if extension not in self._claims:
            self._claims[extension] = extension in _KNOWN or self._in_pronom(extension)
        return self._claims[extension]

    def _in_pronom(self, extension: str) -> bool:
        [said] = self._about(_JUNK, extension)["matches"] or [{"warning": ""}]
        return said.get("id", "UNKNOWN") != "UNKNOWN" or "possibilities" in said["warning"]

    def _ask_siegfried(
        self, taken: Sample, local: LocalFormat | None, magic: str | None
    ) -> dict[str, Any]:
        """Siegfried's answer: about the file itself, both ends of a large one, or a mere name."""
        if by_name_alone(taken, local):
            return self._by_name(taken.extension)
        known = local is not None or not magic or mime.is_specific(magic)
        octets = excerpt(taken, known=known)
        if octets is None:
            return self._siegfried(taken.fd, taken.extension)
        return self._about(octets, taken.extension)

    def _by_name(self, extension: str) -> dict[str, Any]:
        """Siegfried's answer about any text under this extension."""
        known = self._named.get(extension)
        if known is None:
            known = self._about(_ANY_TEXT, extension)
            if len(self._named) < _MOST_LINKS:
                self._named[extension] = known
        return known

    def _about(self, octets: bytes, extension: str) -> dict[str, Any]:
        fd = os.memfd_create("excerpt")
        try:
            os.write(fd, octets)
            return self._siegfried(fd, extension)
        finally:
            os.close(fd)

    def _siegfried(self, fd: int, extension: str) -> dict[str, Any]:
        """Its answer about an open file, under a name that keeps the extension."""
        link = self._links.get(extension) or self._link(extension)
        os.dup2(fd, _PLACE, inheritable=False)
        try:
            # The call for many gives an answer where the call for one would raise.
            return dict(pygfried.identify_many([link])["files"][0])
        except pygfried.GoError as error:
            return {"errors": str(error), "matches": []}
        finally:
            os.close(_PLACE)

    def _link(self, extension: str) -> str:
        """A name for whatever is open at one place, made once for each extension."""
        link = f"{self._staging}/file.{extension}" if extension else f"{self._staging}/file"
        os.symlink(f"/proc/self/fd/{_PLACE}", link)
        if len(self._links) < _MOST_LINKS:
            self._links[extension] = link
        return link

    def _ask_magic(self, taken: Sample, local: LocalFormat | None) -> str | None:
        """The answer of libmagic about the head, which is in memory already.

        About text that our table knows it is asked without its database, which is slow on text and
        adds nothing: it says then whether it is text, JSON, or CSV.
        """
        if self._magic is None or self._quick is None:
            return None
        head = taken.head[: _BINARY_HEAD if taken.text is None else _TEXT_HEAD]
        tool = self._quick if local and taken.text is not None else self._magic
        try:
            said = str(tool.from_buffer(head))
        except self._module.MagicException:
            return ""
        return _ANY if said == _PROGRAM and not head.startswith(_PROGRAMS) else said


def _unreadable(error: OSError, extension: str) -> Evidence:
    """What an error says about a file.

    Raises:
        OSError: nothing, since this process ran out of descriptors.
    """
    if error.errno in SHORT:
        raise error
    return Evidence(Status.UNREADABLE, extension)


@cache
def _examiner() -> Examiner:
    # A folder of its own: a worker that was killed left its link behind.
    return Examiner(Path(tempfile.mkdtemp(dir=os.environ[STAGING])))


@cache
def _digest_of_sources() -> str:
    """Changes with anything that our own answers depend on."""
    modules = (content, mime, reconcile, sample, siegfried)
    files = [Path(str(one.__file__)) for one in modules] + [Path(__file__)]
    for package in (signatures, structure):
        files += sorted(Path(str(package.__file__)).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


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
            cookie = module.Magic(mime=True)
        except module.MagicException:  # a library without its database
            continue
        with suppress(module.MagicException, NotImplementedError, AttributeError):  # too old
            cookie.setparam(module.MAGIC_PARAM_REGEX_MAX, _REGEX_OCTETS)
        return module, cookie
    return None, None


def _looked_into(evidence: Evidence, taken: Sample) -> Evidence:
    """Add what looks at the structure say."""
    troubles = inspect(taken, evidence.local, evidence.puid)
    content = _tested(evidence, taken)
    if not troubles and content is Content.SILENT:
        return evidence
    said = tuple((one.flag, one.why) for one in troubles)
    return replace(evidence, troubles=said, content=content)


def _tested(evidence: Evidence, taken: Sample) -> Content:
    """Look inside where the claim rests on the extension alone."""
    if _BY_NAME not in evidence.warning:
        return Content.SILENT
    test = test_of(evidence.puid, evidence.mime, evidence.group)
    if test is None:
        return Content.SILENT
    if evidence.puid in TESTED_PUIDS:
        return (
            Content.REFUTED
            if not taken.text
            else test[0](taken.head, taken.octets <= len(taken.head))
        )
    check, octets = test
    head = taken.whole if taken.whole is not None else taken.head
    return check(head[:octets], taken.octets <= min(octets, len(head)))


def _dotted(version: int) -> str:
    return f"{version // 100}.{version % 100:02d}"
