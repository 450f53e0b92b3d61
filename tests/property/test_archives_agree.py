"""Nothing is silently dropped: what comes out of an archive that we accept is what bsdtar extracts,
whoever packed it, and even where an octet of it was changed.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from preservation.files.archives.archive import open_archive
from preservation.files.archives.errors import ArchiveError
from preservation.files.archives.member import ArchiveLimits, MemberKind
from preservation.ingest.unpack import unpack
from preservation.model.finding import is_fatal
from preservation.policy.policy import Limits

LIMITS = Limits(
    files=1000, octets=1 << 26, file_octets=1 << 25, path_octets=2000, depth=40, ratio=10_000
)
# All in Unicode's form C: bsdtar turns names into it, and twins into one file; we never do.
NAMES = ("a", "B", "é", "文件.txt", "x" * 100, "y" * 99, "sp ace", "%41", "-rf", "q'\"", "ʻ")
ROUNDS = 12
SEEDS = range(ROUNDS)


def needs(program: str) -> None:
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


def tree(root: Path, chance: random.Random) -> None:
    """A folder of files with any content, with holes, hard links, empty files and folders."""
    folders = [root]
    for _ in range(chance.randint(1, 5)):
        made = chance.choice(folders) / chance.choice(NAMES)
        made.mkdir(exist_ok=True)
        folders.append(made)
    files = []
    for number in range(chance.randint(1, 12)):
        path = chance.choice(folders) / f"{chance.choice(NAMES)}{number}"
        size = chance.choice((0, 1, 511, 512, 513, 10_240, 70_000))
        if files and chance.random() < 0.1:
            os.link(chance.choice(files), path)
        elif chance.random() < 0.1:
            with path.open("wb") as file:
                file.seek(chance.choice((1 << 16, 1 << 20)))
                file.write(chance.randbytes(size + 1))
                file.truncate(file.tell() + chance.choice((0, 1 << 18)))
        else:
            path.write_bytes(chance.randbytes(size) if chance.random() < 0.5 else bytes(size))
        files.append(path)


def content(root: Path) -> dict[bytes, bytes]:
    """Every file below a folder, by the octets of its path."""
    base = os.fsencode(root)
    return {
        os.path.relpath(os.path.join(folder, name), base): Path(
            os.fsdecode(os.path.join(folder, name))
        ).read_bytes()
        for folder, _, names in os.walk(base)
        for name in names
        if os.path.isfile(os.path.join(folder, name))
    }


def ours(archive: Path, place: Path) -> dict[bytes, bytes] | None:
    dest = place / "ours"
    shutil.rmtree(dest, ignore_errors=True)
    dest.mkdir()
    return None if is_fatal(unpack(archive, dest, LIMITS).findings) else content(dest)


def theirs(archive: Path, place: Path) -> dict[bytes, bytes]:
    dest = place / "theirs"
    shutil.rmtree(dest, ignore_errors=True)
    dest.mkdir()
    subprocess.run(
        ["bsdtar", "-xf", archive, "-C", dest],
        capture_output=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return content(dest)


def by_tarfile(source: Path, to: Path, chance: random.Random) -> Path:
    formats = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
    packing = chance.choice(("", ":gz", ":bz2", ":xz"))
    path = to.with_suffix(".tar" + packing.replace(":", "."))
    long = any(len(os.fsencode(found)) > 99 for found in source.rglob("*"))
    how = chance.choice(formats[1:] if long else formats)
    with tarfile.open(path, "w" + packing, format=how, encoding="utf-8") as archive:  # type: ignore[call-overload]
        archive.add(source, chance.choice(("", ".", "top", "./top")))
    if chance.random() < 0.3 and not packing:
        packed = to.with_suffix(".tar.zst")
        packed.write_bytes(zstandard.ZstdCompressor(level=1).compress(path.read_bytes()))
        return packed
    return path


def by_zipfile(source: Path, to: Path, chance: random.Random) -> Path:
    path = to.with_suffix(".zip")
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    streamed = chance.random() < 0.3
    out = _Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = chance.choice((b"", b"a comment", b"x" * 3000))
        for found in sorted(source.rglob("*")):
            archive.write(found, found.relative_to(source), chance.choice(methods))
    path.write_bytes(out.getvalue())
    return path


class _Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def by_bsdtar(source: Path, to: Path, chance: random.Random) -> Path:
    how = chance.choice(("pax", "paxr", "ustar", "gnutar", "v7", "zip"))
    packing = chance.choice(("", "--gzip", "--bzip2", "--xz", "--zstd")) if how != "zip" else ""
    path = to.with_suffix(".zip" if how == "zip" else ".tar")
    options = [packing] if packing else []
    _run("bsdtar", "-cf", path, "--format", how, *options, "-C", source, ".")
    return path


def by_gnu_tar(source: Path, to: Path, chance: random.Random) -> Path:
    how = chance.choice(("gnu", "oldgnu", "pax", "ustar", "v7"))
    options = ["-S"] if chance.random() < 0.6 else []
    if options and how == "pax":
        options.append(f"--sparse-version={chance.choice(('0.0', '0.1', '1.0'))}")
    path = to.with_suffix(".tar")
    _run("tar", "-cf", path, f"--format={how}", *options, "-C", source, ".")
    return path


def by_zip(source: Path, to: Path, chance: random.Random) -> Path:
    path = to.with_suffix(".zip")
    options = chance.choice(([], ["-0"], ["-Z", "bzip2"], ["-fd"], ["-fz"], ["-D"]))
    _run("zip", "-qr", *options, path, ".", cwd=source)
    return path


def _run(*command: object, cwd: Path | None = None) -> None:
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    subprocess.run([str(one) for one in command], capture_output=True, cwd=cwd, env=env)


PACKERS = {
    "tarfile": by_tarfile,
    "zipfile": by_zipfile,
    "bsdtar": by_bsdtar,
    "tar": by_gnu_tar,
    "zip": by_zip,
}


@pytest.mark.parametrize("packer", PACKERS)
def test_what_we_accept_is_what_bsdtar_extracts(place: Path, packer: str) -> None:
    needs("bsdtar")
    if packer in ("tar", "zip"):
        needs(packer)
    for seed in SEEDS:
        chance = random.Random(f"{packer} {seed}")
        source = place / f"source{seed}"
        source.mkdir()
        tree(source, chance)
        archive = PACKERS[packer](source, place / f"archive{seed}", chance)
        if not archive.exists():
            continue  # the packer refused: a name too long for its format
        found = ours(archive, place)
        assert found is not None, f"seed {seed}: refused"
        assert found == theirs(archive, place), f"seed {seed}"


@pytest.mark.parametrize("packer", ["tarfile", "zipfile", "bsdtar", "tar"])
def test_an_octet_changed_is_refused_or_read_as_bsdtar_reads_it(place: Path, packer: str) -> None:
    needs("bsdtar")
    if packer == "tar":
        needs(packer)
    accepted = 0
    for seed in SEEDS:
        chance = random.Random(f"damage {packer} {seed}")
        source = place / f"source{seed}"
        source.mkdir()
        tree(source, chance)
        archive = PACKERS[packer](source, place / f"archive{seed}", chance)
        if not archive.exists():
            continue
        whole = archive.read_bytes()
        for _ in range(4):
            damaged = bytearray(whole)
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            archive.write_bytes(damaged)
            found = ours(archive, place)
            if found is not None:
                accepted += 1
                assert found == theirs(archive, place), f"seed {seed}"
    assert accepted or packer != "tar"  # where nothing but headers has a checksum


def test_headers_alone_tell_what_reading_tells(place: Path) -> None:
    for packer in ("tarfile", "zipfile"):
        for seed in SEEDS:
            chance = random.Random(f"headers {packer} {seed}")
            source = place / f"{packer}{seed}"
            source.mkdir()
            tree(source, chance)
            archive = PACKERS[packer](source, place / f"{packer}-{seed}", chance)
            assert told(archive, headers_only=True) == told(archive, headers_only=False)


def told(archive: Path, *, headers_only: bool) -> list[tuple[bytes, MemberKind, int]]:
    with open_archive(archive, ArchiveLimits(), headers_only=headers_only) as opened:
        rows = []
        for member in opened:
            if not headers_only:
                assert sum(map(len, member.chunks())) == member.octets or not member.octets
            rows.append((member.path, member.kind, member.octets))
        assert bool(opened.sha256) != headers_only
    return rows


@pytest.mark.parametrize("seed", SEEDS)
def test_any_damage_is_told_as_damage(place: Path, seed: int) -> None:
    """No failure of a decoder, and nothing of Python's own, comes through."""
    chance = random.Random(seed)
    source = place / "source"
    source.mkdir()
    tree(source, chance)
    for packer in ("tarfile", "zipfile"):
        archive = PACKERS[packer](source, place / packer, chance)
        whole = archive.read_bytes()
        for _ in range(25):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 20)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            archive.write_bytes(damaged[: chance.randint(1, len(damaged))])
            with (
                suppress(ArchiveError),
                open_archive(archive, ArchiveLimits(octets=1 << 26)) as opened,
            ):
                for member in opened:
                    for _ in member.chunks():
                        pass
