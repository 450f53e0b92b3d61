"""Damage in the middle of a file is seen where the format, or the numbers in it, give it away."""

from __future__ import annotations

import hashlib
import io
import math
import random
import struct
import wave
import zlib
from array import array
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from preservation.formats.sample import HEAD, TAIL, WHOLE, Sample
from preservation.formats.structure import pictures, records, sound, texts
from preservation.formats.structure.inspect import inspect
from preservation.formats.structure.noise import noise

JUNK = random.Random(4).randbytes(1024)


def sample(data: bytes, extension: str = "") -> Sample:
    return Sample(-1, len(data), extension, data[:HEAD], data[-TAIL:], data)


def flags(data: bytes, local: str = "", puid: str = "", extension: str = "") -> set[str]:
    return {one.flag for one in inspect(sample(data, extension), local, puid)}


def junked(data: bytes, at: int | None = None) -> bytes:
    at = len(data) // 2 if at is None else at
    return data[:at] + JUNK + data[at + len(JUNK) :]


def _npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def _wave() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(array("h", (int(9000 * math.sin(n / 20)) for n in range(9000))).tobytes())
    return out.getvalue()


def _bmp() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "BMP")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "local"),
    [
        (_npy(np.linspace(0, 9, 4000)), "samarkand/npy"),
        (_npy(np.arange(9000, dtype="i4")), "samarkand/npy"),
        (_npy(np.random.default_rng(1).normal(size=4000)), "samarkand/npy"),
        (_wave(), ""),
        (_bmp(), ""),
    ],
)
def test_noise_amid_numbers_is_seen_and_numbers_alone_are_not(data, local):
    assert flags(data, local) == set()
    assert flags(junked(data), local) == {"corrupted"}


@pytest.mark.parametrize(
    "data",
    [
        random.Random(1).randbytes(100_000),  # all of it noise
        bytes(20_000) + random.Random(2).randbytes(20_000) + bytes(20_000),  # a compressed part
        bytes(5000),  # too short to say
    ],
)
def test_noise_that_is_no_short_exception_says_nothing(data):
    assert list(noise(sample(data), 0, len(data))) == []


