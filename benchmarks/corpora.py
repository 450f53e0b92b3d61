"""Seeded corpora of different shapes; the same seed makes the same bytes everywhere.

    small    50,000 files of 1 to 16 KiB
    mixed     5,000 files, log-normal sizes, 2 GiB together
    big           4 files of 1 GiB
    deposit   1,000 files, log-normal sizes, 500 MiB together
    one           1 file of 1 GiB

``--scale 0.1`` makes a tenth of the files (of ``big`` and ``one``: of the octets).
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

SHAPES = ("small", "mixed", "big", "deposit", "one")
_BLOCK = random.Random(20261122).randbytes(1 << 20)


def make(shape: str, folder: Path, scale: float) -> Path:
    """Write one corpus below ``folder`` unless it is there; returns its folder."""
    dest = folder / f"{shape}-{scale}"
    if (dest / ".complete").exists():
        return dest / "files"
    draw = random.Random(f"{shape} {scale}")
    for number, size in enumerate(_sizes(shape, scale, draw)):
        path = dest / "files" / f"{number // 500:04d}" / f"file {number:06d}.dat"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, size, draw)
    (dest / ".complete").touch()
    return dest / "files"


def _sizes(shape: str, scale: float, draw: random.Random) -> list[int]:
    if shape == "small":
        return [draw.randint(1024, 16384) for _ in range(int(50_000 * scale))]
    if shape == "big":
        return [int((1 << 30) * scale)] * 4
    if shape == "one":
        return [int((1 << 30) * scale)]
    files, total = {"mixed": (5000, 2 << 30), "deposit": (1000, 500 << 20)}[shape]
    raw = [draw.lognormvariate(0, 1.8) for _ in range(int(files * scale))]
    unit = total * scale / sum(raw)
    return [max(1, int(size * unit)) for size in raw]


def _write(path: Path, size: int, draw: random.Random) -> None:
    with path.open("wb") as out:
        out.write(draw.randbytes(min(size, 64)))
        size -= min(size, 64)
        while size > 0:
            out.write(_BLOCK[: min(size, len(_BLOCK))])
            size -= len(_BLOCK)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=list(SHAPES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    said = parser.parse_args()
    for shape in said.shapes:
        print(make(shape, said.out, said.scale))
