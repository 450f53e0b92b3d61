"""Raster images: the container by its own checksums, then every pixel of every frame decoded.

Source: Pillow; PNG (CRC of each chunk), RIFF (length), GIF89a (trailer).
"""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageFile, UnidentifiedImageError

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.format_check import Unchecked

LIBRARY = "pillow"
MOST_PIXELS = 200_000_000  # of a frame: decoded they take up to four octets each, twice
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "JPEG2000", "AVIF", "BMP", "PPM")

Image.MAX_IMAGE_PIXELS = None  # the limit above is ours, and no warning
ImageFile.LOAD_TRUNCATED_IMAGES = False
Image.init()
_OPENED = [name for name in _FORMATS if name in Image.OPEN]  # a build may have left one out


def check(subject: Subject) -> None:
    """Structure, then pixels."""
    _expect_end(subject)
    try:
        with subject.open() as source, Image.open(source, formats=_OPENED) as image:
            _expect_decodable(subject, image)
            if image.format == "PNG":
                image.verify()
        with subject.open() as source, Image.open(source, formats=_OPENED) as image:
            subject.facts["frames"] = _decoded(subject, image)
    except UnidentifiedImageError as error:
        raise Invalid("structure", "it can't be read as an image") from error
    except (OSError, SyntaxError, EOFError) as error:
        if str(error).startswith("Unsupported"):  # an OS/2 bitmap: sound, and not read here
            raise NotChecked(Unchecked.CODEC_ABSENT, str(error)) from error
        cut = any(word in str(error).lower() for word in ("truncated", "end of file", "eof"))
        raise Invalid("truncated" if cut else "structure", str(error)) from error


def _expect_decodable(subject: Subject, image: Any) -> None:
    width, height = image.size
    subject.facts.update(format=str(image.format), width=width, height=height, mode=image.mode)
    if width * height > MOST_PIXELS:
        raise NotChecked(Unchecked.TOO_LARGE, f"{width} x {height} pixels are not decoded")


def _decoded(subject: Subject, image: Any) -> int:
    """Decode all frames; how many there are."""
    frames = 0
    while True:
        if image.width * image.height > MOST_PIXELS:
            raise NotChecked(Unchecked.TOO_LARGE, f"frame {frames} is too large to be decoded")
        image.load()
        subject.spend(0)
        frames += 1
        try:
            image.seek(frames)
        except EOFError:
            return frames


def _expect_end(subject: Subject) -> None:
    """What decoders pass over: a GIF without its trailer, a RIFF shorter than it says."""
    head = subject.at(0, 12)
    if head[:4] == b"GIF8" and b"\x3b" not in subject.at(max(0, subject.octets - 512), 512):
        raise Invalid("truncated", "it has no trailer")
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        wanted = 8 + int.from_bytes(head[4:8], "little")
        if wanted > subject.octets:
            message = f"it says {wanted} bytes and has {subject.octets}"
            raise Invalid("truncated", message)
