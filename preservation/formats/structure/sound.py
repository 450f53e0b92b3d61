"""Sound: frames and pages that follow each other to the end, with their checksums."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from preservation.formats.sample import Sample
from preservation.formats.structure.trouble import Troubles, corrupted, truncated

_SUMMED = 256 * 1024  # octets of FLAC frames whose sums are compared: Python takes 25 ms for them
_MOST = 20_000
_LEAST_BLOCK = 16  # samples of a FLAC block: RFC 9639, 8.2

_MPEG_1 = (
    (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
_LOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_2 = ((0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256), _LOW, _LOW)
_RATES = (44100, 48000, 32000)
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")


def mpeg_audio(sample: Sample) -> Troubles:
    """Small files: frames follow each other from the first to the end, or to a tag.

    Source: ISO/IEC 11172-3, 2.4.1 and 2.4.2.3; 13818-3; ID3v2.4, 3.1.
    """
    data = sample.whole
    if data is None:
        return
    at = _after_id3(data)
    if at > len(data):
        yield truncated("an ID3 tag")
        return
    at += len(data[at:]) - len(data[at:].lstrip(b"\0"))  # padding
    frames = 0
    while (octets := _frame_octets(data, at)) > 0 and frames < _MOST:
        at, frames = at + octets, frames + 1
    rest = data[at : at + 16]
    if at > len(data):
        yield truncated("an MPEG audio frame")
    elif octets == 0 and frames > 2 and len(rest) == 16 and not _ends_sound(rest):
        yield corrupted("no MPEG audio frame where the next one begins")


def _ends_sound(rest: bytes) -> bool:
    return not rest.strip(b"\0") or rest.startswith(_TAGS)


def _after_id3(data: bytes) -> int:
    at = 0
    while data[at : at + 3] == b"ID3":
        size = 0
        for one in data[at + 6 : at + 10]:
            size = size << 7 | one & 0x7F
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return at


def _frame_octets(data: bytes, at: int) -> int:
    """The length of the frame that begins here; 0 if none does, -1 if it does not tell."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bits == 15 or rate == 3:
        return 0
    if bits == 0:
        return -1
    kilobits = (_MPEG_1 if version == 3 else _MPEG_2)[layer - 1][bits]
    hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12_000 * kilobits // hertz + padding) * 4
    return (72_000 if layer == 3 and version != 3 else 144_000) * kilobits // hertz + padding


def flac(sample: Sample) -> Troubles:
    """Frames are counted through to the one that the samples end in; of small files each has its
    sum. Source: RFC 9639, 8.2, 9.1 and 9.3.
    """
    at = sample.head.find(b"fLaC")
    block, last = at + 4, False
    least, most = struct.unpack_from(">HH", sample.head, at + 8)
    samples = int.from_bytes(sample.head[at + 21 : at + 26], "big") & (1 << 36) - 1
    if most < _LEAST_BLOCK:
        yield corrupted(f"FLAC blocks of {most} samples")
        return
    while not last:
        header = sample.at(block, 4)
        last = bool(header[0] & 0x80)
        block += 4 + int.from_bytes(header[1:], "big")
    if block >= sample.octets:
        yield truncated("no FLAC frame")
        return
    tagged = sample.tail[-128:-125] == b"TAG" or b"APETAGEX" in sample.tail[-4096:]
    if samples == 0 or least != most or tagged:
        return
    tail = list(_flac_frames(sample.tail))
    final = -(-samples // most) - 1
    if tail and tail[-1][1] < final:
        yield truncated(f"FLAC frame {tail[-1][1]:,} of {final:,} is the last")
    elif tail and _crc16(sample.tail[tail[-1][0] :][:_SUMMED]):
        yield truncated("the last FLAC frame")
    elif sample.whole is not None and sample.octets - block <= _SUMMED:
        yield from _flac_sums(sample.whole, block)


def _flac_sums(data: bytes, start: int) -> Troubles:
    begin = start
    wanted = 0
    for at, number in _flac_frames(data, start):
        if number != wanted:
            continue
        if at > begin and _crc16(data[begin:at]):
            yield corrupted(f"the sum of FLAC frame {wanted - 1:,}")
            return
        begin, wanted = at, wanted + 1
    if _crc16(data[begin:]):
        yield corrupted(f"the sum of FLAC frame {max(0, wanted - 1):,}")


_SYNC = re.compile(rb"\xff\xf8[\x10-\xfe][\x00-\xaf]", re.DOTALL)


def _flac_frames(data: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    """Where frames of one size begin, and their numbers: by a header whose own sum is right."""
    for found in _SYNC.finditer(data, start):
        at = found.start()
        head = data[at : at + 16]
        first = head[4] if len(head) > 4 else 0xFF
        ones = 8 - (~first & 0xFF).bit_length()  # as in UTF-8
        length = ones or 1
        number = first & (0x7F >> ones)
        for one in head[5 : 4 + length]:
            number = number << 6 | one & 0x3F
        end = 4 + length + {6: 1, 7: 2}.get(head[2] >> 4, 0)
        end += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
        if ones != 1 and end < len(head) and _crc8(head[:end]) == head[end]:
            yield at, number


def _table(width: int, polynomial: int) -> tuple[int, ...]:
    top, mask, made = 1 << width - 1, (1 << width) - 1, []
    for octet in range(256):
        value = octet << width - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & mask
        made.append(value)
    return tuple(made)


_CRC8, _CRC16 = _table(8, 0x07), _table(16, 0x8005)


def _crc8(data: bytes) -> int:
    value = 0
    for one in data:
        value = _CRC8[value ^ one]
    return value


def _crc16(data: bytes) -> int:
    """0 for data that end with their own sum."""
    value = 0
    for one in data:
        value = value << 8 & 0xFF00 ^ _CRC16[value >> 8 ^ one]
    return value


def ogg(sample: Sample) -> Troubles:
    """The last page is whole; of small files every page has its sum. Source: RFC 3533, 6."""
    at = sample.tail.rfind(b"OggS")
    if at >= 0 and len(sample.tail) > at + 27:
        segments = sample.tail[at + 26]
        table = sample.tail[at + 27 : at + 27 + segments]
        if len(table) < segments or at + 27 + segments + sum(table) > len(sample.tail):
            yield truncated("the last Ogg page")
            return
    if sample.whole is not None:
        yield from _ogg_pages(sample.whole)


def _ogg_pages(data: bytes) -> Troubles:
    at = 0
    while data[at : at + 4] == b"OggS":
        segments = data[at + 26]
        end = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
        page = data[at : at + 22] + bytes(4) + data[at + 26 : end]
        if _ogg_sum(page) != int.from_bytes(data[at + 22 : at + 26], "little"):
            yield corrupted("the sum of an Ogg page")
            return
        at = end
    if at < len(data) and data[at:].strip(b"\0") and not data[at:].startswith(_TAGS):
        yield corrupted("no Ogg page where the next one begins")


_MIRRORED = bytes(int(f"{one:08b}"[::-1], 2) for one in range(256))


def _ogg_sum(page: bytes) -> int:
    """CRC-32 from the highest bit on, beginning with 0: the mirror image of the usual one."""
    usual = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{usual:032b}"[::-1], 2)
