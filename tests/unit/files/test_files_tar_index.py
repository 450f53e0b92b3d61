"""The index says where each file of a tar stands, whatever its name, and is never believed."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from collections.abc import Iterator

import pytest

from preservation.errors import MalformedError
from preservation.files import tar
from preservation.files.tar_index import Index, index_of, places

TOP = "00000000-0000-4000-8000-000000000000.v1"
FILES = {
    b"bagit.txt": b"x" * 55,
    b"tagmanifest-sha256.txt": b"x",
    b"data/a": b"",
    b"data/100%\n\r.csv": b"a" * 513,
    "data/станция/".encode() + b"n" * 200: b"b" * 1024,
}


def members() -> Iterator[tuple[bytes, int, Iterator[bytes]]]:
    for path in sorted(FILES, key=tar.order):
        yield path, len(FILES[path]), iter([FILES[path]])


def index() -> Index:
    return index_of(TOP, ((path, octets) for path, octets, _ in members()))


def test_each_files_octets_stand_where_the_index_says() -> None:
    stream = b"".join(tar.write_tar(TOP, members()))
    found = places(io.BytesIO(b"".join(index().chunks())), TOP, FILES)
    assert {path: stream[at : at + octets] for path, (at, octets) in found.items()} == FILES


def test_its_octets_are_those_of_the_specification() -> None:
    data = b"".join(index().chunks())
    assert data.splitlines()[:3] == [
        b"samarkand-tar-index-1 " + TOP.encode(),
        b"1536 55 bagit.txt",
        b"2560 1 tagmanifest-sha256.txt",
    ]
    assert b"data/100%25%0A%0D.csv\n" in data
    assert hashlib.sha256(data).hexdigest() == VECTOR


VECTOR = "e9512f4188a2b8e51b2193f33cad34019102676a59511dbf49775ee275947ca8"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"samarkand-tar-index-1 another.v1\n1 1 data/a\n",
        b"samarkand-tar-index-1 %s\n1 1 data/a" % TOP.encode(),
        b"samarkand-tar-index-1 %s\n-1 1 data/a\n" % TOP.encode(),
        b"samarkand-tar-index-1 %s\n1 %s data/a\n" % (TOP.encode(), b"9" * 40),
        b"samarkand-tar-index-1 %s\n" % TOP.encode() + b"9" * (5 << 20),
    ],
)
def test_what_is_no_index_of_this_tar_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        places(io.BytesIO(data), TOP, [b"data/a"])
    assert refused.value.code == "TAR-INDEX"


def test_what_it_does_not_name_is_not_found() -> None:
    assert places(io.BytesIO(b"".join(index().chunks())), TOP, [b"data/b"]) == {}


def test_memory_does_not_grow_with_the_number_of_files() -> None:
    peaks = []
    for count in (2_000, 20_000):
        tracemalloc.start()
        made = index_of(TOP, ((b"data/%08d" % n, 5) for n in range(count)))
        stream = io.BufferedReader(_Raw(made))
        wanted = b"data/%08d" % (count - 1)
        assert list(places(stream, TOP, [wanted])) == [wanted]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5 + 100_000


class _Raw(io.RawIOBase):
    def __init__(self, made: Index) -> None:
        self._made, self._at = made, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._made.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
