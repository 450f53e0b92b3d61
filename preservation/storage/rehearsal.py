"""A rehearsal: what every tier promises, tried on the real place with replicas made for it.

It runs on a tier of its own inside the real one, which nothing else looks at and which is
removed at the end, so that an operator can run it at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from preservation.errors import BusyError, SamarkandError
from preservation.files import tar, tar_index
from preservation.files.held import Held, HeldFolder, HeldParts
from preservation.model.digest import Algorithm, Digest
from preservation.model.replica import Packaging, Sidecar, TarFacts, VersionKey
from preservation.storage.proof import Proof
from preservation.storage.tier import Incoming, Tier

COMMUNITY = "rehearsal"
Files = dict[bytes, bytes]
_AIP = "00000000-0000-4000-8000-{:012x}"
_GOOD = {b"bagit.txt": b"good", b"tagmanifest-sha256.txt": b"seal", b"data/a": b"x" * 3000}
_BAD = {**_GOOD, b"data/a": b"y" * 3000}
_LARGE = {**_GOOD, b"data/large": bytes(range(256)) * (80 << 10)}  # 20 MiB: several parts


def rehearse(tier: Tier) -> Iterator[Proof]:
    """Hold a tier that nothing else uses to each of its promises, for each of its packagings.

    Raises:
        TierUnavailableError: it went away meanwhile.
    """
    number = 0
    for packaging in tier.packagings:
        for promise in _PROMISES:
            number += 1
            key = VersionKey(COMMUNITY, _AIP.format(number), 1)
            what = f"{_sentence(promise)} ({packaging.value})"
            try:
                yield Proof(what, promise(tier, key, packaging))
            except SamarkandError as error:
                tier.check()  # nothing is known of a tier that has gone away
                yield Proof(what, False, error.message)


def _sentence(promise: Callable[..., bool]) -> str:
    words = (promise.__doc__ or "").strip().rstrip(".")
    return words[:1].lower() + words[1:]


def _hides(tier: Tier, key: VersionKey, packaging: Packaging) -> bool:
    """Shows nothing before the commit."""
    incoming = _fill(tier.incoming(key, packaging), key, packaging, _GOOD)
    incoming.settle()
    hidden = _contents(incoming.held(), key) == _GOOD and tier.sidecar(key) is None
    incoming.discard()
    return hidden and not tier.exists(key, packaging)


def _keeps(tier: Tier, key: VersionKey, packaging: Packaging) -> bool:
    """Gives back what was committed, and lists it."""
    sidecar = _commit(tier, key, packaging, _GOOD)
    listed = {name for one in tier.lying(key.community, key.aip) for name in one.names}
    return (
        tier.exists(key, packaging)
        and tier.sidecar(key) == sidecar
        and _contents(tier.held(key, packaging), key) == _GOOD
        and f"v{key.version}.seal.json" in listed
        and sidecar in list(tier.sidecars())
    )


def _keeps_large(tier: Tier, key: VersionKey, packaging: Packaging) -> bool:
    """Gives back 20 MiB as they were written."""
    _commit(tier, key, packaging, _LARGE)
    return _contents(tier.held(key, packaging), key) == _LARGE


def _fetches(tier: Tier, key: VersionKey, packaging: Packaging) -> bool:
    """Gives back one file of 20 MiB of them, by its place in the tar."""
    tier.keep_index(key, tar_index.index_of(key.top, _sizes(_LARGE)))
    _commit(tier, key, packaging, _LARGE)
    held = tier.held(key, packaging)
    if isinstance(held, HeldFolder):
        return True
    index = None if held.index is None else held.index()
    if held.at is None or index is None:
        return False
    with index:
        place = tar_index.places(index, key.top, [b"data/large"])[b"data/large"]
    with held.at(*place) as stream:
        return stream.read(place[1]) == _LARGE[b"data/large"]


def _refuses(tier: Tier, key: VersionKey, packaging: Packaging) -> bool:
    """Refuses a second commit, and changes nothing."""
    _commit(tier, key, packaging, _GOOD)
    try:
        _commit(tier, key, packaging, _BAD)
    except BusyError:
        return _contents(tier.held(key, packaging), key) == _GOOD
    return False


def _swaps(tier: Tier, key: VersionKey, packaging: Packaging) -> bool:
    """Replaces a replica, and keeps the former octets."""
    _commit(tier, key, packaging, _BAD)
    incoming = _fill(tier.incoming(key, packaging), key, packaging, _GOOD)
    place = incoming.swap(_sidecar(key, packaging, _GOOD), "rehearsed")
    incoming.discard()
    aside = tier.held_in_quarantine(key, packaging, "rehearsed")
    return (
        place == tier.quarantined(key, packaging, "rehearsed") != ""
        and _contents(tier.held(key, packaging), key) == _GOOD
        and not isinstance(aside, HeldParts)
        and _contents(aside, key) == _BAD
    )


def _kept_stays(tier: Tier, key: VersionKey, _: Packaging) -> bool:
    """Never changes a kept document."""
    name = f"journal/{key.aip}.jsonl"
    tier.keep(name, b"one\n")
    tier.keep(name, b"one\n")
    try:
        tier.keep(name, b"two\n")
    except SamarkandError:
        return dict(tier.kept(name)) == {name: b"one\n"}
    return False


def _removes(tier: Tier, key: VersionKey, packaging: Packaging) -> bool:
    """Removes a replica with its past, shows that it is gone, and keeps its tombstone."""
    _swaps(tier, key, packaging)
    tier.tombstone(key, b"gone\n")
    removed = tier.remove(key)
    return (
        removed.left == tier.remains(key) == ()
        and tier.sidecar(key) is None
        and tier.tombstoned(key) == b"gone\n"
    )


_PROMISES = (_hides, _keeps, _keeps_large, _fetches, _refuses, _swaps, _kept_stays, _removes)


def _commit(tier: Tier, key: VersionKey, packaging: Packaging, files: Files) -> Sidecar:
    incoming = _fill(tier.incoming(key, packaging, _octets(key, files)), key, packaging, files)
    sidecar = _sidecar(key, packaging, files)
    try:
        incoming.commit(sidecar)
    finally:
        incoming.discard()
    return sidecar


def _fill(incoming: Incoming, key: VersionKey, packaging: Packaging, files: Files) -> Incoming:
    if packaging is Packaging.TAR:
        incoming.write(_stream(key, files))
        return incoming
    for path, data in files.items():
        place = incoming.folder / path.decode()
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    return incoming


def _sizes(files: Files) -> Iterator[tuple[bytes, int]]:
    return ((path, len(files[path])) for path in sorted(files, key=tar.order))


def _octets(key: VersionKey, files: Files) -> int:
    return tar.tar_size(key.top, _sizes(files))


def _stream(key: VersionKey, files: Files) -> Iterator[bytes]:
    members = (
        (path, len(files[path]), iter([files[path]])) for path in sorted(files, key=tar.order)
    )
    return tar.write_tar(key.top, members)


def _sidecar(key: VersionKey, packaging: Packaging, files: Files) -> Sidecar:
    facts = None
    if packaging is Packaging.TAR:
        data = b"".join(_stream(key, files))
        facts = TarFacts(Digest(Algorithm.SHA256, hashlib.sha256(data).digest()), len(data))
    seal = Digest(Algorithm.SHA256, hashlib.sha256(files[b"tagmanifest-sha256.txt"]).digest())
    return Sidecar(key, seal, None, "3000.1", packaging, facts)


def _contents(held: Held, key: VersionKey) -> dict[bytes, bytes]:
    if isinstance(held, HeldFolder):
        files = (path for path in held.path.rglob("*") if path.is_file())
        return {str(path.relative_to(held.path)).encode(): path.read_bytes() for path in files}
    with held.open() as opened:
        return {path: b"".join(chunks) for path, _, chunks in tar.read_tar(opened, key.top)}
