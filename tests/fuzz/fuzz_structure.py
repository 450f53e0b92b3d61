"""Fuzz: the looks at a file's structure, each behind the first octets that it is for."""

import os

import fuzzing

with fuzzing.watched(__name__):
    from preservation.formats.sample import Sample
    from preservation.formats.structure import inspect, raw

STARTS = [start for start, _ in raw._BY_START] + [b"%PDF-", b"\0\0\0\x20ftyp", b""]
LOCALS = ["", *sorted(inspect._BY_ID), *sorted(inspect._TEXTS)]
FLAGS = {"truncated", "corrupted", "encrypted"}


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    start, local = STARTS[draw.number(len(STARTS))], LOCALS[draw.number(len(LOCALS))]
    extension = ("", "json", "dbf", "xml")[draw.number(4)]
    octets = start + draw.rest
    fd = os.memfd_create("case")
    try:
        os.write(fd, octets)
        for trouble in inspect.inspect(Sample.of(fd, len(octets), extension), local, ""):
            assert trouble.flag in FLAGS
    finally:
        os.close(fd)


if __name__ == "__main__":
    fuzzing.fuzz(once)
