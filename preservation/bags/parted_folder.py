"""Verifies one part of a sealed bag in a folder, and sees whether a part is as it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from preservation.bags.parted import INVENTORY, Cut, Part, PartSeen, Sizes, UndividedError
from preservation.bags.trust import TAG_MANIFEST
from preservation.bags.verification import Tally, Verification
from preservation.bags.verify_folder import FolderVerifier, look_for_strangers, tag_files
from preservation.fixity.compare import Expected
from preservation.fixity.reading import Folders

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderPart(FolderVerifier):
    """Reads of a folder what says where to cut it, and then one part, or none.

    Raises (all of its methods):
        UndividedError: the folder can't be cut; what is wrong with it a whole reading tells.
    """

    def part(self, part: Part) -> PartSeen:
        """Verify one part."""
        cut, manifests, root = self._opened(part.of)
        try:
            mark = _Mark(root)
            if part.number == 1:
                mark.add(sorted(self._trust.tags))
                self._compare(tag_files(self._trust, manifests))
            else:  # what was read to know where to cut is the first part's
                read, self._tally = self._tally.octets_read, Tally()
                self._tally.octets_read = read
            self._compare(_marked(cut, part, mark))
        except OSError as error:
            raise UndividedError(f"the folder: {error.strerror}") from error
        finally:
            os.close(root)
        return PartSeen(self._result(), mark.value)

    def marks(self, of: int) -> list[str]:
        """What all parts look like now."""
        cut, _, root = self._opened(of)
        try:
            marks = [_Mark(root) for _ in range(of)]
            marks[0].add(sorted(self._trust.tags))
            for number, batch, _ in cut.stretches():
                marks[number - 1].add(batch.paths)
            return [mark.value for mark in marks]
        finally:
            os.close(root)

    def strangers(self) -> Verification:
        """Whatever is there and is listed nowhere; after :meth:`marks`."""
        self._tally = Tally()
        look_for_strangers(self._held.path, self._trust, self._tally)
        return self._result()

    def _result(self) -> Verification:
        bypassed = self._held.cache_bypassed and self._settings.drop_cache
        return self._tally.result(self._trust, cache_bypassed=bypassed)

    def _opened(self, of: int) -> tuple[Cut, set[bytes], int]:
        """Where to cut, the manifests that were compared for it, and the folder."""
        try:
            root = os.open(self._held.path, _FOLDER)
        except OSError as error:
            raise UndividedError(f"the folder: {error.strerror}") from error
        try:
            return *self._cut(root, of), root
        except BaseException:
            os.close(root)
            raise

    def _cut(self, root: int, of: int) -> tuple[Cut, set[bytes]]:
        folders, sizes = Folders(root), Sizes()
        try:
            if not self._open_seal(folders):
                raise UndividedError("its tag manifest is not the one that was sealed")
            manifests = self._read_manifests(folders)
            sizes.read(self._blocks(folders, INVENTORY))
        except OSError as error:
            raise UndividedError(f"what says where to cut it: {error.strerror}") from error
        finally:
            folders.close()
        if not self._tally.is_intact:
            raise UndividedError("one of its manifests is damaged")
        sizes.believed(self._trust)
        return Cut(self._trust.payload, sizes, of), manifests


class _Mark:
    """What files look like from outside: a write, a replacement, a loss changes it."""

    def __init__(self, root: int) -> None:
        self._root, self._hash = root, hashlib.sha256()
        self.add([TAG_MANIFEST])

    def add(self, paths: Iterable[bytes]) -> None:
        for path in paths:
            self._hash.update(b"%s\0%s\0" % (path, self._look(path)))

    def _look(self, path: bytes) -> bytes:
        try:
            seen = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        except OSError as error:
            return b"%d" % -(error.errno or 1)
        facts: Sequence[Any] = (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
        return b"%d %d %d %d" % tuple(facts)

    @property
    def value(self) -> str:
        return self._hash.hexdigest()


def _marked(cut: Cut, part: Part, mark: _Mark) -> Iterator[Expected]:
    """A part's files, each looked at before it is read."""
    for number, batch, _ in cut.stretches():
        if number == part.number:
            mark.add(batch.paths)
            yield batch
        elif number > part.number:
            return
