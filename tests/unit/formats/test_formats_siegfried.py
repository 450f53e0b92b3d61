"""Siegfried is read to as much as can change its answer, and no more."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from preservation.formats.identifier import FormatIdentifier
from preservation.formats.sample import Sample
from preservation.formats.siegfried import by_name_alone, ends_of, excerpt
from preservation.formats.signatures.table import ROWS, recognise


@pytest.fixture(scope="module")
def identifier():
    with FormatIdentifier() as one:
        yield one


def sample(data: bytes, extension: str = "") -> Sample:
    return Sample(-1, len(data), extension, data[:65536], data[-65536:], data)


def test_only_rows_about_text_settle():
    binary = sample(bytes(range(256)) * 8)
    assert not any(by_name_alone(binary, one) for one in ROWS)
    assert not any(one.settles and one.mime.endswith("xml") for one in ROWS)


@pytest.mark.parametrize(
    ("text", "extension", "settled"),
    [
        (b"import os\n\nprint(os.sep)\n", "py", True),
        (b"# Title\n\nWords.\n", "md", True),
        (b"key: value\n", "yaml", True),
        (b"<!DOCTYPE html>\n<html><body>import os</body></html>\n", "md", False),
        (b"{\\rtf1 import os}\n", "md", False),
        (b"%PDF-1.7\nimport os\n", "md", False),
        (b"plain words\n", "txt", False),
        (b"<?xml version='1.0'?><kml xmlns='x'/>\n", "kml", False),
    ],
)
def test_a_text_is_settled_by_its_row_unless_it_begins_like_a_document(text, extension, settled):
    taken = sample(text, extension)
    assert by_name_alone(taken, recognise(taken)) is settled


def test_commands_of_latex_in_a_program_do_not_make_it_latex(identifier, tmp_path: Path):
    (tmp_path / "plot.ipynb").write_text(
        '{"cells": [{"source": ["\\\\documentclass{article}\\\\begin{document}"]}],'
        ' "nbformat": 4, "nbformat_minor": 5}\n'
    )
    (tmp_path / "bib.py").write_text('import os\nX = """\n@article{a,\n author = {B},\n}\n"""\n')
    [notebook, program] = identifier.identify(tmp_path, [b"plot.ipynb", b"bib.py"])
    assert (notebook.puid, notebook.flags) == ("fmt/1119", ())
    assert (program.puid, program.flags) == ("fmt/938", ())


def test_a_page_under_the_name_of_a_text_is_still_seen(identifier, tmp_path: Path):
    (tmp_path / "page.md").write_text("<!DOCTYPE html>\n<html><head></head><body></body></html>\n")
    [found] = identifier.identify(tmp_path, [b"page.md"])
    assert found.puid in ("fmt/471", "fmt/96")


def test_what_is_told_deep_in_a_file_reaches_siegfried():
    assert min(ends_of(sample(b"%PDF-1.7\n" + bytes(99)), known=True)) >= 128 * 1024
    octets = os.urandom(1 << 17)
    assert sum(ends_of(sample(octets), known=True)) < 16 * 1024
    assert sum(ends_of(sample(octets), known=False)) < 8 * 1024
    image = octets[:32769] + b"CD001" + octets
    assert ends_of(sample(image), known=False)[0] > 32769 + 5  # ISO 9660's first descriptor
    cut = b"PK\x03\x04" + bytes(200_000)
    assert sum(ends_of(sample(cut), known=True)) < len(cut)
    whole = cut + b"PK\x05\x06" + bytes(18)
    assert excerpt(sample(whole), known=True) is None  # its members may lie anywhere


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + bytes(4)


def test_of_a_png_siegfried_gets_every_chunk_but_no_pixels():
    pixels = os.urandom(40_000)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"tEXt", b"a" * 9000)
    end = chunk(b"iTXt", b"late") + chunk(b"IEND", b"")
    said = excerpt(sample(start + chunk(b"IDAT", pixels) * 3 + end + b"behind"), known=True)
    assert said is not None
    assert said.startswith(start[:60])
    assert said.endswith(end + b"behind")
    assert pixels[:16] not in said
    assert len(said) < 1000


@pytest.mark.parametrize("length", [0, 5, 0xFFFFFFFF])
def test_a_png_without_order_is_handed_on_nevertheless(length):
    png = b"\x89PNG\r\n\x1a\n" + (struct.pack(">I", length) + b"IDAT") * 50_000
    said = excerpt(sample(png), known=True)
    assert said is not None
    assert png[-100:] in said
    assert len(said) < 200_000


def test_a_disk_image_is_named(identifier, tmp_path: Path):
    image = bytearray(300_000)
    for number, kind in enumerate((b"\x01CD001\x01", b"\xffCD001\x01")):
        image[32768 + 2048 * number : 32775 + 2048 * number] = kind
    (tmp_path / "disk.iso").write_bytes(image)
    [found] = identifier.identify(tmp_path, [b"disk.iso"])
    assert found.puid == "fmt/468"


def riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data


def segment(mark: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data


def entry(*words: int) -> bytes:
    return struct.pack("<HHII", *words)


BROADCAST = bytes(346) + b"\1\0" + bytes(254)
PCM = struct.pack("<HHIIHH", 1, 2, 48000, 192000, 4, 16)
EXIF = b"Exif\0\0II*\0\x08\0\0\0\1\0" + entry(0x8769, 4, 1, 30_000) + bytes(4 + 29_974)
RECEIVED = b"Received: from a.example.org by b.example.org;\r\n\tMon, 2 Mar 2020 10:00:00 +0000\r\n"


@pytest.mark.parametrize(
    ("name", "content", "puid"),
    [
        (
            "history.wav",
            riff_chunk(b"bext", BROADCAST + b"A=PCM,F=48000\r\n" * 1000)
            + riff_chunk(b"fmt ", PCM)
            + riff_chunk(b"data", bytes(range(256)) * 400),
            "fmt/704",
        ),
        (
            "photo.jpg",
            b"\xff\xd8"
            + segment(0xE1, EXIF + b"\1\0" + struct.pack("<HHI", 0x9000, 7, 4) + b"0221" + bytes(4))
            + segment(0xDB, bytes(65))
            + b"\x55" * 50_000
            + b"\xff\xd9",
            "fmt/645",
        ),
        (
            "raw.dng",
            b"II*\0"
            + struct.pack("<I", 15_000)
            + bytes(14_992)
            + b"\2\0"
            + entry(256, 3, 1, 8)
            + entry(50706, 1, 4, 0x401)
            + bytes(5_000),
            "fmt/730",
        ),
        (
            "letter.eml",
            b"Return-Path: <a@b>\r\n"
            + RECEIVED * 90
            + b"MIME-Version: 1.0\r\nDate: Mon, 2 Mar 2020 10:00:00 +0000\r\nMessage-ID: <1@x>\r\n"
            b"Subject: data\r\nFrom: A <a@example.org>\r\nTo: b@example.org\r\n"
            b"Content-Type: text/plain; charset=UTF-8\r\n\r\n" + b"line of text\r\n" * 3000,
            "fmt/950",
        ),
    ],
)
def test_what_tells_a_kind_behind_other_things_is_still_heard(
    identifier, tmp_path: Path, name, content, puid
):
    if name.endswith("wav"):
        content = b"RIFF" + struct.pack("<I", len(content) + 4) + b"WAVE" + content
    (tmp_path / name).write_bytes(content)
    [found] = identifier.identify(tmp_path, [name.encode()])
    assert found.puid == puid
