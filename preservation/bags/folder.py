"""A bag's folder while it is filled: new files only, no links on the way, any depth."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import MalformedError
from preservation.files import durable, uncached, walk
from preservation.files.durable import Octets
from preservation.files.uncached import Uncached
from preservation.model.names import display, is_safe, parts

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CANNOT_BE = {errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP, errno.EISDIR}


def check_name(path: bytes) -> None:
    """Refuse a path that a bag of ours does not hold.

    Raises:
        MalformedError: it could leave the bag, or is not UTF-8 (``BAG-NAME-ENCODING``).
    """
    if not is_safe(path):
        raise MalformedError(f"not a path below a folder: {display(path)}")
    try:
        path.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(
            f"a name that is not UTF-8: {display(path)}",
            hint="rename the file, or deposit it inside an archive file",
            code="BAG-NAME-ENCODING",
        ) from error


class NewFile:
    """A file of a bag that is being written.

    Args:
        fd: of a regular file, where nothing was written yet.
        room: to write past the page cache from; None: it goes through the cache.
        path: its own, for errors.
    """

    def __init__(self, fd: int, room: memoryview | None, path: bytes) -> None:
        self._fd, self._path = fd, path
        self._past = None if room is None else Uncached(fd, room)

    def write(self, data: Octets) -> None:
        """Write some octets.

        Raises:
            NoSpaceError, NotNowError: the medium is in the way.
        """
        with _named(self._path):
            if self._past is None:
                durable.write_all(self._fd, data)
            else:
                self._past.write(data)

    def finish(self) -> None:
        """Write what waits for more; raises as :meth:`write`."""
        if self._past is not None:
            with _named(self._path):
                self._past.finish()


@contextmanager
def _named(path: bytes) -> Iterator[None]:
    """Tell failures of the medium with a file's whole path: a name alone says not in which folder,
    and a write says none.
    """
    with durable.plain_errors(path):
        try:
            yield
        except OSError as error:
            error.filename = os.fsdecode(path)
            raise


class BagFolder:
    """Makes files in a folder that is private to its writer. Safe for several threads.

    Args:
        path: exists, and is no link.
        read_soon: what is written will be read again soon, and stays in the page cache.
    """

    def __init__(self, path: Path, *, read_soon: bool = False) -> None:
        self._path, self._read_soon = path, read_soon
        self._rooms: list[memoryview] = []  # of files that were written; to be used again
        with durable.plain_errors(path):
            self._root = os.open(path, _FOLDER)
            self._make(self._root, b"data")

    def close(self) -> None:
        """Let the folder go; what was written stays."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    @contextmanager
    def created(self, path: bytes) -> Iterator[NewFile]:
        """A new file, mode 0644, to be written; taken back if anything is raised.

        Raises:
            MalformedError: the path leads elsewhere, is there already, has a file for one of
                its folders, or a part that the file system cannot hold.
            NoSpaceError, NotNowError: the medium is in the way.
        """
        check_name(path)
        parent, _, name = path.rpartition(b"/")
        with self._plain(path):
            room = self._room()
        folder = self.folder(parent)
        try:
            with self._plain(path):
                fd = os.open(name, _CREATE, 0o644, dir_fd=folder)
            try:
                os.fchmod(fd, 0o644)  # whatever the umask says
                file = NewFile(fd, room, self._whole(path))
                yield file
                file.finish()
            except BaseException:
                with self._plain(path):
                    os.unlink(name, dir_fd=folder)
                raise
            finally:
                os.close(fd)
        finally:
            os.close(folder)
            if room is not None:
                self._rooms.append(room)

    def discard(self, path: bytes) -> None:
        """Take a file back, if it is there.

        Raises:
            NoSpaceError, NotNowError: the medium is in the way.
        """
        parent, _, name = path.rpartition(b"/")
        with durable.plain_errors(self._path), contextlib.suppress(FileNotFoundError):
            folder = walk.open_below(self._root, parent, _FOLDER) if parent else os.dup(self._root)
            try:
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(folder)

    def folder(self, path: bytes) -> int:
        """A folder of the bag, open; made, if it is not there. The caller closes it.

        Raises:
            MalformedError: there cannot be such a folder.
            NoSpaceError, NotNowError: the medium is in the way.
        """
        with self._plain(path):
            return self._open(path)

    @contextmanager
    def _plain(self, path: bytes) -> Iterator[None]:
        try:
            with _named(self._whole(path)):
                yield
        except OSError as error:
            if error.errno not in _CANNOT_BE:
                raise
            raise MalformedError(
                f"cannot be made in the bag: {display(path)}: {error.strerror}"
            ) from error

    def _whole(self, path: bytes) -> bytes:
        return os.path.join(os.fsencode(self._path), path)

    def _room(self) -> memoryview | None:
        if self._read_soon:
            return None
        try:
            return self._rooms.pop()
        except IndexError:  # asked first, another thread might take the last one meanwhile
            room, *others = uncached.rooms()
            self._rooms += others
            return room

    def _open(self, path: bytes) -> int:
        """Open a folder of the bag, making what is not there yet."""
        if not path:
            return os.dup(self._root)
        try:
            return walk.open_below(self._root, path, _FOLDER)
        except FileNotFoundError:
            at = os.dup(self._root)
        for part in parts(path):
            try:
                self._make(at, part)
                deeper = os.open(part, _FOLDER, dir_fd=at)
            finally:
                os.close(at)
            at = deeper
        return at

    @staticmethod
    def _make(parent: int, name: bytes) -> None:
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
        except FileExistsError:
            return  # another thread was faster; opening it refuses what is no folder
