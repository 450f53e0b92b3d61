"""Whatever octets a bag holds: parsers give values and findings, never an exception."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.bags.findings import Findings
from preservation.bags.layout import open_bag
from preservation.bags.manifest import (
    ManifestName,
    Parser,
    decode_path,
    encode_path,
    format_line,
    manifest_name,
)
from preservation.bags.tagfiles import (
    format_bag_info,
    parse_bag_info,
    parse_declaration,
    parse_fetch,
    parse_oxum,
    plain_value,
)
from preservation.bags.text import NotTextError, known_encoding, lines
from preservation.bags.trust import Trust
from preservation.bags.validate import validate
from preservation.errors import MalformedError
from preservation.fixity.engine import EngineSettings
from preservation.fixity.multihash import digest_bytes
from preservation.model.digest import Algorithm
from preservation.model.finding import is_fatal
from preservation.model.names import is_safe
from preservation.model.progress import Silence

SHA512 = ManifestName.parse(b"manifest-sha512.txt")
assert SHA512 is not None

# Octets that grammars care about, more often than chance would give them.
octets = st.lists(
    st.one_of(
        st.sampled_from([b"\n", b"\r", b" ", b"\t", b":", b"%", b"/", b"data/", b"..", b"\0"]),
        st.sampled_from(
            [b"%0A", b"%25", b"\xef\xbb\xbf", b"\xff\xfe", b"a" * 128, b"BagIt-Version"]
        ),
        st.binary(max_size=12),
    ),
    max_size=20,
).map(b"".join)
paths = octets.map(lambda data: b"data/" + data).filter(is_safe)


@given(paths)
def test_a_path_is_encoded_without_line_ends_and_decoded_to_itself(path: bytes) -> None:
    text = encode_path(path)
    assert b"\n" not in text
    assert b"\r" not in text
    assert decode_path(text) == path
    assert decode_path(text, legacy=True) == text


@given(st.lists(st.tuples(paths, st.binary(min_size=64, max_size=64)), max_size=5))
def test_manifest_lines_round_trip_for_any_name(entries: list[tuple[bytes, bytes]]) -> None:
    data = b"".join(format_line(digest, path) for path, digest in entries)
    findings = Findings()
    parser = Parser(SHA512, legacy=False, findings=findings)
    assert list(parser.entries(lines([data], ""))) == entries
    assert not is_fatal(findings.all())


@given(octets, st.integers(1, 9), st.sampled_from(["utf-8", "utf-16", "iso8859-1", ""]))
def test_lines_do_not_depend_on_how_the_file_was_read(
    data: bytes, size: int, encoding: str
) -> None:
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    whole, pieces = [], []
    for source, into in (([data], whole), (blocks, pieces)):
        try:
            into.extend(lines(source, encoding))
        except NotTextError:
            into.clear()
    assert whole == pieces


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=30)), max_size=4))
def test_bag_info_that_is_written_is_read_back(elements: list[tuple[str, str]]) -> None:
    try:
        data = format_bag_info(elements)
    except MalformedError:
        return
    findings = Findings()
    assert parse_bag_info(lines([data], "utf-8"), findings) == elements


ordinary = st.text(
    st.characters(blacklist_categories=["Cc", "Cs"], blacklist_characters=": \t"), min_size=1
).filter(lambda text: text == text.strip())


@given(st.lists(st.tuples(ordinary, ordinary), min_size=1, max_size=4))
def test_ordinary_elements_can_always_be_written(elements: list[tuple[str, str]]) -> None:
    assert parse_bag_info(lines([format_bag_info(elements)], "utf-8"), Findings()) == elements


@given(st.text(max_size=40) | st.binary(max_size=20).map(os.fsdecode))
def test_any_text_has_a_plain_form_that_can_be_written(text: str) -> None:
    elements = [("External-Description", plain_value(text))]
    assert parse_bag_info(lines([format_bag_info(elements)], "utf-8"), Findings()) == elements


@given(octets, st.booleans(), st.sampled_from(["sha512", "md5", "crc32", "SHA-256"]))
def test_parsers_take_any_octets(data: bytes, legacy: bool, algorithm: str) -> None:
    findings = Findings()
    findings.legacy = legacy
    text = list(lines([data], ""))
    for kind in ("", "tag"):
        name = ManifestName.parse(f"{kind}manifest-{algorithm}.txt".encode())
        assert name is not None
        for path, _ in Parser(name, legacy=legacy, findings=findings).entries(text):
            assert is_safe(path)
    for path in parse_fetch(text, findings):
        assert is_safe(path)
        assert path.startswith(b"data/")
    parse_oxum(parse_bag_info(text, findings), findings)
    parse_declaration(data, findings)
    Trust(digest_bytes(data), [Algorithm.SHA256]).open(data)
    for finding in findings.all():
        assert finding.subject.isprintable()
        assert finding.message.isprintable()


@given(st.text(max_size=12))
def test_only_character_sets_are_encodings(name: str) -> None:
    codec = known_encoding(name)
    assert codec is None or isinstance("".encode(codec), bytes)


@settings(max_examples=60, deadline=None)
@given(octets, octets, octets, octets, st.sampled_from(["0.97", "1.0"]))
def test_a_bag_of_any_octets_has_a_verdict(
    manifest: bytes, tag_manifest: bytes, info: bytes, fetch: bytes, version: str
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "data").mkdir()
        (folder / "data/a").write_bytes(b"x")
        declared = f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8\n"
        (folder / "bagit.txt").write_text(declared)
        (folder / "bag-info.txt").write_bytes(info)
        (folder / "fetch.txt").write_bytes(fetch)
        (folder / manifest_name(Algorithm.SHA512).decode()).write_bytes(manifest)
        (folder / manifest_name(Algorithm.MD5, tag=True).decode()).write_bytes(tag_manifest)
        report = validate(folder, settings=EngineSettings(workers=1), progress=Silence())
        assert not report.valid, "data/a cannot be listed by chance"
        dict(open_bag(folder).payload_digests())
