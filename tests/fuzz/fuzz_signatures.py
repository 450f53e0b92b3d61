"""Fuzz: our own tests of formats, by content and by name."""

import os

import fuzzing

with fuzzing.watched(__name__):
    from preservation.formats.content import is_json, is_json_lines, is_plain_text, is_table
    from preservation.formats.sample import Sample
    from preservation.formats.signatures.table import ROWS, recognise

EXTENSIONS = sorted({extension for row in ROWS for extension in row.extensions} | {""})


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    extension = EXTENSIONS[(draw.number(256) * 256 + draw.number(256)) % len(EXTENSIONS)]
    whole = draw.bit()
    for test in (is_plain_text, is_json, is_json_lines, is_table):
        test(draw.rest, whole)
    fd = os.memfd_create("case")
    try:
        os.write(fd, draw.rest)
        recognise(Sample.of(fd, len(draw.rest), extension))
    finally:
        os.close(fd)


if __name__ == "__main__":
    fuzzing.fuzz(once)
