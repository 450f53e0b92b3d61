"""Fuzz: lists of digests that come along: md5sum and sha*sum, BSD, hashdeep, CSV."""

import fuzzing

with fuzzing.watched(__name__):
    from preservation.ingest.digest_lists import Line, read_lines, recognise
    from preservation.ingest.digest_text import lines

NAMES = (
    b"SHA256SUMS",
    b"checksums.md5",
    b"data.csv.sha512",
    b"hashdeep.txt",
    b"checksums.csv",
    b"manifest-sha256.txt",
    b"MD5SUM",
    b"checksums.txt",
)


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    seen = recognise(NAMES[draw.number(len(NAMES))])
    if seen is None:
        return
    for line in read_lines(lines(draw.pieces(draw.number(100) + 1)), seen):
        if isinstance(line, Line):
            assert line.digest.value
            assert isinstance(line.name, bytes)


if __name__ == "__main__":
    fuzzing.fuzz(once)
