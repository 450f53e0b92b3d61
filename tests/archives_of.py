"""Archives of a folder, in every form that is read; made with the standard library."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import zstandard

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": lambda data: data,
    "tar.gz": lambda data: gzip.compress(data, 1),
    "tar.bz2": lambda data: bz2.compress(data, 1),
    "tar.xz": lambda data: lzma.compress(data, preset=0),
    "tar.zst": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
}
FORMS = (*PACKERS, "zip")


def packed(folder: Path, form: str, *, order: Callable[[str], object] = str) -> Path:
    """The folder as an archive beside it.

    Args:
        order: by what the members are sorted; paths are relative to the folder.
    """
    target = folder.with_name(f"{folder.name}.{form}")
    names = sorted(_names(folder), key=order)
    if form == "zip":
        _zip(folder, names, target)
    else:
        target.write_bytes(PACKERS[form](tar_of(folder, names)))
    return target


def tar_of(folder: Path, names: list[str]) -> bytes:
    """A plain tar of those files of a folder, in that order, the folder itself first."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(folder, folder.name, recursive=False)
        for name in names:
            tar.add(folder / name, f"{folder.name}/{name}", recursive=False)
    return buffer.getvalue()


def _zip(folder: Path, names: list[str], target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            path = folder / name
            if path.is_symlink():
                entry = zipfile.ZipInfo(f"{folder.name}/{name}")
                entry.create_system, entry.external_attr = 3, 0o120777 << 16
                archive.writestr(entry, os.readlink(path))
            else:
                archive.write(path, f"{folder.name}/{name}")


def _names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*")]
