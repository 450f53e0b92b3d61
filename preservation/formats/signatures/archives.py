"""Archives, compressed files, and formats that are a ZIP with known members."""

from __future__ import annotations

import re
import struct

from preservation.formats.sample import OverBudgetError, Sample
from preservation.formats.signatures.local_format import (
    Test,
    both,
    first_line,
    magic,
    one_of,
    row,
    starting,
    words,
)

ZIP = "x-fmt/263"
_LOCAL_HEADER = b"PK\x03\x04"
_MOST_NAMES = 2000


def zip_names(sample: Sample) -> list[bytes]:
    """Names in a ZIP's central directory as far as it lies in the tail, else of local headers.

    Source: PKWARE APPNOTE 6.3.10, 4.3.7, 4.3.12 and 4.3.16.
    """
    if not sample.head.startswith((_LOCAL_HEADER, b"PK\x05\x06")):
        return []
    end = sample.tail.rfind(b"PK\x05\x06")
    if end < 0 or len(sample.tail) < end + 22:
        return re.findall(
            rb"PK\x03\x04.{22}.{4}([\x20-\x7e/]{1,200}?)(?=[^\x20-\x7e])", sample.head, re.DOTALL
        )[:_MOST_NAMES]
    size, offset = struct.unpack("<II", sample.tail[end + 12 : end + 20])
    try:
        directory = sample.at(offset, min(size, 1 << 20))
    except OverBudgetError:
        return []
    names: list[bytes] = []
    at = 0
    while (
        directory[at : at + 4] == b"PK\x01\x02"
        and len(names) < _MOST_NAMES
        and at + 46 <= len(directory)
    ):
        name, extra, comment = struct.unpack("<HHH", directory[at + 28 : at + 34])
        names.append(directory[at + 46 : at + 46 + name])
        at += 46 + name + extra + comment
    return names


def _zip_of(pattern: bytes) -> Test:
    """A ZIP in which some member's name matches."""
    wanted = re.compile(pattern)
    return starting(b"PK")(
        lambda sample: sample.head[:2] == b"PK" and any(map(wanted.search, zip_names(sample)))
    )


@starting(b"PK")
def _is_npz(sample: Sample) -> bool:
    names = zip_names(sample)
    return bool(names) and all(name.endswith(b".npy") for name in names)


def _is_tar(sample: Sample) -> bool:
    """The checksum of the first header holds: also of old tars without a magic."""
    head = sample.head[:512]
    return len(head) == 512 and head[0] != 0 and tar_checksum(head)


def tar_checksum(header: bytes) -> bool:
    """Whether a header's checksum is the sum of its octets, its own field as blanks.

    Source: POSIX.1-2017, pax, "ustar interchange format".
    """
    field = header[148:156].strip(b" \0")
    if re.fullmatch(rb"[0-7]{1,7}", field) is None:
        return False
    return int(field, 8) == sum(header[:148]) + sum(header[156:512]) + 8 * 32


