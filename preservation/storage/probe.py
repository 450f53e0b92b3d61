"""What a file system really does, tried out before anything is entrusted to it.

A tier stands on an exclusive rename, an atomic exchange, folders that can be synced, and
names that come back as they were given. Where one of them isn't true the tier is refused: a
protocol that is almost kept loses data on the day of the power cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from preservation.errors import NotNowError, TierUnavailableError
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.storage.immutable import clear_immutable, is_immutable, set_immutable
from preservation.storage.proof import Proof
from preservation.storage.sharing import shares
from preservation.storage.steps import PROBE

_HINT = "keep tiers on ext4, XFS or btrfs; see docs/formats/tier.md"
_FLAG = "sets the immutable flag, and obeys it"
_HINTS = {
    _FLAG: "ext4, XFS and btrfs have it, and root may set it; or write immutable: off in tiers.yaml"
}

# Each must be held apart from the others, and listed exactly so.
_NAMES = (
    b"n" * 255,
    b"case",
    b"CASE",
    "\u00e9".encode(),
    "e\u0301".encode(),
    "样本 ʻ".encode(),
    b'a:b*c?d"e<f>g|h\\i',
    b"dot.",
    b"space ",
    b"new\nline",
)


def probe(place: Path, *, immutable: bool = False) -> None:
    """Try everything that a tier needs, in a private folder below ``place``.

    Raises:
        TierUnavailableError: something doesn't work; says what (``TIER-UNSUITABLE``).
        NoSpaceError, OSError: it couldn't be tried.
    """
    for proof in prove(place, immutable=immutable):
        if proof.needed and not proof.holds:
            why = f" ({proof.detail})" if proof.detail else ""
            raise TierUnavailableError(
                f"the file system under {str(place)!r}: it is not so that it {proof.what}{why}",
                hint=_HINTS.get(proof.what, _HINT),
                code="TIER-UNSUITABLE",
            )


def prove(place: Path, *, immutable: bool = False, sharing: bool = False) -> Iterator[Proof]:
    """Try one thing after the other, in a private folder below ``place``.

    Args:
        immutable: whether the tier's replicas are to carry the immutable flag.
        sharing: whether versions are to share blocks; where they can't, they don't.

    Raises:
        NoSpaceError, OSError: it couldn't be tried.
    """
    room = place / f"{PROBE}{os.urandom(8).hex()}"
    with durable.plain_errors(room):
        os.mkdir(room, 0o700)
    try:
        for what, check in _CHECKS.items():
            yield _tried(what, check, room)
        if sharing:
            yield Proof("lets equal files share their blocks", shares(room), needed=False)
        if immutable:
            yield _tried(_FLAG, _sets_the_flag, room)
    finally:
        remove_tree(room)


def _sets_the_flag(room: Path) -> bool:
    """The flag is obeyed only where it stops what would go without it."""
    file = room / "flagged"
    file.write_bytes(b"x")
    try:
        set_immutable(file)
    except OSError as error:
        raise NotNowError(error.strerror or str(error), code="FS-UNSUITABLE") from error
    try:
        file.rename(room / "renamed")
    except OSError:
        return is_immutable(file)
    finally:
        clear_immutable(file)
    return False


def _tried(what: str, check: Callable[[Path], bool], room: Path) -> Proof:
    try:
        return Proof(what, check(room))
    except NotNowError as error:
        if error.code != "FS-UNSUITABLE":
            raise
        return Proof(what, False, error.message)


def _renames_exclusively(room: Path) -> bool:
    taken, other = room / "taken", room / "other"
    for folder in (taken, other):
        os.mkdir(folder)
    try:
        durable.rename_exclusive(other, taken)
    except FileExistsError:
        durable.rename_exclusive(other, room / "free")
        return sorted(os.listdir(room)) == ["free", "taken"]
    return False


def _exchanges(room: Path) -> bool:
    a, b = room / "a", room / "b"
    os.mkdir(a)
    os.mkdir(b)
    before = os.stat(a).st_ino, os.stat(b).st_ino
    durable.exchange(a, b)
    return (os.stat(b).st_ino, os.stat(a).st_ino) == before


def _creates_exclusively(room: Path) -> bool:
    durable.write_new(room / "file", b"first")
    try:
        durable.write_new(room / "file", b"second")
    except FileExistsError:
        return (room / "file").read_bytes() == b"first"
    return False


def _keeps_names(room: Path) -> bool:
    names = room / "names"
    os.mkdir(names)
    for name in _NAMES:
        try:
            os.mkdir(os.path.join(os.fsencode(names), name))
        except OSError:
            return False
    return sorted(os.listdir(os.fsencode(names))) == sorted(_NAMES)


def _syncs(room: Path) -> bool:
    try:
        durable.fsync_dir(room)
    except OSError:
        return False
    return True


_CHECKS: dict[str, Callable[[Path], bool]] = {
    "renames without replacing": _renames_exclusively,
    "exchanges two folders in one step": _exchanges,
    "creates a file exclusively": _creates_exclusively,
    "keeps file names apart and as they are": _keeps_names,
    "makes a folder's names durable": _syncs,
}
