"""Open a deposit: as a folder of payload, with what came along to describe and to prove it.

A container is unpacked into a private folder first. A bag's payload is its ``data/``; of
anything else, everything. What is read here are small documents only: a bag's tag files,
lists of digests, metadata that says what the data set is called.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from preservation.bags.layout import BagLayout, open_bag
from preservation.files.walk import Entry, Kind, open_below, walk
from preservation.ingest import described
from preservation.ingest.beside import Beside, Said
from preservation.ingest.completing import Fetched, complete, copied, lacking, objections
from preservation.ingest.digest_gathering import Gathering, manifests
from preservation.ingest.documents import LARGEST
from preservation.ingest.examine import examine
from preservation.ingest.fenced import fenced, open_root
from preservation.ingest.fetching import Wanted
from preservation.ingest.identifiers import DOCUMENTS, from_bag_info, from_documents, unread
from preservation.ingest.inbox import Candidate, is_folder
from preservation.ingest.package import Source
from preservation.ingest.supplied import Supplied
from preservation.ingest.unpack import Unpacked, unpack
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.finding import Finding, Severity, is_fatal
from preservation.model.identifier import Identifier
from preservation.model.names import display
from preservation.policy.policy import Intake

_METADATA_FOLDERS = (b"", b"data/", b"metadata/")  # of a bag
DECLARATION = "bagit.txt"
_BAG_INSIDE = b"/bagit.txt"


@dataclass(frozen=True, slots=True)
class Opened:
    """A deposit, opened.

    Attributes:
        findings: any error among them means that it is rejected.
        identifiers: those that the deposit says it has.
        described: which elements of metadata it gives (``policy.intake.METADATA_ELEMENTS``).
        bag_info: of a bag, as it came.
        organization: who it says it is from; empty if it does not say.
        facts: what ``metadata/deposit.json`` tells about how it came.
    """

    source: Source
    findings: tuple[Finding, ...]
    identifiers: tuple[Identifier, ...]
    organization: str
    facts: Mapping[str, Any]
    described: frozenset[str] = frozenset()
    bag_info: tuple[tuple[str, str], ...] = ()


def open_source(found: Candidate, intake: Intake, scratch: Path) -> Opened:
    """Open what lies at the candidate's path.

    Args:
        scratch: an existing private folder; a container is unpacked below it, and a bag that
            is not whole is completed there if the policy fetches.

    Raises:
        Changed: it is being written to, or taken away.
        NotNowError: it cannot be read, or the scratch folder's disk is in the way.
    """
    if is_folder(found.path):
        return _open_folder(found, found.path, intake, [], {"kind": "folder"}, scratch)
    dest = scratch / "unpacked"
    dest.mkdir(mode=0o700)
    said = Said(found.path)
    named = {one.hashlib_name: one for one in (*said.algorithms, Algorithm.SHA256)}
    unpacked = unpack(found.path, dest, intake.limits, named)
    seen = {named[name]: Digest(named[name], raw) for name, raw in unpacked.digests.items()}
    along = said.compare(seen)
    findings = [*unpacked.findings, *along.findings]
    if not is_fatal(findings):
        findings.extend(examine(dest, intake.limits).findings)
    base = _base(dest)
    facts = _container(found, unpacked, along)
    return _open_folder(found, base, intake, findings, facts, scratch)


def _container(found: Candidate, unpacked: Unpacked, along: Beside) -> dict[str, Any]:
    facts = {"name": found.name, **unpacked.facts}
    if along.facts:
        facts["beside"] = list(along.facts)
    return {"kind": "container", "container": facts}


def _base(dest: Path) -> Path:
    """A serialised bag has one top folder (RFC 8493 section 4); otherwise all is payload."""
    inside = os.listdir(dest)
    if len(inside) == 1 and _is_file(dest / inside[0] / DECLARATION):
        return dest / inside[0]
    return dest


def _is_file(path: Path) -> bool:
    """Whether a regular file, and no link to one, has the name."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _open_folder(
    found: Candidate,
    base: Path,
    intake: Intake,
    findings: list[Finding],
    facts: dict[str, Any],
    scratch: Path,
) -> Opened:
    facts = {"schema": "samarkand.deposit/1", "name": found.name, **facts}
    if _is_file(base / DECLARATION):
        opened = _open_bag(found, base, intake, findings, facts, scratch)
    else:
        opened = _open_plain(base, intake, findings, facts)
    source = replace(opened.source, encode=intake.limits.encode_names)
    return replace(opened, source=source)


