"""What Siegfried gets of a file, and what its answer means. The asking itself is the worker's."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from preservation.formats.evidence import Evidence, Status
from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import LocalFormat
from preservation.formats.structure.inspect import holds_parts

KIB = 1024
_TEXT_ENDS = (16 * KIB, 4 * KIB)
_ENDS = (40 * KIB, 8 * KIB)  # a disk image (ISO 9660, UDF) first says what it is at 32 KiB
_UNKNOWN_ENDS = (8 * KIB, 4 * KIB)  # octets that begin nothing are what Siegfried is slowest on
_DISK = (b"CD001", b"BEA01", b"NSR0")
_PRINTED_ENDS = (256 * KIB, 256 * KIB)  # their kinds (PDF/A, PDF/X, previews) are told anywhere
_PRINTED = (b"%PDF-", b"%!PS", b"\xc5\xd0\xd3\xc6")
_MARKUP = ("<", "{\\", "%P", "%!")  # how documents begin for which PRONOM has signatures
_CANDIDATES = re.compile(r"possibilities based on extension are (.+)")
_EMPTY = "empty source"


def ends_of(taken: Sample, *, known: bool) -> tuple[int, int]:
    """How many octets of a file's head and tail Siegfried gets; all of it where they overlap.

    Args:
        known: whether our own table or libmagic knows what begins here.
    """
    if any(mark in taken.head[:KIB] for mark in _PRINTED):
        return _PRINTED_ENDS
    if taken.text is not None:
        return _TEXT_ENDS
    if holds_parts(taken):
        return taken.octets, 0
    disk = taken.at(32 * KIB, 8 * KIB)
    return _ENDS if known or any(mark in disk for mark in _DISK) else _UNKNOWN_ENDS


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
