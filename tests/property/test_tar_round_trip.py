"""Any bag becomes a tar that gives the same bag again, here and in other people's programs."""

from __future__ import annotations

import hashlib
import io
import tarfile

from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.files import tar
from preservation.files.tar_index import index_of, places

TOP = "00000000-0000-4000-8000-000000000000.v1"

PART = st.one_of(
    st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
        min_size=1,
        max_size=130,
    ),
    st.sampled_from(["n" * 100, "n" * 99, "n" * 101, "d" * 54, "d" * 55, "d" * 155, "data"]),
).filter(lambda part: part not in (".", "..") and len(part.encode()) <= 255)
PATHS = st.one_of(
    st.sampled_from(["bagit.txt", "tagmanifest-sha256.txt", "bag-info.txt"]),
    st.lists(PART, min_size=1, max_size=5).map("/".join),
    st.lists(PART, min_size=1, max_size=5).map(lambda parts: "data/" + "/".join(parts)),
).filter(lambda path: path != "data")
BAGS = st.dictionaries(
    PATHS.map(str.encode),
    st.one_of(st.binary(max_size=40), st.sampled_from([511, 512, 513, 1024]).map(bytes)),
    max_size=8,
)


def make(bag: dict[bytes, bytes]) -> bytes:
    ordered = sorted(bag, key=tar.order)
    return b"".join(tar.write_tar(TOP, ((p, len(bag[p]), iter([bag[p]])) for p in ordered)))


@given(BAGS)
def test_a_bag_comes_back(bag: dict[bytes, bytes]) -> None:
    stream = make(bag)
    again = {p: b"".join(chunks) for p, _, chunks in tar.read_tar(io.BytesIO(stream), TOP)}
    assert again == bag
    assert make(again) == stream
    assert tar.tar_size(TOP, ((p, len(data)) for p, data in bag.items())) == len(stream)


@given(BAGS)
@settings(max_examples=50)
def test_python_reads_the_same(bag: dict[bytes, bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(make(bag)), encoding="utf-8") as opened:
        found = {}
        for member in opened.getmembers():
            if member.isfile():
                file = opened.extractfile(member)
                assert file
                found[member.name.removeprefix(TOP + "/").encode()] = file.read()
    assert found == bag


@given(BAGS, BAGS)
def test_two_bags_never_share_a_stream(one: dict[bytes, bytes], other: dict[bytes, bytes]) -> None:
    same = hashlib.sha256(make(one)).digest() == hashlib.sha256(make(other)).digest()
    assert same == (one == other)


@given(BAGS)
def test_the_index_tells_where_each_file_stands(bag: dict[bytes, bytes]) -> None:
    stream = make(bag)
    index = index_of(TOP, ((path, len(bag[path])) for path in sorted(bag, key=tar.order)))
    found = places(io.BytesIO(b"".join(index.chunks())), TOP, bag)
    assert {path: stream[at : at + octets] for path, (at, octets) in found.items()} == bag
