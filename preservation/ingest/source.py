"""Open a deposit: as a folder of payload, with what came along to describe and to prove it.

A container is unpacked into a private folder first. A bag's payload is its ``data/``; of
anything else, everything. What is read here are small documents only: a bag's tag files,
lists of digests, ``datacite.json``.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preservation.bags.layout import BagLayout, open_bag
from preservation.files.walk import Kind, open_below, walk
from preservation.ingest.examine import examine
from preservation.ingest.inbox import Candidate
from preservation.ingest.package import Source
from preservation.ingest.survey_lists import ListKind, read_lines, recognise
from preservation.ingest.unpack import Unpacked, unpack
from preservation.model.digest import Digest
from preservation.model.finding import Finding
from preservation.model.identifier import Identifier, find_all
from preservation.model.names import display, is_safe
from preservation.policy.policy import Intake

SMALL = 64 << 20  # octets; a list of digests or a metadata file beyond it is payload only
METADATA = b"datacite.json"


@dataclass(frozen=True, slots=True)
class Opened:
    """A deposit, opened.

    Attributes:
        findings: any error among them means that it is rejected.
        identifiers: DOIs and CSTRs that the deposit says it has.
        organization: who it says it is from; empty if it does not say.
        facts: what ``metadata/deposit.json`` tells about how it came.
    """

    source: Source
    findings: tuple[Finding, ...]
    identifiers: tuple[Identifier, ...]
    organization: str
    facts: Mapping[str, Any]


def open_source(found: Candidate, intake: Intake, scratch: Path) -> Opened:
    """Open what lies at the candidate's path.

    Args:
        scratch: an existing private folder; a container is unpacked below it.

    Raises:
        OSError: the deposit cannot be read.
        NotNowError: the scratch folder's disk is in the way.
    """
    if found.path.is_dir():
        return _open_folder(found, found.path, [], {"kind": "folder"})
    dest = scratch / "unpacked"
    dest.mkdir(mode=0o700)
    unpacked = unpack(found.path, dest, intake.limits)
    findings = list(unpacked.findings)
    if not findings:
        findings.extend(examine(dest, intake.limits).findings)
    return _open_folder(found, _base(dest), findings, _container(found, unpacked))


def _container(found: Candidate, unpacked: Unpacked) -> dict[str, Any]:
    facts = {"name": found.name, "bytes": unpacked.octets, "sha256": unpacked.sha256}
    return {"kind": "container", "container": facts}


def _base(dest: Path) -> Path:
    """A serialised bag has one top folder (RFC 8493 section 4); otherwise all is payload."""
    inside = os.listdir(dest)
    if len(inside) == 1 and (dest / inside[0] / "bagit.txt").is_file():
        return dest / inside[0]
    return dest


def _open_folder(
    found: Candidate, base: Path, findings: list[Finding], facts: dict[str, Any]
) -> Opened:
    facts = {"schema": "samarkand.deposit/1", "name": found.name, **facts}
    if (base / "bagit.txt").is_file():
        return _open_bag(base, findings, facts)
    return _open_plain(base, findings, facts)


def _open_bag(base: Path, findings: list[Finding], facts: dict[str, Any]) -> Opened:
    layout = open_bag(base)
    supplied = dict(layout.payload_digests())
    bag = {"version": layout.version, "encoding": layout.encoding}
    return Opened(
        source=Source(base, b"data/", supplied, exhaustive=True),
        findings=(*findings, *layout.findings),
        identifiers=_identifiers(layout),
        organization=_first(layout, "source-organization"),
        facts={**facts, "bag": bag},
    )


def _identifiers(layout: BagLayout) -> tuple[Identifier, ...]:
    labels = ("external-identifier", "internal-sender-identifier")
    values = [value for label, value in layout.bag_info if label.lower() in labels]
    return tuple(find_all(values))


def _first(layout: BagLayout, label: str) -> str:
    return next((value for key, value in layout.bag_info if key.lower() == label), "").strip()


def _open_plain(base: Path, findings: list[Finding], facts: dict[str, Any]) -> Opened:
    supplied: dict[bytes, tuple[Digest, ...]] = {}
    texts: list[str] = []
    lists: list[str] = []
    root = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for entry in walk(base):
            if entry.kind is not Kind.FILE or entry.octets > SMALL:
                continue
            if entry.path == METADATA:
                texts = list(_datacite(_read(root, entry.path)))
            elif _list_of(root, entry.path, supplied):
                lists.append(display(entry.path))
    finally:
        os.close(root)
    if lists:
        facts = {**facts, "digest_lists": lists}
    return Opened(
        source=Source(base, b"", supplied, exhaustive=False),
        findings=tuple(findings),
        identifiers=tuple(find_all(texts)),
        organization="",
        facts=facts,
    )


def _list_of(root: int, path: bytes, supplied: dict[bytes, tuple[Digest, ...]]) -> bool:
    """Add the digests of one list, if the file is one; names are relative to its folder."""
    folder, name = posixpath.split(path)
    seen = recognise(name)
    if seen is None or seen.kind is ListKind.BAGIT:
        return False
    any_line = False
    for line in read_lines(_read(root, path).splitlines(keepends=True), seen):
        if line is None:
            continue
        about = posixpath.normpath(posixpath.join(folder, line.name))
        if is_safe(about):
            supplied[about] = (*supplied.get(about, ()), line.digest)
            any_line = True
    return any_line


def _read(root: int, path: bytes) -> bytes:
    with os.fdopen(open_below(root, path, os.O_RDONLY), "rb") as content:
        return content.read(SMALL)


def _datacite(data: bytes) -> Iterator[str]:
    """The identifiers that a DataCite JSON document gives the data set itself.

    Source: DataCite Metadata Schema 4.6, property 1 and 11. Anything unreadable says nothing.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    inner = document.get("data")
    if isinstance(inner, dict) and isinstance(inner.get("attributes"), dict):
        document = inner["attributes"]
    if isinstance(document.get("doi"), str):
        yield f"doi:{document['doi']}"
    for field in ("identifiers", "alternateIdentifiers"):
        for item in document.get(field) or ():
            if isinstance(item, dict):
                yield from _typed(item)


def _typed(item: dict[str, Any]) -> Iterator[str]:
    value = item.get("identifier") or item.get("alternateIdentifier")
    kind = item.get("identifierType") or item.get("alternateIdentifierType") or ""
    if isinstance(value, str) and isinstance(kind, str):
        yield f"{kind}:{value}" if kind.lower() in ("doi", "cstr") else value
