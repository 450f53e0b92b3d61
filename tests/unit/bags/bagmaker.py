"""Bags for tests: ours, sealed; and by hand, with whatever is wrong with them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

from preservation.bags.sealed import members, tar_chunks
from preservation.bags.write import BagWriter
from preservation.files.held import HeldFolder, HeldTar
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm, Digest
from preservation.model.progress import Silence
from preservation.model.replica import TarFacts, VersionKey

KEY = VersionKey("silk-road", "0f0e7f4e-6b2c-4f0e-9d6a-0123456789ab", 1)
QUIET = Silence()
SETTINGS = EngineSettings()
PAYLOAD = {
    b"a.txt": b"alpha",
    b"deep/er/b.bin": bytes(range(256)) * 100,
    "имя ʻoʻ 名.txt".encode(): b"names",
    b"empty": b"",
    b"100%\r\n.txt": b"odd",
}


def sealed(folder: Path, payload: Mapping[bytes, bytes] = PAYLOAD) -> Digest:
    """Make a bag of ours; returns its seal."""
    folder.mkdir()
    writer = BagWriter(folder, [Algorithm.SHA512])
    for path, data in payload.items():
        writer.add(path, io.BytesIO(data), QUIET)
    writer.tag(b"metadata/tree.csv", b"path\n")
    facts = writer.payload()
    return writer.finish([("Payload-Oxum", facts.oxum), ("Bagging-Date", "2026-11-22")])


def held(folder: Path) -> HeldFolder:
    return HeldFolder(folder, cache_bypassed=True)


def as_tar(folder: Path, seal: Digest) -> bytes:
    return b"".join(tar_chunks(members(held(folder), seal, None), KEY, QUIET))


def held_tar(data: bytes) -> HeldTar:
    return HeldTar(lambda: io.BytesIO(data), len(data), cache_bypassed=True)


def tar_facts(data: bytes) -> TarFacts:
    return TarFacts(Digest(Algorithm.SHA256, hashlib.sha256(data).digest()), len(data))


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def by_hand(
    folder: Path,
    payload: Mapping[str, bytes] | None = None,
    *,
    version: str = "1.0",
    files: Mapping[str, str | bytes | None] | None = None,
) -> Path:
    """Make a plain bag, then replace, add (text or octets) or remove (None) files in it."""
    payload = {"data/hello.txt": b"hello"} if payload is None else payload
    (folder / "data").mkdir(parents=True)
    for name, data in payload.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    text = "".join(f"{sha512(data)}  {name}\n" for name, data in payload.items())
    whole: dict[str, str | bytes | None] = {
        "bagit.txt": f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8\n",
        "manifest-sha512.txt": text,
    }
    for name, content in (whole | dict(files or {})).items():
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            (folder / name).write_bytes(data)
    return folder


def sha512(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()
