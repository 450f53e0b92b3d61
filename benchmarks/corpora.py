"""Seeded corpora of different shapes; the same seed makes the same bytes everywhere.

    small    50,000 files of 1 to 16 KiB
    mixed     5,000 files, log-normal sizes, 2 GiB together
    big           4 files of 1 GiB
    deposit   1,000 files, log-normal sizes, 500 MiB together
    one           1 file of 1 GiB
    tiny    500,000 files of 1 to 64 octets
    empty 1,000,000 files without a byte

``--scale 0.1`` makes a tenth of the files (of ``big`` and ``one``: of the octets).
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_FILES = {"small": 50_000, "tiny": 500_000, "empty": 1_000_000}
_LENGTHS = {"small": (1024, 16384), "tiny": (1, 64), "empty": (0, 0)}
_LOG_NORMAL = {"mixed": (5000, 2 << 30), "deposit": (1000, 500 << 20)}
SHAPES = ("small", "mixed", "big", "deposit", "one", "tiny", "empty")
_BLOCK = random.Random(20261122).randbytes(1 << 20)


def make(shape: str, folder: Path, scale: float) -> Path:
    """Write one corpus below ``folder`` unless it is there; returns its folder, ``data``."""
    dest = folder / f"{shape}-{scale}"
    if (dest / ".complete").exists():
        return dest / "data"
    draw = random.Random(f"{shape} {scale}")
    for number, size in enumerate(_sizes(shape, scale, draw)):
        path = dest / "data" / f"{number // 500:04d}" / f"file {number:06d}.dat"
        if number % 500 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, size, draw)
    (dest / ".complete").touch()
    return dest / "data"


def dress(data: Path, algorithms: Sequence[str]) -> Path:
    """Make a bag around a corpus, in its place; returns the bag's folder.

    Neither we nor a peer make it, so that nobody validates what is its own.
    """
    bag = data.parent
    for old in bag.glob("*.txt"):
        old.unlink()
    files = sorted(path for path in data.rglob("*") if path.is_file())
    with ThreadPoolExecutor(2) as pool:
        sums = list(pool.map(lambda path: _sums(path, algorithms), files))
    octets = sum(path.stat().st_size for path in files)
    (bag / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    (bag / "bag-info.txt").write_text(f"Payload-Oxum: {octets}.{len(files)}\n")
    for place, algorithm in enumerate(algorithms):
        with (bag / f"manifest-{algorithm}.txt").open("w") as manifest:
            for path, digests in zip(files, sums, strict=True):
                manifest.write(f"{digests[place]}  {path.relative_to(bag)}\n")
    tags = sorted(bag.glob("*.txt"))
    lines = [f"{hashlib.sha256(tag.read_bytes()).hexdigest()}  {tag.name}\n" for tag in tags]
    (bag / "tagmanifest-sha256.txt").write_text("".join(lines))
    (bag / ".complete").unlink(missing_ok=True)  # no tag file of the bag
    return bag


def listed(data: Path, to: Path) -> None:
    """Write the paths of a corpus, one a line, as ``c_limit`` reads them."""
    paths = sorted(str(path) for path in data.rglob("*") if path.is_file())
    to.write_text("".join(f"{path}\n" for path in paths))


def _sums(path: Path, algorithms: Sequence[str]) -> list[str]:
    hashes = [hashlib.new(algorithm) for algorithm in algorithms]
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            for one in hashes:
                one.update(block)
    return [one.hexdigest() for one in hashes]


def _sizes(shape: str, scale: float, draw: random.Random) -> list[int]:
    if shape in _FILES:
        return [draw.randint(*_LENGTHS[shape]) for _ in range(int(_FILES[shape] * scale))]
    if shape in ("big", "one"):
        return [int((1 << 30) * scale)] * (4 if shape == "big" else 1)
    files, total = _LOG_NORMAL[shape]
    raw = [draw.lognormvariate(0, 1.8) for _ in range(int(files * scale))]
    unit = total * scale / sum(raw)
    return [max(1, int(size * unit)) for size in raw]


def _write(path: Path, size: int, draw: random.Random) -> None:
    with path.open("wb", buffering=0) as out:
        first = min(size, 64)
        out.write(draw.randbytes(first) + _BLOCK[: min(size - first, len(_BLOCK) - first)])
        size -= min(size, len(_BLOCK))
        while size > 0:
            out.write(_BLOCK[: min(size, len(_BLOCK))])
            size -= len(_BLOCK)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES[:5]))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--bag", help="make a bag of it, with these algorithms: sha256,sha512")
    parser.add_argument("--list", type=Path, help="where to list its files")
    said = parser.parse_args()
    for shape in said.shapes:
        corpus = make(shape, said.out, said.scale)
        print(corpus)
        if said.bag:
            dress(corpus, said.bag.split(","))
        if said.list:
            listed(corpus, said.list)