ROWS = (
    row(
        "npz",
        "NumPy arrays (NPZ)",
        "npz",
        _is_npz,
        "NumPy, numpy.savez: a ZIP of .npy members",
        mime="application/x-npz",
        parents=ZIP,
    ),
    row(
        "zarr-zip",
        "Zarr in a ZIP",
        "zip zarr",
        _zip_of(rb"(^|/)(\.zgroup|\.zarray|zarr\.json)$"),
        "Zarr specification, ZipStore",
        mime="application/zip",
        parents=ZIP,
    ),
    row(
        "kmz",
        "KMZ (zipped KML)",
        "kmz",
        _zip_of(rb"^doc\.kml$"),
        "OGC 12-007r2, annex C",
        mime="application/vnd.google-earth.kmz",
        parents=ZIP,
    ),
    row(
        "ro-crate-zip",
        "RO-Crate in a ZIP",
        "zip crate eln",
        _zip_of(rb"(^|/)ro-crate-metadata\.json(ld)?$"),
        "RO-Crate 1.2, structure",
        mime="application/zip",
        parents=ZIP,
    ),
    row(
        "bagit-zip",
        "BagIt bag in a ZIP",
        "zip",
        _zip_of(rb"^[^/]+/bagit\.txt$"),
        "RFC 8493, 4",
        mime="application/zip",
        parents=ZIP,
    ),
    row(
        "python-wheel",
        "Python wheel",
        "whl",
        _zip_of(rb"\.dist-info/(WHEEL|METADATA)$"),
        "PEP 427",
        mime="application/zip",
        parents=ZIP,
    ),
    row(
        "svg-gzip",
        "SVG, compressed with gzip",
        "svgz",
        starting(b"\x1f\x8b")(lambda s: b"<svg" in s.inner[:4096]),
        "SVG 1.1, conforming files",
        mime="image/svg+xml",
        parents="x-fmt/266",
        named=True,
    ),
    row(
        "tar",
        "TAR archive",
        "tar",
        _is_tar,
        "POSIX.1-2017, pax, ustar interchange format",
        mime="application/x-tar",
        puid="x-fmt/265",
    ),
    row(
        "gzip",
        "GZIP",
        "gz tgz gzip taz svgz emz adz gzi z bgz",
        magic(b"\x1f\x8b\x08"),
        "RFC 1952, 2.3.1",
        mime="application/gzip",
        puid="x-fmt/266",
    ),
    row(
        "bzip2",
        "BZIP2",
        "bz2 bz tbz2 tbz",
        both(magic(b"BZh"), magic(b"1AY&SY", 4)),
        "bzip2 1.0 format",
        mime="application/x-bzip2",
        puid="x-fmt/268",
    ),
    row(
        "xz",
        "XZ",
        "xz txz",
        magic(b"\xfd7zXZ\0"),
        "The .xz file format 1.2, 2.1.1.1",
        mime="application/x-xz",
        puid="fmt/1098",
    ),
    row(
        "lzma",
        "LZMA",
        "lzma tlz",
        one_of(b"\x5d\0\0"),
        "LZMA SDK, .lzma header",
        mime="application/x-lzma",
        named=True,
    ),
    row(
        "zstd",
        "Zstandard",
        "zst tzst zstd",
        magic(b"\x28\xb5\x2f\xfd"),
        "RFC 8878, 3.1.1",
        mime="application/zstd",
    ),
    row(
        "lz4",
        "LZ4 frame",
        "lz4",
        magic(b"\x04\x22\x4d\x18"),
        "LZ4 frame format 1.6",
        mime="application/x-lz4",
    ),
    row(
        "compress",
        "Unix compress (.Z)",
        "z",
        magic(b"\x1f\x9d"),
        "compress(1), magic",
        mime="application/x-compress",
        puid="x-fmt/267",
    ),
    row(
        "7z",
        "7-Zip",
        "7z",
        magic(b"7z\xbc\xaf\x27\x1c"),
        "7z format, signature header",
        mime="application/x-7z-compressed",
        puid="fmt/484",
    ),
    row(
        "zip",
        "ZIP",
        "zip jar war ear apk whl cbz xpi egg oxt",
        one_of(_LOCAL_HEADER, b"PK\x05\x06" + bytes(16)),
        "APPNOTE 6.3.10, 4.3",
        mime="application/zip",
        puid=ZIP,
    ),
    row(
        "java-class",
        "Java class",
        "class",
        magic(b"\xca\xfe\xba\xbe\0\0\0"),
        "JVM specification, 4.1",
        mime="application/java-vm",
        named=True,
    ),
    row(
        "python-bytecode",
        "Python bytecode",
        "pyc pyo",
        lambda s: s.head[2:4] == b"\r\n",
        "CPython, importlib",
        mime="application/x-python-code",
        named=True,
    ),
    row(
        "pgp-armour",
        "OpenPGP, armoured",
        "asc sig gpg pgp key",
        words("-----BEGIN PGP "),
        "RFC 9580, 6.2",
        mime="application/pgp-encrypted",
    ),
    row(
        "pem",
        "PEM",
        "pem crt cer key csr",
        first_line(r"-----BEGIN [A-Z0-9 ]+-----"),
        "RFC 7468, 2",
        mime="application/x-pem-file",
    ),
    row(
        "mo",
        "GNU gettext catalogue",
        "mo gmo",
        one_of(b"\xde\x12\x04\x95", b"\x95\x04\x12\xde"),
        "GNU gettext, MO files",
        mime="application/x-gettext-translation",
    ),
)
