"""``samarkand-tar-1``: one bag as one tar stream, with exactly one possible sequence of bytes.

POSIX ustar headers with nothing in them that could differ between two writers, and a PAX
record only for a value that ustar can't hold. So every tar of one AIP version has the same
digest, and a folder and a tar make each other again bit for bit.

The reader is as strict as the writer: it derives each header anew from the name and size it
read, and compares. Both stream; memory doesn't grow with files or sizes, though it does with
the longest path.

Source: ``docs/formats/samarkand-tar-1.md``; POSIX.1-2024, pax, "ustar Interchange Format" and
"pax Header Block".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from preservation.errors import MalformedError, SourceDamagedError
from preservation.model.names import display, is_safe

BLOCK = 512
END = bytes(2 * BLOCK)
_CHUNK = 1 << 20
_NAME = 100  # octets of a header's name field
_USTAR_OCTETS = 8**11 - 1  # what eleven octal digits hold: 8 GiB - 1
_PAX_OCTETS = 1 << 20  # longest PAX block the reader takes
_FIRST = (b"bagit.txt", b"tagmanifest-sha256.txt")

Member = tuple[bytes, int, Iterator[bytes]]


def member_header(path: bytes, octets: int) -> bytes:
    """Everything that stands before a file's bytes: one block, or three and more with PAX.

    Args:
        path: as stored, the top folder included.
        octets: the file's size.

    Raises:
        MalformedError: a path that isn't UTF-8, or that could leave the top folder.
    """
    records = b""
    place = _place(path)
    if place is None:
        records += _record(b"path", path)
        place = (b"PAX/" + hashlib.sha256(path).hexdigest().encode(), b"")
    if octets > _USTAR_OCTETS:
        records += _record(b"size", str(octets).encode())
    size = 0 if octets > _USTAR_OCTETS else octets
    block = _block(*place, size, b"0")
    if not records:
        return block
    extra = _block(b"././@PaxHeader", b"", len(records), b"x")
    return extra + records + padding(len(records)) + block


def header_octets(path: bytes, octets: int) -> int:
    """How long :func:`member_header` is; of nearly all files it is told without making it."""
    short = len(path) <= _NAME and octets <= _USTAR_OCTETS and path.isascii() and is_safe(path)
    return BLOCK if short else len(member_header(path, octets))


def folder_headers(top: str) -> bytes:
    """The two folders that open the stream, so that a bag without payload has its ``data/``."""
    name = _top(top)
    return _block(name + b"/", b"", 0, b"5") + _block(name + b"/data/", b"", 0, b"5")


def padding(octets: int) -> bytes:
    """The zeros that fill up a file's last block."""
    return bytes(-octets % BLOCK)


def order(path: bytes) -> tuple[int, bytes]:
    """Where a file of the bag stands: ``bagit.txt``, tag manifest, other tag files, payload.

    Args:
        path: relative to the bag.
    """
    if path in _FIRST:
        return _FIRST.index(path), b""
    return (3 if path.startswith(b"data/") else 2), path


def tar_size(top: str, files: Iterable[tuple[bytes, int]]) -> int:
    """Octets of the whole stream, from names and sizes alone; in any order."""
    total = len(folder_headers(top)) + len(END)
    for path, octets in files:
        header = member_header(_top(top) + b"/" + path, octets)
        total += len(header) + octets + -octets % BLOCK
    return total


def write_tar(top: str, members: Iterable[Member]) -> Iterator[bytes]:
    """Make the stream.

    Args:
        top: the one top folder, ``<aip-uuid>.v<n>``.
        members: path relative to the bag, octets, and exactly so many octets in chunks; in
            the order of :func:`order`.

    Raises:
        MalformedError: members out of order or twice, or a path that can't be held.
        SourceDamagedError: a member gave more or fewer octets than it said.
    """
    yield folder_headers(top)
    last: tuple[int, bytes] | None = None
    for path, octets, chunks in members:
        last = _after(last, path)
        yield member_header(_top(top) + b"/" + path, octets)
        given = 0
        for chunk in chunks:
            given += len(chunk)
            if given > octets:
                break
            yield chunk
        if given != octets:
            raise SourceDamagedError(
                f"{display(path)}: {octets} octets announced, not so many came"
            )
        yield padding(octets)
    yield END


def read_tar(stream: BinaryIO, top: str = "") -> Iterator[Member]:
    """Read the stream: path relative to the bag, octets, and the octets in chunks.

    A member's chunks must be taken before the next member; what is left is skipped.

    Args:
        stream: at its start; never sought.
        top: the top folder that must be there; any, if empty.

    Raises:
        MalformedError: anything that isn't exactly ``samarkand-tar-1``, truncation included.
    """
    found = _read_top(stream)
    if top and found != top:
        raise MalformedError(f"tar: top folder {found!r}, not {top!r}", code="TAR-TOP")
    prefix = found.encode() + b"/"
    last: tuple[int, bytes] | None = None
    while True:
        block = _exactly(stream, BLOCK, "a header")
        if not any(block):
            _read_end(stream)
            return
        path, octets = read_header(stream, block)
        if not path.startswith(prefix):
            raise _malformed(f"{display(path)}: outside the top folder")
        path = path[len(prefix) :]
        last = _after(last, path)
        chunks = _chunks(stream, octets, path)
        yield path, octets, chunks
        for _rest in chunks:
            pass


