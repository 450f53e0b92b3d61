"""What a bag was made from, out of a private copy of it: original names, empty folders.

Source: ``docs/formats/bag.md``.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from preservation.bags.folder import BagFolder
from preservation.bags.manifest import PAYLOAD
from preservation.bags.tree import (
    NAMES,
    NAMES_COLUMNS,
    TREE,
    TREE_COLUMNS,
    read_folders,
    read_names,
)
from preservation.errors import MalformedError
from preservation.files.walk import open_below
from preservation.fixity.reading import reason_of
from preservation.model.names import display

_Row = TypeVar("_Row")
_DEPOSIT = b"metadata/deposit.json"
_LARGEST_DEPOSIT = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def undone(bag: Path) -> Path:
    """Turn a private copy of a bag into what it was made from.

    Returns:
        The folder in the copy that now has every payload file at its original path, and the
        empty folders.

    Raises:
        MalformedError: a table of the bag says something impossible.
        OSError: the medium is in the way.
    """
    folder = BagFolder(bag)
    try:
        for kept, original in _table(bag, NAMES, NAMES_COLUMNS, read_names):
            if kept.startswith(PAYLOAD) and original.startswith(PAYLOAD):
                _rename(folder, bag, kept, original)
        inside = PAYLOAD if _was_a_bag(bag) else b""
        for path in _table(bag, TREE, TREE_COLUMNS, read_folders):
            if path.startswith(inside) or path + b"/" == inside:
                os.close(folder.folder((PAYLOAD + path[len(inside) :]).rstrip(b"/")))
    finally:
        folder.close()
    return bag / "data"


def _rename(folder: BagFolder, bag: Path, kept: bytes, original: bytes) -> None:
    root = os.open(bag, _FOLDER)
    parent, _, name = kept.rpartition(b"/")
    new_parent, _, new_name = original.rpartition(b"/")
    target = folder.folder(new_parent)
    try:
        source = open_below(root, parent, _FOLDER)
        try:
            if _is_there(new_name, target):
                raise FileExistsError(errno.EEXIST, "is there already")
            os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)
        finally:
            os.close(source)
        _prune(root, parent)
    except OSError as error:
        raise MalformedError(
            f"{display(NAMES)}: {display(kept)} cannot become {display(original)}: "
            f"{reason_of(error)}"
        ) from error
    finally:
        os.close(target)
        os.close(root)


def _is_there(name: bytes, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _prune(root: int, path: bytes) -> None:
    """Remove the folders that the last file was taken out of."""
    while path.startswith(PAYLOAD):
        parent, _, name = path.rpartition(b"/")
        fd = open_below(root, parent, _FOLDER)
        try:
            os.rmdir(name, dir_fd=fd)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return
        finally:
            os.close(fd)
        path = parent


def _table(
    bag: Path,
    name: bytes,
    columns: Sequence[str],
    read: Callable[[Iterable[str]], Iterator[_Row]],
) -> Iterator[_Row]:
    path = bag / os.fsdecode(name)
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        if lines.readline(1000) != ",".join(columns) + "\n":
            return  # somebody else's table that has the same name
        lines.seek(0)
        try:
            yield from read(lines)
        except MalformedError as error:
            raise MalformedError(f"{display(name)}: {error.message}") from error


def _was_a_bag(bag: Path) -> bool:
    """Whether the deposit was a bag, so that its tree's payload begins with ``data/``."""
    try:
        with (bag / os.fsdecode(_DEPOSIT)).open("rb") as file:
            facts = json.loads(file.read(_LARGEST_DEPOSIT))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(facts, dict) and "bag" in facts