def _ogg_page(number: int, body: bytes) -> bytes:
    table = bytes([255] * (len(body) // 255) + [len(body) % 255])
    head = b"OggS" + struct.pack("<BBqIIIB", 0, 0, number, 7, number, 0, len(table)) + table
    return head[:22] + struct.pack("<I", sound._ogg_sum(head + body)) + head[26:] + body


def test_the_sum_of_an_ogg_page_is_that_of_the_standard():
    assert sound._ogg_sum(b"123456789") == 0x89A1897F  # CRC-32 with 04C11DB7, from 0, unmirrored


def test_each_page_of_an_ogg_file_keeps_its_sum():
    data = b"".join(_ogg_page(number, bytes([number]) * 3000) for number in range(5))
    assert flags(data) == set()
    assert flags(junked(data)) == {"corrupted"}


def _flac(frames: int, samples: int) -> bytes:
    info = struct.pack(">HH", 4096, 4096) + bytes(6)
    info += (44100 << 44 | 1 << 41 | 15 << 36 | samples).to_bytes(8, "big") + bytes(16)
    data = b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info
    for number in range(frames):
        head = bytes([0xFF, 0xF8, 0xC9, 0x18, number])
        frame = head + bytes([sound._crc8(head)]) + random.Random(number).randbytes(2000)
        data += frame + sound._crc16(frame).to_bytes(2, "big")
    return data


def test_flac_frames_are_counted_and_keep_their_sums():
    assert (sound._crc8(b"123456789"), sound._crc16(b"123456789")) == (0xF4, 0xFEE8)
    data = _flac(10, 10 * 4096 - 50)
    assert flags(data) == set()
    assert flags(data[:-1]) == {"truncated"}
    assert flags(_flac(8, 10 * 4096 - 50)) == {"truncated"}
    assert flags(junked(data)) == {"corrupted"}


def test_flac_blocks_of_no_samples_are_damage_and_no_division():
    streaminfo = struct.pack(">BBHHH", 0x80, 0, 34, 0, 0) + bytes(9) + b"\x01" + bytes(20)
    assert flags(b"fLaC" + streaminfo + bytes(100)) == {"corrupted"}


def _mp3(frames: int) -> bytes:
    tag = b"ID3\4\0\0\0\0\0\x10" + bytes(16)
    return tag + b"".join(b"\xff\xfb\x90\x00" + bytes(413) for _ in range(frames))


def test_mpeg_frames_follow_each_other_to_the_end():
    data = _mp3(20)
    assert flags(data, "samarkand/mp3") == set()
    assert flags(data + b"TAG" + bytes(125), "samarkand/mp3") == set()
    assert flags(data[:-5], "samarkand/mp3") == {"truncated"}
    assert flags(junked(data), "samarkand/mp3") == {"corrupted"}


def test_a_profile_keeps_its_digest():
    data = bytearray(struct.pack(">I", 4000) + bytes(3996))
    data[36:40] = b"acsp"
    assert flags(bytes(data), "samarkand/icc") == set()  # without a digest nothing is told
    data[84:100] = hashlib.md5(data).digest()
    assert flags(bytes(data), "samarkand/icc") == set()
    assert flags(junked(bytes(data)), "samarkand/icc") == {"corrupted"}


def test_tables_of_a_font_add_up():
    body = struct.pack(">500I", *range(500))
    entry = struct.pack(">4sIII", b"glyf", sum(range(500)), 28, len(body))
    data = b"\0\1\0\0" + struct.pack(">HHHH", 1, 0, 0, 0) + entry + body
    assert flags(data) == set()
    assert flags(data[:500] + b"?" + data[501:]) == {"corrupted"}


def test_a_picture_inside_an_icon_is_looked_at():
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(out, "PNG")
    png = out.getvalue()
    data = b"icns" + struct.pack(">I4sI", 16 + len(png), b"ic07", 8 + len(png)) + png
    assert flags(data) == set()
    assert flags(junked(data)) == {"corrupted"}


def test_records_of_a_shapefile_have_one_type():
    record = struct.pack(">II", 1, 10) + struct.pack("<Idd", 1, 2.0, 3.0)
    end = (100 + 100 * len(record)) // 2
    head = struct.pack(">I20xI", 9994, end) + struct.pack("<II", 1000, 1)
    data = head + bytes(64) + record * 100
    assert flags(data, extension="shp") == set()
    assert flags(junked(data), extension="shp") == {"corrupted"}
    assert flags(data.replace(record, record[8:16] + record[8:]), extension="shx") == set()


def test_avro_blocks_end_with_the_marker():
    marker = b"0123456789abcdef"
    body = zlib.compress(random.Random(3).randbytes(1200))[2:-4]
    block = bytes([2]) + _zigzag(len(body)) + body + marker
    head = b"Obj\1\2\x14avro.codec\x0edeflate\0"
    assert flags(head + marker + block * 4) == set()
    assert flags(junked(head + marker + block * 4)) == {"corrupted"}


def _zigzag(number: int) -> bytes:
    number, out = number << 1, b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def test_records_of_several_lengths_are_one_sound_file():
    def record(power: int) -> bytes:
        head = b"000001D " + bytes(38) + struct.pack(">H", 48)
        return (head + struct.pack(">HHBBBB", 1000, 0, 10, 1, power, 0)).ljust(1 << power, b"\1")

    data = record(9) + record(12) + record(9) * 3
    assert flags(data, "samarkand/mseed") == set()
    assert flags(data[:-1], "samarkand/mseed") == {"truncated"}
    assert "corrupted" in flags(junked(data, 512), "samarkand/mseed")


def test_control_characters_in_the_middle_of_a_large_text_are_seen(tmp_path):
    line = b"a line of words, and 12345.678 of numbers\n"
    data = line * (3 * WHOLE // len(line))
    for text, found in ((data, []), (junked(data), ["corrupted"])):
        path = tmp_path / "large.txt"
        path.write_bytes(text)
        with path.open("rb") as file:
            taken = Sample.of(file.fileno(), len(text), "txt")
            assert [one.flag for one in texts.characters(taken)] == found


@pytest.mark.parametrize("end", ["}", "print('done')", "# the end.", "x = [1]"])
def test_clean_code_without_a_last_newline_is_no_cut_code(end):
    text = ("x = 1\n" * 40 + end).encode()
    assert flags(text, "samarkand/python") == set()


def test_code_that_ends_within_a_word_is_cut():
    assert flags(b"x = 1\n" * 40 + b"retu", "samarkand/python") == {"truncated"}


@pytest.mark.parametrize(
    "look",
    [
        sound.flac,
        sound.mpeg_audio,
        sound.ogg,
        pictures.icc,
        pictures.icns,
        pictures.font,
        pictures.dds,
        records.shapefile,
        records.sff,
        records.trackvis,
        records.mseed,
        records.snapgene,
        records.avro,
        records.big_binary,
        records.arrow_stream,
    ],
)
def test_no_look_hangs_or_breaks_on_any_octets(look):
    for seed in range(60):
        made = random.Random(seed)
        data = made.choice([b"", b"fLaC", b"OggS", b"ID3", b"\xff" * 8]) + made.randbytes(3000)
        # These the caller takes for a header that is cut.
        with suppress(struct.error, IndexError, ValueError, KeyError, OverflowError):
            list(look(sample(data * made.choice([1, 5]), "shp")))


def test_tables_that_share_their_octets_are_not_summed_without_end(monkeypatch):
    summed = []
    monkeypatch.setattr(
        pictures, "array", lambda kind, data: summed.append(len(data)) or array(kind)
    )
    entry = struct.pack(">4sIII", b"glyf", 0, 0, 900_000)
    data = b"\0\1\0\0" + struct.pack(">HHHH", 255, 0, 0, 0) + entry * 255
    flags(data.ljust(WHOLE, b"\0"))
    assert 0 < sum(summed) <= 2 * WHOLE


def test_blocks_are_not_inflated_without_end(monkeypatch):
    real, inflated = records._inflated, []

    def count(*args) -> int:
        inflated.append(real(*args))
        return inflated[-1]

    monkeypatch.setattr(records, "_inflated", count)
    packed = zlib.compress(bytes(1 << 20))
    marker = b"0123456789abcdef"
    block = bytes([2]) + _zigzag(len(packed) - 6) + packed[2:-4] + marker
    assert flags(b"Obj\1\2\x14avro.codec\x0edeflate\0" + marker + block * 900) == set()
    assert 0 < sum(inflated) <= 16 << 20


def _fits(card: bytes) -> bytes:
    cards = (
        b"SIMPLE  =                    T",
        b"BITPIX  =                    8",
        b"NAXIS   =                    0",
    )
    head = b"".join(one.ljust(80) for one in (*cards, card, b"END")).ljust(2880)
    return head + bytes(2880) + JUNK + bytes(2880 * 3 - len(JUNK))


def test_what_fits_compresses_is_no_noise():
    assert "corrupted" in flags(_fits(b"COMMENT"))
    assert flags(_fits(b"ZIMAGE  =                    T")) == set()
