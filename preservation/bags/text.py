"""Text tag files: from octets in a declared encoding to lines in UTF-8, in flat memory.

Lines end with LF, CR or CRLF and nothing else: Python's own ideas of a line end (form feed,
NEL, U+2028) are part of names here.

Source: RFC 8493 section 2.3.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterable, Iterator

LONGEST_LINE = 1024 * 1024  # octets; a path has no limit in the RFC, but a real one has
_BOM = codecs.BOM_UTF8

# Codecs for character sets of the IANA registry. Not whatever Python would decode: some of its
# codecs unpack archives or interpret escapes.
_CHARACTER_SETS = {
    *("ascii", "utf-8", "utf-7", "utf-16", "utf-16-le", "utf-16-be"),
    *("utf-32", "utf-32-le", "utf-32-be"),
    *(f"iso8859-{n}" for n in range(1, 17) if n != 12),
    *(f"cp{n}" for n in (437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865)),
    *(f"cp{n}" for n in (866, 869, 874, 932, 949, 950, *range(1250, 1259))),
    *("koi8-r", "koi8-u", "mac-roman", "tis-620"),
    *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "hz"),
    *("shift_jis", "euc_jp", "euc_kr", "johab"),
    *("iso2022_jp", "iso2022_kr", "iso2022_jp_2"),
}
# What the registry calls some of them and Python does not; Java writes the first two.
_ALIASES = {
    "windows-31j": "cp932",
    "x-windows-874": "cp874",
    "windows-874": "cp874",
    "iso-8859-6-e": "iso8859-6",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-8-i": "iso8859-8",
}


class NotTextError(Exception):
    """The octets are not text in the encoding; says where."""


class LineTooLongError(Exception):
    """A line is longer than ``LONGEST_LINE``."""


def known_encoding(name: str) -> str | None:
    """The codec of a character set that bagit.txt may declare; None for any other name."""
    try:
        codec = codecs.lookup(_ALIASES.get(name.lower(), name)).name
    except (LookupError, ValueError):
        return None
    return codec if codec in _CHARACTER_SETS else None


def lines(
    blocks: Iterable[bytes], encoding: str, troubles: list[str] | None = None
) -> Iterator[bytes]:
    """Cut a text tag file into lines without their ends, as UTF-8; see :func:`line_lots`."""
    return itertools.chain.from_iterable(line_lots(blocks, encoding, troubles))


def line_lots(
    blocks: Iterable[bytes], encoding: str, troubles: list[str] | None = None
) -> Iterator[list[bytes]]:
    """Cut a text tag file into lines without their ends, as UTF-8; as many at a time as come.

    A byte-order mark at the start of a file in UTF-8 is left in the first line.

    Args:
        blocks: the file, in pieces of any size.
        encoding: what :func:`known_encoding` gave; empty to take the octets as they are.
        troubles: where to say, once, that UTF-8 is none, and go on with the octets as they
            are; other encodings always raise.

    Raises:
        NotTextError: at the first octet that is not text; lines before it were yielded.
        LineTooLongError: likewise, nearly: those of the same piece are not.
    """
    rest = b""
    for block in _decoded(blocks, encoding, troubles):
        data = rest + block if rest else block
        whole = _split(data)
        if len(data) > LONGEST_LINE and max(map(len, whole)) > LONGEST_LINE:
            raise LineTooLongError(f"a line of more than {LONGEST_LINE} octets")
        rest = whole.pop()
        if whole:
            yield whole
    if rest:
        yield [rest.removesuffix(b"\r")]


def split_bom(line: bytes) -> tuple[bytes, bool]:
    """A first line without its byte-order mark, and whether it had one."""
    return line.removeprefix(_BOM), line.startswith(_BOM)


def _split(data: bytes) -> list[bytes]:
    """Whole lines, and last what may go on in the next block."""
    if b"\r" not in data:
        return data.split(b"\n")
    if data.count(b"\r") == data.count(b"\r\n"):
        return data.replace(b"\r\n", b"\n").split(b"\n")
    # A CR at the very end may be the first half of a CRLF: it waits for the next block.
    held = b"\r" if data.endswith(b"\r") else b""
    cut = data.removesuffix(b"\r").splitlines(keepends=True)
    last = cut.pop() if cut and not cut[-1].endswith((b"\n", b"\r")) else b""
    return [*(line.rstrip(b"\r\n") for line in cut), last + held]


def _decoded(blocks: Iterable[bytes], encoding: str, troubles: list[str] | None) -> Iterator[bytes]:
    if not encoding:
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    as_is = encoding == "utf-8"
    done, sound = 0, True
    for block in itertools.chain(blocks, (b"",)):
        text = ""
        if sound:
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                sound = False
                _tell(f"{encoding}: {error}, after octet {done}", troubles if as_is else None)
        done += len(block)
        yield block if as_is else text.encode()


def _tell(trouble: str, troubles: list[str] | None) -> None:
    if troubles is None:
        raise NotTextError(trouble)
    troubles.append(trouble)
