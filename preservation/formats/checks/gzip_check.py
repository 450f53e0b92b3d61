"""gzip: every member inflates, to the length and CRC that it carries. Output is thrown away.

Source: RFC 1952.
"""

from __future__ import annotations

import zlib

from preservation.formats.checks.subject import Invalid, Subject

LIBRARY = ""
_BLOCK = 1 << 18
_PIECE = 1 << 20  # octets of output that are held at a time
_GZIP = 16 + zlib.MAX_WBITS


def check(subject: Subject) -> None:
    """All members, to the end of the file; padding with NULs is allowed."""
    at = members = octets = 0
    while at < subject.octets:
        if members and not _more(subject, at):
            break
        at, inflated = _member(subject, at)
        members += 1
        octets += inflated
    subject.facts["members"] = members
    subject.facts["unpacked_bytes"] = octets


def _more(subject: Subject, at: int) -> bool:
    """Whether another member follows; raises if something else does."""
    head = subject.at(at, _BLOCK)
    if head.startswith(b"\x1f\x8b"):
        return True
    if head.strip(b"\0"):
        raise Invalid("trailing data", f"what follows at byte {at} is no gzip")
    return False


def _member(subject: Subject, at: int) -> tuple[int, int]:
    """Inflate one member: where it ends, and how many octets it gave."""
    start, octets = at, 0
    inflate = zlib.decompressobj(_GZIP)
    while not inflate.eof:
        data = inflate.unconsumed_tail
        if not data:
            data = subject.at(at, _BLOCK)
            at += len(data)
            if not data:
                raise Invalid("truncated", f"the member at byte {start} has no end")
        try:
            octets += len(inflate.decompress(data, _PIECE))
        except zlib.error as error:
            reason = "checksum" if "incorrect" in str(error) else "structure"
            raise Invalid(reason, f"the member at byte {start}: {error}") from error
        subject.spend(0)
    return at - len(inflate.unused_data), octets
