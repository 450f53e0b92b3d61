"""Examine before touching: what lies in a deposit, and everything that forbids taking it in.

One no-follow walk by ``lstat``. Nothing is opened, nothing is changed, and *all* findings come
back, not only the first. The same walk gives the deposit's signature: what has one signature
need not be read again.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from preservation.files.walk import Entry, Kind, walk
from preservation.ingest.portable import SEVERITY, unportable
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding, Severity
from preservation.model.names import display, parts
from preservation.policy.policy import Limits

LISTED = 1000  # findings of one code; more are counted in one line
TOO_MUCH = frozenset({"DEP-FILES", "DEP-SIZE", "DEP-FILE-SIZE"})  # not even worth opening

_SPECIAL = {
    Kind.LINK: ("DEP-LINK", "a symbolic link to {target}", "put the file itself in its place"),
    Kind.FIFO: ("DEP-FIFO", "a FIFO, which has no bytes to keep", "remove it"),
    Kind.SOCKET: ("DEP-SOCKET", "a socket, which has no bytes to keep", "remove it"),
    Kind.DEVICE: ("DEP-DEVICE", "a device, which has no bytes to keep", "remove it"),
    Kind.UNREADABLE: ("DEP-UNREADABLE", "cannot be looked at: {error}", "mend its permissions"),
}


@dataclass(slots=True)
class Examined:
    """What the walk saw.

    Attributes:
        octets: of all regular files.
        newest_ns: the latest change of anything in it, nanoseconds. By the change time alone:
            a depositor can date a file into the future, and would wait for ever.
        signature: SHA-256 over path, kind, size, mtime, ctime and inode of every entry.
        openable: whether it makes sense to look inside, whatever was found.
    """

    files: int = 0
    octets: int = 0
    newest_ns: int = 0
    signature: str = ""
    openable: bool = True
    findings: list[Finding] = field(default_factory=list)


class _Findings:
    """Collects findings, a bounded number of each code, the rest as a count."""

    def __init__(self) -> None:
        self._by_code: dict[str, list[Finding]] = {}
        self._more: dict[str, int] = {}

    def add(self, finding: Finding) -> None:
        of_code = self._by_code.setdefault(finding.code, [])
        if len(of_code) < LISTED:
            of_code.append(finding)
        else:
            self._more[finding.code] = self._more.get(finding.code, 0) + 1

    def all(self) -> Iterator[Finding]:
        for code, findings in self._by_code.items():
            yield from findings
            if code in self._more:
                last = findings[-1]
                message = f"and {self._more[code]} more of the same"
                yield Finding(code, "", message, last.hint, last.severity)


def examine(root: Path, limits: Limits) -> Examined:
    """Walk a deposit.

    Raises:
        FileNotFoundError, PermissionError, NotADirectoryError: the root itself.
    """
    seen, findings = Examined(), _Findings()
    signature, twins = hashlib.sha256(), _Twins(limits.portable)
    for entry in walk(root):
        signature.update(_line(entry))
        seen.newest_ns = max(seen.newest_ns, entry.ctime_ns)
        if entry.kind is Kind.FILE:
            seen.files += 1
            seen.octets += entry.octets
        for finding in _of_entry(entry, limits):
            findings.add(finding)
        for finding in twins.of(entry):
            findings.add(finding)
    for finding in _of_whole(seen, limits):
        findings.add(finding)
    seen.signature = signature.hexdigest()
    seen.findings = list(findings.all())
    seen.openable = not any(finding.code in TOO_MUCH for finding in seen.findings)
    return seen


def _line(entry: Entry) -> bytes:
    facts = (entry.octets, entry.mtime_ns, entry.ctime_ns, entry.ino)
    return b"%s\0%s\0%d %d %d %d\n" % (entry.path, entry.kind.value.encode(), *facts)


def _of_entry(entry: Entry, limits: Limits) -> Iterator[Finding]:
    subject = display(entry.path)
    if entry.kind in _SPECIAL:
        code, message, hint = _SPECIAL[entry.kind]
        if entry.kind is Kind.LINK and _escapes(entry):
            code, hint = "DEP-LINK-ESCAPES", "it leads out of the deposit: remove it"
        target = display(entry.link_target)
        yield Finding(code, subject, message.format(target=target, error=entry.error), hint)
    yield from of_name(entry.path, limits)
    if entry.kind is Kind.FILE and entry.octets > limits.file_octets:
        yield Finding(
            "DEP-FILE-SIZE",
            subject,
            f"{entry.octets} octets, more than the {limits.file_octets} that one file may have",
            "split it, or ask the archive for a larger limit",
        )


def _escapes(entry: Entry) -> bool:
    """Whether a link's target, taken by its text alone, is outside of the deposit."""
    if entry.link_target.startswith(b"/"):
        return True
    depth = len(parts(entry.path)) - 1
    for part in parts(entry.link_target):
        depth += -1 if part == b".." else 0 if part in (b"", b".") else 1
        if depth < 0:
            return True
    return False


def of_name(path: bytes, limits: Limits) -> Iterator[Finding]:
    """What a path alone can have wrong with it."""
    subject = display(path)
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        yield _not_utf8(subject, encode=limits.encode_names)
    else:
        if any(unicodedata.category(char) == "Cc" for char in text):
            yield Finding(
                "DEP-NAME-CONTROL",
                subject,
                "the name holds control characters; it is kept byte for byte",
                "",
                Severity.WARNING,
            )
    yield from unportable(path, limits.portable)
    if len(path) > limits.path_octets:
        message = f"{len(path)} octets, more than the {limits.path_octets} a path may have"
        yield Finding("DEP-PATH-LENGTH", subject, message, "shorten the names of its folders")
    if len(parts(path)) > limits.depth:
        message = f"{len(parts(path))} folders deep, more than {limits.depth}"
        yield Finding("DEP-DEPTH", subject, message, "flatten the folders")


def _not_utf8(subject: str, *, encode: bool) -> Finding:
    code, message = "DEP-NAME-ENCODING", "the name is not UTF-8, so no manifest can hold it"
    if encode:
        kept = "it is kept in an encoded form, and comes back as it was"
        return Finding(code, subject, f"{message}; {kept}", "", Severity.WARNING)
    return Finding(code, subject, message, "rename it; `convmv` finds the encoding it was made in")


def _of_whole(seen: Examined, limits: Limits) -> Iterator[Finding]:
    if seen.files > limits.files:
        message = f"{seen.files} files, more than the {limits.files} that a deposit may have"
        yield Finding("DEP-FILES", "", message, "divide it into several deposits")
    if seen.octets > limits.octets:
        message = f"{seen.octets} octets, more than the {limits.octets} that a deposit may have"
        yield Finding("DEP-SIZE", "", message, "divide it into several deposits")


class _Twins:
    """Notices names that another file system would take for one: case, Unicode form.

    Holds eight octets a file, not the names.
    """

    def __init__(self, action: str) -> None:
        self._seen: set[int] = set()
        self._severity = SEVERITY.get(action, Severity.WARNING)

    def of(self, entry: Entry) -> Iterator[Finding]:
        text = entry.path.decode("utf-8", "surrogateescape")
        folded = hash(unicodedata.normalize("NFC", text).casefold())
        if folded in self._seen:
            yield Finding(
                "DEP-NAME-TWIN",
                display(entry.path),
                "differs from another name only by case or Unicode form; both are kept",
                "rename one of them if people on other systems are to unpack it",
                self._severity,
            )
        self._seen.add(folded)
