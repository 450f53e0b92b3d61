"""What Siegfried gets of a file, and what its answer means. The asking itself is the worker's."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from preservation.formats.evidence import Evidence, Status
from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import LocalFormat
from preservation.formats.structure.inspect import is_container, is_whole

KIB = 1024
_TEXT_ENDS = (4 * KIB, 2 * KIB)
_ENDS = (8 * KIB, 4 * KIB)
_UNKNOWN_ENDS = (4 * KIB, 2 * KIB)  # octets that begin nothing are what Siegfried is slowest on
_DISK = (b"CD001", b"BEA01", b"NSR0")
_FAR_ENDS = (40 * KIB, 8 * KIB)  # a disk image (ISO 9660, UDF) first says what it is at 32 KiB
# What tells their kinds may stand behind other chunks, directories, or headers.
_FAR = (b"RIFF", b"II*\0", b"MM\0*")
_EXIF = re.compile(rb"\xff\xd8(\xff\xe0.{16})?\xff\xe1(..)Exif", re.DOTALL)
_LETTER = re.compile(r"From |[A-Z][A-Za-z-]+: ")  # headers, of mail servers above all, grow long
_LETTER_ENDS = (16 * KIB, 4 * KIB)
_PRINTED_ENDS = (256 * KIB, 256 * KIB)  # their kinds (PDF/A, PDF/X, previews) are told anywhere
_PRINTED = (b"%PDF-", b"%!PS", b"\xc5\xd0\xd3\xc6")
_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS = 400  # of a PNG
_CHUNK = 256  # octets of one
_MARKUP = ("<", "{\\", "%P", "%!")  # how documents begin for which PRONOM has signatures
_CANDIDATES = re.compile(r"possibilities based on extension are (.+)")
_EMPTY = "empty source"


def excerpt(taken: Sample, *, known: bool) -> bytes | None:
    """What Siegfried gets of a file; None for the whole of it.

    Args:
        known: whether our own table or libmagic knows what begins here.

    Raises:
        OSError: the medium failed.
    """
    if taken.head.startswith(_PNG):
        return _without_pixels(taken)
    head, tail = ends_of(taken, known=known)
    return None if taken.octets <= head + tail else taken.ends(head, tail)


def ends_of(taken: Sample, *, known: bool) -> tuple[int, int]:
    """How many octets of a file's head and tail Siegfried gets; all of it where they overlap."""
    if any(mark in taken.head[:KIB] for mark in _PRINTED):
        return _PRINTED_ENDS
    if taken.text is not None:
        return _LETTER_ENDS if _LETTER.match(taken.start) else _TEXT_ENDS
    if is_container(taken):
        return (taken.octets, 0) if is_whole(taken) else _FAR_ENDS
    if _tells_late(taken):
        return _FAR_ENDS
    return _ENDS if known else _UNKNOWN_ENDS


def _tells_late(taken: Sample) -> bool:
    """Whether what tells the kind of a file may stand beyond its first KiB."""
    if taken.head.startswith(_FAR):
        return True
    exif = _EXIF.match(taken.head)
    if exif and int.from_bytes(exif[2], "big") > _ENDS[0] - KIB:
        return True
    disk = taken.at(32 * KIB, 8 * KIB)
    return any(mark in disk for mark in _DISK)


def _without_pixels(taken: Sample) -> bytes:
    """The chunks of a PNG but for its pixels, and what stands behind its end.

    PRONOM tells its three kinds by the names of chunks, wherever these are, which compressed
    pixels can hold by chance.

    Source: PNG 3rd edition, 5.3 and 11.2.
    """
    data = taken.head if taken.whole is None else taken.whole
    kept, at = [data[:8]], 8
    for _ in range(_CHUNKS):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if name != b"IDAT":
            kept.append(data[at : at + min(12 + length, _CHUNK)])
        at += 12 + length
        if name == b"IEND" or at >= len(data):
            break
    behind = min(max(0, taken.octets - at), _ENDS[1]) if at <= len(data) else _ENDS[1]
    return b"".join(kept) + taken.tail[len(taken.tail) - behind :]


def by_name_alone(taken: Sample, local: LocalFormat | None) -> bool:
    """Whether PRONOM has nothing to say of a text but what its name claims."""
    settled = local is not None and local.settles and taken.text is not None
    return settled and not taken.start.startswith(_MARKUP)


def merge(evidence: Evidence, said: dict[str, Any]) -> Evidence:
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
        several=bool(others),
        error=said["errors"],
    )
