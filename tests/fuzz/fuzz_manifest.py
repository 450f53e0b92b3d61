"""Fuzz: manifest lines, many at a time and one by one: the same; written again: the same."""

import fuzzing

with fuzzing.watched(__name__):
    from preservation.bags.findings import Findings
    from preservation.bags.manifest import ManifestName, Parser, decode_path, encode_path
    from preservation.bags.text import LineTooLongError, NotTextError, line_lots
    from preservation.model.names import is_safe

NAMES = (
    b"manifest-md5.txt",
    b"manifest-sha256.txt",
    b"manifest-crc32.txt",
    b"tagmanifest-sha1.txt",
    b"Manifest-SHA-512.TXT",
)


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    name = ManifestName.parse(NAMES[draw.number(len(NAMES))])
    assert name is not None
    legacy, size = draw.bit(), draw.number(200) + 1
    encoding = ("", "utf-8", "utf-16")[draw.number(3)]
    try:
        lots = list(line_lots(draw.pieces(size), encoding, []))
    except (NotTextError, LineTooLongError):
        return
    told, alone = Findings(), Findings()
    told.legacy = alone.legacy = legacy
    width = Parser(name, legacy=legacy, findings=told).digest_width
    together = [
        (path, records.digests[at * width : (at + 1) * width], path in records.unusable)
        for records in Parser(name, legacy=legacy, findings=told).records(lots)
        for at, path in enumerate(records.paths)
    ]
    parser = Parser(name, legacy=legacy, findings=alone)
    one_by_one = [entry for lot in lots for entry in parser.entries(lot)]
    assert [path for path, *_ in together] == [path for path, _ in one_by_one]
    for (path, digest, _), (_, expected) in zip(together, one_by_one, strict=True):
        assert digest == expected.ljust(width, b"\0")
        assert is_safe(path)
        assert decode_path(encode_path(path)) == path
    assert told.all() == alone.all()


if __name__ == "__main__":
    fuzzing.fuzz(once)