def _place(path: bytes) -> tuple[bytes, bytes] | None:
    """Name and prefix fields for a path; None if ustar can't hold it."""
    if not is_safe(path):
        raise _malformed(f"{display(path)}: not a path below a folder")
    if not path.isascii():
        try:
            path.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _malformed(f"{display(path)}: not UTF-8") from error
        return None
    if len(path) <= _NAME:
        return path, b""
    cut = path.rfind(b"/", 0, 156)
    if cut <= 0 or len(path) - cut - 1 > 100:
        return None
    return path[cut + 1 :], path[:cut]


def _record(key: bytes, value: bytes) -> bytes:
    """A PAX record; its length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _block(name: bytes, prefix: bytes, octets: int, kind: bytes) -> bytes:
    """One ustar header; the fields in their order."""
    before = b"".join(
        (
            name.ljust(100, b"\0"),
            b"0000755\0" if kind == b"5" else b"0000644\0",
            b"0000000\0" * 2,  # user, group
            b"%011o\0" % octets,
            b"00000000000\0",  # modified: the epoch
        )
    )
    after = b"".join(
        (
            kind,
            bytes(100),  # link target
            b"ustar\0" + b"00",
            bytes(64),  # names of user and group
            b"0000000\0" * 2,  # device
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    return before + b"%06o\0 " % (sum(before) + 8 * 0x20 + sum(after)) + after


def _top(top: str) -> bytes:
    name = top.encode("ascii", "replace")
    if not top.isascii() or not is_safe(name) or b"/" in name or len(name) > 90:
        raise _malformed(f"{top!r}: not a top folder")
    return name


def _after(last: tuple[int, bytes] | None, path: bytes) -> tuple[int, bytes]:
    here = order(path)
    if path == b"data":
        raise _malformed("a file in the place of the payload's folder")
    if last is not None and here <= last:
        raise _malformed(f"{display(path)}: out of order, or twice")
    return here


def _read_top(stream: BinaryIO) -> str:
    blocks = _exactly(stream, 2 * BLOCK, "the folders")
    name = blocks[:100].rstrip(b"\0")
    top = name[:-1].decode("ascii", "replace")
    if not name.endswith(b"/") or blocks != folder_headers(top):
        raise _malformed("doesn't begin with a top folder and its data/")
    return top


def read_header(stream: BinaryIO, block: bytes) -> tuple[bytes, int]:
    """Path and size of a member, if its header is the one that they must have.

    Args:
        block: the header's first block, which was read already; PAX records come after it.

    Raises:
        MalformedError: it is any other header, or none.
    """
    records: dict[bytes, bytes] = {}
    found = block
    if block[156:157] == b"x":
        length = _octal(block)
        if length > _PAX_OCTETS:
            raise _malformed(f"a PAX block of {length} octets")
        body = _exactly(stream, length + -length % BLOCK, "a PAX block")
        records = _read_records(body[:length])
        block = _exactly(stream, BLOCK, "a header")
        found += body + block
    prefix = block[345:500].rstrip(b"\0")
    name = block[:100].rstrip(b"\0")
    path = records.get(b"path", prefix + b"/" + name if prefix else name)
    size = records.get(b"size")
    octets = _octal(block) if size is None else _decimal(size)
    if member_header(path, octets) != found:
        raise _malformed(f"{display(path)}: its header isn't the one specified")
    return path, octets


def _read_records(body: bytes) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    while body:
        digits, _, _ = body.partition(b" ")
        length = _decimal(digits)
        key, _, value = body[len(digits) + 1 : length - 1].partition(b"=")
        if length <= len(digits) or length > len(body) or key in records:
            raise _malformed("a PAX record that doesn't parse")
        records[key] = value
        body = body[length:]
    return records


def _chunks(stream: BinaryIO, octets: int, path: bytes) -> Iterator[bytes]:
    rest = octets
    while rest:
        chunk = stream.read(min(rest, _CHUNK))
        if not chunk:
            raise _malformed(f"{display(path)}: the stream ends {rest} octets early")
        rest -= len(chunk)
        yield chunk
    if any(_exactly(stream, -octets % BLOCK, "padding")):
        raise _malformed(f"{display(path)}: padding that isn't zero")


def _read_end(stream: BinaryIO) -> None:
    if any(_exactly(stream, BLOCK, "the end")) or stream.read(1):
        raise _malformed("something stands after the end")


def _exactly(stream: BinaryIO, octets: int, what: str) -> bytes:
    data = stream.read(octets)
    while len(data) < octets:
        more = stream.read(octets - len(data))
        if not more:
            raise _malformed(f"the stream ends within {what}")
        data += more
    return data


def _octal(block: bytes) -> int:
    digits = block[124:135]
    if digits.strip(b"01234567"):
        raise _malformed("a size that isn't octal")
    return int(digits, 8)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 18:
        raise _malformed("a number that isn't decimal")
    return int(digits)


def _malformed(what: str) -> MalformedError:
    return MalformedError(f"tar: {what}", code="TAR-MALFORMED")
