"""Containers that were cut or damaged anywhere: refused, or whole. Never silently less."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.ingest.unpack import unpack
from preservation.policy.policy import Limits

LIMITS = Limits(
    files=1000, octets=1 << 24, file_octets=1 << 22, path_octets=1000, depth=20, ratio=100
)
FILES = {f"folder/{n}.txt": b"%d " % n * 50 * n for n in range(7)} | {"é.bin": bytes(range(256))}


def tar_of_all() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def zip_of_all() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return out.getvalue()


WHOLE = {
    "a.tar": tar_of_all(),
    "a.tar.gz": gzip.compress(tar_of_all()),
    "a.tar.bz2": bz2.compress(tar_of_all()),
    "a.tar.xz": lzma.compress(tar_of_all()),
    "a.zip": zip_of_all(),
}
CHECKED = [name for name in WHOLE if name != "a.tar"]  # these carry checksums of the content


def unpacked(name: str, data: bytes) -> dict[str, bytes] | None:
    """What came out, or None if the container was refused. Nothing comes out beside it."""
    place = Path(tempfile.mkdtemp())
    try:
        (place / name).write_bytes(data)
        dest = place / "dest"
        dest.mkdir()
        result = unpack(place / name, dest, LIMITS)
        assert sorted(path.name for path in place.iterdir()) == sorted([name, "dest"])
        if result.findings:
            return None
        return {str(path.relative_to(dest)): path.read_bytes() for path in files(dest)}
    finally:
        shutil.rmtree(place)


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_container_gives_all_of_its_files(name: str) -> None:
    assert unpacked(name, WHOLE[name]) == FILES


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_container_cut_short_anywhere_is_refused_or_whole(name: str, data: st.DataObject) -> None:
    whole = WHOLE[name]
    end = data.draw(st.integers(0, len(whole) - 1))
    assert unpacked(name, whole[:end]) in (None, FILES)


@pytest.mark.parametrize("name", CHECKED)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_container_with_an_octet_changed_is_refused_or_whole(
    name: str, data: st.DataObject
) -> None:
    damaged = bytearray(WHOLE[name])
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    assert unpacked(name, bytes(damaged)) in (None, FILES)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_tar_with_an_octet_changed_is_refused_or_has_as_many_files_of_the_same_sizes(
    data: st.DataObject,
) -> None:
    damaged = bytearray(WHOLE["a.tar"])
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    found = unpacked("a.tar", bytes(damaged))
    if found is not None:
        # A name that needs an extended header has no checksum in a tar: those may differ.
        assert sorted(map(len, found.values())) == sorted(map(len, FILES.values()))
        assert {n for n in FILES if n.isascii()} <= found.keys()


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=2000).filter(lambda octets: octets.strip(b"\0")))
def test_what_follows_a_container_is_refused(name: str, data: bytes) -> None:
    assert unpacked(name, WHOLE[name] + data) in (None, FILES)
    if name in ("a.tar", "a.zip"):
        assert unpacked(name, WHOLE[name] + data) is None


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=3000))
def test_noise_is_refused(name: str, data: bytes) -> None:
    assert unpacked(name, data) in (None, {})
