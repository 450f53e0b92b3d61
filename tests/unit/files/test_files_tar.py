"""samarkand-tar-1: published vectors, other people's programs, and every deviation refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from preservation.errors import MalformedError, SourceDamagedError
from preservation.files import tar

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "tar"
VECTORS = json.loads((FIXTURES / "vectors.json").read_text("utf-8"))
TOP = VECTORS["top"]
STREAMS = [vector for vector in VECTORS["vectors"] if vector["name"] != "large"]
SPECIFICATION = (ROOT / "docs" / "formats" / "samarkand-tar-1.md").read_text("utf-8")

Files = dict[bytes, bytes]


def files_of(vector: dict[str, Any]) -> Files:
    return {path.encode(): octet.encode() * times for path, octet, times in vector["files"]}


def make(files: Files) -> bytes:
    return b"".join(tar.write_tar(TOP, ((p, len(d), iter([d])) for p, d in files.items())))


def read(data: bytes) -> Files:
    return {path: b"".join(chunks) for path, _, chunks in tar.read_tar(io.BytesIO(data), TOP)}


@pytest.fixture(params=STREAMS, ids=lambda vector: vector["name"])
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


def test_a_vector_is_what_was_published(vector: dict[str, Any]) -> None:
    data = make(files_of(vector))
    assert len(data) == vector["octets"]
    assert hashlib.sha256(data).hexdigest() == vector["sha256"]
    assert vector["sha256"] in SPECIFICATION
    sizes = ((path, len(octets)) for path, octets in files_of(vector).items())
    assert tar.tar_size(TOP, sizes) == len(data)
    assert read(data) == files_of(vector)


def test_the_smallest_stream_stands_in_full() -> None:
    stored = bytes.fromhex((FIXTURES / "smallest.hex").read_text("ascii"))
    assert make(files_of(STREAMS[0])) == stored


def test_a_file_beyond_ustar_has_its_size_in_pax(tmp_path: Path) -> None:
    vector = VECTORS["vectors"][-1]
    path, _, octets = vector["files"][0]
    header = tar.member_header(f"{TOP}/{path}".encode(), octets)
    assert (len(header), hashlib.sha256(header).hexdigest()) == (vector["octets"], vector["sha256"])
    assert vector["sha256"] in SPECIFICATION
    sparse = tmp_path / "big.tar"
    sparse.write_bytes(header)
    os.truncate(sparse, len(header) + octets + len(tar.END))
    listing = subprocess.run(["tar", "-tvf", sparse], capture_output=True, text=True, check=True)
    assert listing.stdout.split()[2] == str(octets)
    with tarfile.open(sparse) as opened:
        assert [member.size for member in opened.getmembers()] == [octets]
    assert len(tar.member_header(b"x", octets - 1)) == tar.BLOCK


@pytest.mark.parametrize("vector", [v for v in STREAMS if v["name"] in ("payload", "prefix")])
def test_gnu_tar_makes_the_same_stream_where_ustar_is_enough(
    tmp_path: Path, vector: dict[str, Any]
) -> None:
    folder = tmp_path / TOP
    (folder / "data").mkdir(parents=True)
    for path, data in files_of(vector).items():
        place = folder / os.fsdecode(path)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
        place.chmod(0o644)
    for made in (folder, folder / "data"):
        made.chmod(0o755)
    names = [f"{TOP}", f"{TOP}/data", *(f"{TOP}/{path}" for path, _, _ in vector["files"])]
    command = "tar --create --format=ustar --no-recursion --blocking-factor=1 --mtime=@0"
    owner = ["--owner=:0", "--group=:0", "--numeric-owner"]
    made_by_gnu = subprocess.run(
        [*command.split(), *owner, *names], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    assert make(files_of(vector)) == made_by_gnu


@pytest.mark.parametrize("program", ["tar", "bsdtar", "python"])
def test_other_programs_read_it(tmp_path: Path, vector: dict[str, Any], program: str) -> None:
    (tmp_path / "v1.tar").write_bytes(make(files_of(vector)))
    if program == "python":
        with tarfile.open(tmp_path / "v1.tar") as opened:
            opened.extractall(tmp_path, filter="data")
    elif shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    else:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        command = [program, "-xf", "v1.tar"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
    top = tmp_path / TOP
    found = {
        os.fsencode(path.relative_to(top)): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file()
    }
    assert found == files_of(vector)
    assert (top / "data").is_dir()


GOOD = make({b"bagit.txt": b"b", b"tagmanifest-sha256.txt": b"t", b"data/a": b"x" * 600})
UNICODE = make({b"bagit.txt": b"b", "data/样".encode(): b"x"})


@pytest.mark.parametrize("stream", [GOOD, UNICODE], ids=["ustar", "pax"])
def test_no_octet_of_a_header_may_differ(stream: bytes) -> None:
    content = {index for index in range(len(stream)) if stream[index] in b"bxt"}
    for index in range(len(stream)):
        changed = bytearray(stream)
        changed[index] ^= 1
        try:
            got = read(bytes(changed))
        except MalformedError:
            continue
        assert index in content  # only what a file holds may change unseen by this reader
        assert got != read(stream)


def test_every_truncation_is_refused() -> None:
    for length in range(0, len(GOOD), 64):
        with pytest.raises(MalformedError):
            read(GOOD[:length])


@pytest.mark.parametrize(
    "change",
    [
        lambda stream: stream + b"\0",
        lambda stream: stream + bytes(512),
        lambda stream: stream[:-512],
        lambda stream: stream.replace(TOP.encode(), b"11111111" + TOP[8:].encode()),
        lambda _: GOOD[:1024] + GOOD[2048:3072] + GOOD[1024:2048] + GOOD[3072:],
        lambda _: GOOD[:2048] + GOOD[1024:],
        lambda _: bytes(1024),
        lambda _: b"",
    ],
    ids=["octet", "block", "one end", "other top", "swapped", "twice", "nothing", "empty"],
)
def test_a_stream_that_is_not_ours_is_refused(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(MalformedError):
        read(change(GOOD))


def test_what_other_programs_write_is_refused(tmp_path: Path) -> None:
    for format_ in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=format_) as made:
            made.addfile(tarfile.TarInfo(f"{TOP}/bagit.txt"), io.BytesIO())
        with pytest.raises(MalformedError):
            read(buffer.getvalue())


@pytest.mark.parametrize("path", [b"/x", b"../x", b"data/../x", b"data//x", b"", b"data", b"a\xff"])
def test_a_path_that_it_cannot_hold_is_refused(path: bytes) -> None:
    with pytest.raises(MalformedError):
        make({path: b""})


@pytest.mark.parametrize("paths", [(b"data/a", b"bagit.txt"), (b"x", b"a"), (b"a", b"a")])
def test_members_out_of_order_are_refused(paths: tuple[bytes, ...]) -> None:
    with pytest.raises(MalformedError):
        list(tar.write_tar(TOP, ((path, 0, iter(())) for path in paths)))


@pytest.mark.parametrize("given", [b"1234", b"123456"])
def test_a_source_of_another_size_is_not_written_as_whole(given: bytes) -> None:
    with pytest.raises(SourceDamagedError):
        list(tar.write_tar(TOP, [(b"data/a", 5, iter([given]))]))


def test_chunks_left_alone_are_skipped() -> None:
    paths = [path for path, _, _ in tar.read_tar(io.BytesIO(GOOD))]
    assert paths == [b"bagit.txt", b"tagmanifest-sha256.txt", b"data/a"]


def test_a_pipe_that_gives_little_at_a_time_is_read_whole() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, size or 0))

    got = {path: b"".join(chunks) for path, _, chunks in tar.read_tar(Dripping(GOOD), TOP)}
    assert got == read(GOOD)
