"""The harm that a drill does: what happens to the files of one replica.

Each is told in files, whatever the packaging: a tar is taken apart, harmed and put together
again with its headers in order, so that only comparing digests can find it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from preservation.errors import SamarkandError
from preservation.files.held import Held, HeldFolder
from preservation.files.tar import order, read_tar, write_tar
from preservation.model.replica import Packaging, VersionKey
from preservation.storage.tier import Tier

Files = dict[bytes, bytes]  # path in the bag -> octets
Harm = Callable[[Files, Files], Files]  # the replica's files, those of an older version

STALE = "stale version"
PAYLOAD, OTHER, NOTE = b"data/letters.bin", b"data/numbers.bin", b"bag-info.txt"


def flip(files: Files, _: Files) -> Files:
    """One bit of one octet."""
    data = bytearray(files[PAYLOAD])
    data[len(data) // 3] ^= 1
    return files | {PAYLOAD: bytes(data)}


def truncate(files: Files, _: Files) -> Files:
    """The second half of a file is gone."""
    return files | {PAYLOAD: files[PAYLOAD][: len(files[PAYLOAD]) // 2]}


def delete(files: Files, _: Files) -> Files:
    """A file is gone."""
    return {path: data for path, data in files.items() if path != PAYLOAD}


def swap(files: Files, _: Files) -> Files:
    """Two files of one size changed places: nothing is lost, and everything is wrong."""
    return files | {PAYLOAD: files[OTHER], OTHER: files[PAYLOAD]}


def rename(files: Files, _: Files) -> Files:
    """A file has another name."""
    moved = delete(files, {})
    return moved | {PAYLOAD + b".moved": files[PAYLOAD]}


def stale_version(_: Files, older: Files) -> Files:
    """A valid bag, but of the version before: a restored backup."""
    return dict(older)


def extra_file(files: Files, _: Files) -> Files:
    """A file that no manifest lists."""
    return files | {b"data/stranger": b"nobody asked for this"}


def silent_metadata_change(files: Files, _: Files) -> Files:
    """One digit in what the bag says about itself; size and times as they were."""
    return files | {NOTE: files[NOTE].replace(b"Drill-Number: 1", b"Drill-Number: 2")}


HARMS: Mapping[str, Harm] = {
    "flip": flip,
    "truncate": truncate,
    "delete": delete,
    "swap": swap,
    "rename": rename,
    STALE: stale_version,
    "extra file": extra_file,
    "silent metadata change": silent_metadata_change,
}


def files_of(held: Held) -> Files:
    """All files of a small bag."""
    if isinstance(held, HeldFolder):
        return {
            os.fsencode(path.relative_to(held.path)): path.read_bytes()
            for path in held.path.rglob("*")
            if path.is_file()
        }
    with held.open() as stream:
        return {path: b"".join(chunks) for path, _, chunks in read_tar(stream)}


def do_harm(tier: Tier, key: VersionKey, packaging: Packaging, harm: Harm, older: Files) -> None:
    """Harm one replica of a rehearsal's tier.

    Raises:
        SamarkandError: the harm changed nothing, or the tier is no rehearsal's.
    """
    held = tier.held(key, packaging)
    before = files_of(held)
    after = harm(dict(before), older)
    if after == before:
        raise SamarkandError(f"{key} on {tier.id}: the harm changed nothing")
    if packaging is Packaging.TAR:
        members = (
            (path, len(after[path]), iter([after[path]])) for path in sorted(after, key=order)
        )
        tier.spoil(key, b"".join(write_tar(key.top, members)))
    elif isinstance(held, HeldFolder):
        _rewrite(held, before, after)


def _rewrite(held: HeldFolder, before: Files, after: Files) -> None:
    """Change a folder as a medium or a careless hand would: in place, times as they were."""
    for path in before.keys() - after.keys():
        os.unlink(os.path.join(os.fsencode(held.path), path))
    for path, data in after.items():
        if before.get(path) == data:
            continue
        place = os.path.join(os.fsencode(held.path), path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        seen = os.stat(place) if path in before else None
        if seen is not None:
            os.chmod(place, 0o644)
        with open(place, "wb") as file:
            file.write(data)
        if seen is not None:
            os.chmod(place, seen.st_mode)
            os.utime(place, ns=(seen.st_atime_ns, seen.st_mtime_ns))
