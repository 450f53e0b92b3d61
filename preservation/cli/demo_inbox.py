"""The demo's deposits: the samples, or the user's own folders, put into inboxes; never moved."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from preservation.errors import UsageError
from preservation.ingest.unpack import is_serialised

HOSTILE = "hostile deposit"


def samples(source: Path, communities: list[str]) -> list[tuple[str, Path]]:
    """The sample deposits: a folder per community, a deposit per entry."""
    found = [
        (community, path)
        for community in communities
        if (source / community).is_dir()
        for path in sorted((source / community).iterdir())
    ]
    if not found:
        raise UsageError(
            f"there are no sample deposits at {source.absolute()}",
            hint="run it in the project's folder, or name a folder of your own with --deposits",
            code="DEMO-NO-DEPOSITS",
        )
    return found


def own(source: Path, community: str) -> tuple[list[tuple[str, Path]], list[Path]]:
    """The user's own: each folder or container in ``source`` is one deposit.

    Returns:
        The deposits, and what is none: loose files, links.
    """
    try:
        entries = sorted(source.iterdir())
    except OSError as error:
        raise UsageError(
            f"{source.absolute()} cannot be listed: {error.strerror}",
            hint="name a folder that has one folder for each deposit",
            code="DEMO-NO-DEPOSITS",
        ) from error
    deposits = [path for path in entries if not path.is_symlink() and _is_deposit(path)]
    if not deposits:
        raise UsageError(
            f"{source.absolute()} has no folder in it",
            hint="each folder, tar or zip in it is one deposit",
            code="DEMO-NO-DEPOSITS",
        )
    left_out = [path for path in entries if path not in deposits]
    return [(community, path) for path in deposits], left_out


def _is_deposit(path: Path) -> bool:
    return path.is_dir() or (path.is_file() and is_serialised(path.name))


def put(path: Path, inbox: Path) -> bool:
    """Copy a deposit into an inbox, whatever is in it; False if it is there already.

    Links are copied as links and FIFOs as FIFOs: what a depositor sends is what is examined.
    It appears in the inbox by one rename, so that no half copy is ever taken in.
    """
    dest = inbox / path.name
    if dest.exists():
        return False
    aside = inbox / f".{path.name}.coming"
    shutil.rmtree(aside, ignore_errors=True)
    aside.unlink(missing_ok=True)
    inbox.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, aside, symlinks=True, copy_function=_copy)
    else:
        shutil.copy2(path, aside)
    aside.rename(dest)
    return True


def _copy(source: str, dest: str) -> None:
    mode = os.lstat(source).st_mode
    if stat.S_ISREG(mode):
        shutil.copy2(source, dest, follow_symlinks=False)
    elif stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), dest)
    else:
        os.mkfifo(dest)  # stands for any special file: none of them has bytes to copy


def put_hostile(inbox: Path) -> bool:
    """Make the deposit that git cannot carry: a link out of the tree, a FIFO, an odd name."""
    dest = inbox / HOSTILE
    if dest.exists():
        return False
    aside = inbox / f".{HOSTILE}.coming"
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "data").mkdir(parents=True)
    (aside / "data" / "looks harmless.csv").write_text("station,temperature\nA,21.5\n", "utf-8")
    (aside / "data" / "passwords").symlink_to("../../../../../../../../etc/passwd")
    os.mkfifo(aside / "data" / "never ends")
    latin = os.path.join(os.fsencode(aside), b"data", b"caf\xe9.txt")
    Path(os.fsdecode(latin)).write_text("a name that is not UTF-8\n", "utf-8")
    aside.rename(dest)
    return True