def _open_bag(
    found: Candidate,
    base: Path,
    intake: Intake,
    findings: list[Finding],
    facts: dict[str, Any],
    scratch: Path,
) -> Opened:
    layout = open_bag(base, unfinished=is_fatal(findings))
    if layout.fetch and (wanted := lacking(base, layout.encoding)):
        whole, told = _completed(found, base, wanted, layout, findings, intake, scratch)
        findings = [*findings, *told.findings]
        if whole is not None:
            base, layout = whole, open_bag(whole)
            facts = {**facts, "fetched": told.to_json()}
    supplied = dict(layout.payload_digests())
    documents = _documents(base)
    bag = {"version": layout.version, "encoding": layout.encoding}
    return Opened(
        source=Source(base, b"data/", Supplied(supplied, exhaustive=True)),
        findings=(*findings, *layout.findings, *unread(documents)),
        identifiers=_of_bag(documents, layout),
        organization=_first(layout, "source-organization"),
        facts={**facts, "bag": bag, **manifests(base)},
        described=described.from_bag_info(layout.bag_info) | described.from_documents(documents),
        bag_info=tuple(layout.bag_info),
    )


def _completed(
    found: Candidate,
    base: Path,
    wanted: list[Wanted],
    layout: BagLayout,
    findings: list[Finding],
    intake: Intake,
    scratch: Path,
) -> tuple[Path | None, Fetched]:
    """Fetch what a bag lacks; where it is whole now, None if it is not."""
    told = Fetched(findings=list(objections(wanted, intake)))
    others = [one for one in layout.findings if one.code != "BAG-OXUM"]  # it is of the whole
    if is_fatal((*found.examined.findings, *findings, *told.findings, *others)):
        return None, told
    if not base.is_relative_to(scratch):
        dest = scratch / "completed"
        dest.mkdir(mode=0o700)
        told.findings.extend(copied(base, dest))
        base = dest
    if not is_fatal(told.findings):
        complete(base, wanted, intake, told)
    return (None if is_fatal(told.findings) else base), told


def _documents(bag: Path) -> dict[bytes, bytes]:
    """The metadata documents among tag files and payload."""
    root = open_root(bag)
    try:
        paths = [folder + name for folder in _METADATA_FOLDERS for name in DOCUMENTS]
        return {path: _document(root, path) for path in paths}
    finally:
        os.close(root)


def _of_bag(documents: Mapping[bytes, bytes], layout: BagLayout) -> tuple[Identifier, ...]:
    """What ``bag-info.txt`` says, then the metadata documents."""
    named = {one.key: one for one in (*from_bag_info(layout.bag_info), *from_documents(documents))}
    return tuple(named.values())


def _document(root: int, path: bytes) -> bytes:
    """A small regular file whole; nothing of anything else, which no walk has to find."""
    try:
        fd = open_below(root, path, os.O_RDONLY)
    except OSError:
        return b""
    with os.fdopen(fd, "rb") as file:
        seen = os.fstat(fd)
        small = stat.S_ISREG(seen.st_mode) and seen.st_size <= LARGEST
        return file.read(LARGEST) if small else b""


def _is_metadata(entry: Entry, name: bytes) -> bool:
    return entry.kind is Kind.FILE and name in DOCUMENTS and entry.octets <= LARGEST


def _first(layout: BagLayout, label: str) -> str:
    return next((value for key, value in layout.bag_info if key.lower() == label), "").strip()


def _bags_inside(bags: list[bytes]) -> Iterator[Finding]:
    """Bags that lie beside something else are files like any other: that has to be said."""
    if bags:
        more = f"; nor were {len(bags) - 1} more" if bags[1:] else ""
        yield Finding(
            "DEP-BAG-INSIDE",
            display(bags[0]),
            f"a bag beside other things: its files are kept, but it was not read as a bag{more}",
            "deposit each bag by itself, with nothing beside its folder (`__MACOSX`, `._…`)",
            Severity.WARNING,
        )


def _open_plain(
    base: Path, intake: Intake, findings: list[Finding], facts: dict[str, Any]
) -> Opened:
    documents: dict[bytes, bytes] = {}
    bags: list[bytes] = []
    root = open_root(base)
    try:
        gathering = Gathering(base, root, intake.limits.files)
        for entry in walk(base):
            if entry.kind is not Kind.FILE:
                continue
            if entry.path.endswith(_BAG_INSIDE) and entry.path.count(b"/") == 1:
                bags.append(entry.path.removesuffix(_BAG_INSIDE))
            if _is_metadata(entry, entry.path):
                documents[entry.path] = _read(root, entry)
            else:
                gathering.look(entry)
        gathering.settle()
    finally:
        os.close(root)
    supplied = Supplied(gathering.digests, exhaustive=False, lists=gathering.paths)
    return Opened(
        source=Source(base, b"", supplied),
        findings=(
            *findings,
            *_bags_inside(bags),
            *gathering.findings(),
            *unread(documents),
        ),
        identifiers=tuple(from_documents(documents)),
        organization="",
        facts={**facts, **gathering.facts()},
        described=described.from_documents(documents),
    )


def _read(root: int, entry: Entry) -> bytes:
    """A small file whole; nothing of one that may not be read, which packaging will tell."""
    pieces = []
    try:
        with fenced(root, entry) as content:
            while piece := content.read(entry.octets + 1):
                pieces.append(piece)
            content.still()
    except PermissionError:
        return b""
    return b"".join(pieces)
