"""Writes that survive a power cut, and never show half of themselves.

A new file is written where no name leads to it, synced, and then given its name in one step
that fails if the name is taken; then the folder is synced, because a name is data of the
folder. A reader sees the whole file or none.

Failures that a person can mend are told as ``NoSpaceError`` or ``NotNowError``; every other
``OSError`` passes as it is, ``FileExistsError`` above all. A crash may leave names that begin
with ``.tmp-``; nothing reads them.

Source: open(2) O_TMPFILE, linkat(2), renameat2(2), syncfs(2) (writeback errors since Linux 5.8).
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from preservation.errors import NoSpaceError, NotNowError

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Octets = bytes | bytearray | memoryview
Data = Octets | Iterable[bytes]

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_TMPFILE = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_NO_FLAG = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}

_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}

_libc = ctypes.CDLL(None, use_errno=True)


def expect_means(error: OSError) -> None:
    """Ask this before an error is taken for something about a file: it may be about us.

    Raises:
        NotNowError: this process, or the machine, ran out of open files or memory
            (``FS-OUT-OF-MEANS``).
    """
    if error.errno in _SHORT:
        raise out_of_means(error.strerror) from error


@contextmanager
def means() -> Iterator[None]:
    """The same for whatever is done inside.

    Raises:
        NotNowError: as :func:`expect_means`; every other ``OSError`` passes as it is.
    """
    try:
        yield
    except OSError as error:
        expect_means(error)
        raise


def out_of_means(why: str | None) -> NotNowError:
    """What a process says that ran out of open files or memory."""
    return NotNowError(
        f"the process ran out of what it works with: {why}",
        hint="look at `ulimit -n`, `ulimit -v` and free memory; the files were not judged",
        code="FS-OUT-OF-MEANS",
    )


@contextmanager
def plain_errors(path: AnyPath) -> Iterator[None]:
    """Tell what a full, read-only or closed medium says as an error with a next step.

    Raises:
        NoSpaceError: ENOSPC, EDQUOT, EFBIG.
        NotNowError: EROFS (``FS-READ-ONLY``), EACCES and EPERM (``FS-DENIED``), EMFILE, ENFILE
            and ENOMEM (``FS-OUT-OF-MEANS``).
    """
    try:
        yield
    except OSError as error:
        named = error.filename if isinstance(error.filename, str | bytes) else path
        told = _told(error, os.fsdecode(named))
        if told is None:
            raise
        raise told from error


def _told(error: OSError, path: str) -> NotNowError | None:
    match error.errno:
        case errno.ENOSPC:
            return NoSpaceError(f"no space left to write {path!r}", hint="free space, then again")
        case errno.EDQUOT:
            return NoSpaceError(f"the quota is used up: {path!r}", hint="raise the disk quota")
        case errno.EFBIG:
            return NoSpaceError(
                f"larger than the file system or a limit allows: {path!r}",
                hint="look at `ulimit -f` and at the file system's largest file size",
            )
        case errno.EROFS:
            return NotNowError(
                f"the file system is read-only: {path!r}",
                hint="look for disk errors in the system log, then remount it writable",
                code="FS-READ-ONLY",
            )
        case errno.EACCES | errno.EPERM:
            return NotNowError(
                f"not permitted: {path!r}",
                hint="give this account the right to write there",
                code="FS-DENIED",
            )
        case number if number in _SHORT:
            return out_of_means(error.strerror)
        case _:
            return None


def write_all(fd: int, data: Octets) -> None:
    """Write every octet. One ``write`` may take less and say nothing more about it."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(fd, rest) :]


def write_new(path: AnyPath, data: Data, mode: int = 0o444) -> None:
    """Create a file, whole and durable, or not at all.

    Args:
        path: its folder must exist.
        data: octets, or chunks of them.
        mode: permissions, whatever the umask says.

    Raises:
        FileExistsError: something of that name is there; it was not touched.
        NoSpaceError, NotNowError: see :func:`plain_errors`.
    """
    folder, name = os.path.split(os.fsencode(path))
    with plain_errors(path), _open_folder(folder) as folder_fd:
        _create(folder_fd, name, data, mode)
        os.fsync(folder_fd)


def replace(path: AnyPath, data: Data, mode: int = 0o644) -> None:
    """Put a file in the place of the one of that name, if any, durably and in one step.

    Raises:
        NoSpaceError, NotNowError: see :func:`plain_errors`; the former file is still there.
    """
    folder, name = os.path.split(os.fsencode(path))
    with plain_errors(path), _open_folder(folder) as folder_fd:
        temporary = _temporary_name()
        _create(folder_fd, temporary, data, mode)
        try:
            os.rename(temporary, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        except OSError:
            os.unlink(temporary, dir_fd=folder_fd)
            raise
        os.fsync(folder_fd)


def put_in_place(half: AnyPath, path: AnyPath, mode: int = 0o644) -> None:
    """Give a file that somebody else wrote, beside its place, its name; durably, in one step.

    Raises:
        NoSpaceError, NotNowError: see :func:`plain_errors`.
    """
    with plain_errors(path):
        fd = os.open(half, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fchmod(fd, mode)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(half, path)
    fsync_dir(os.path.dirname(os.fsencode(path)) or b".")


def rename_exclusive(src: AnyPath, dst: AnyPath) -> None:
    """Give a file or folder another name in one step. Does not sync: sync both parents after.

    Raises:
        FileExistsError: something of the new name is there.
        NotNowError: the file system cannot promise that (``FS-UNSUITABLE``).
    """
    _renameat2(src, dst, _RENAME_NOREPLACE, "rename without replacing")


def exchange(a: AnyPath, b: AnyPath) -> None:
    """Let two existing names change places in one step. Does not sync: sync both parents after.

    Raises:
        FileNotFoundError: one of them is not there.
        NotNowError: the file system cannot do it (``FS-UNSUITABLE``).
    """
    _renameat2(a, b, _RENAME_EXCHANGE, "exchange two names")


def fsync_dir(path: AnyPath) -> None:
    """Make the names in a folder durable."""
    with plain_errors(path), _open_folder(os.fsencode(path)) as fd:
        os.fsync(fd)


def sync_tree(folder: AnyPath) -> None:
    """Make durable all that was written to the file system that holds the folder.

    One call for any number of files. It waits for everybody's writes, not ours alone. Where
    the kernel does not pass it on (FUSE), it is not enough: sync file by file there.

    Raises:
        OSError: a write that had been accepted was lost on its way to the medium.
    """
    with plain_errors(folder), _open_folder(os.fsencode(folder)) as fd:
        if _libc.syncfs(fd) != 0:
            raise _last_error(folder)


@contextmanager
def _open_folder(path: bytes) -> Iterator[int]:
    fd = os.open(path or b".", _FOLDER)
    try:
        yield fd
    finally:
        os.close(fd)


def _create(folder_fd: int, name: bytes, data: Data, mode: int) -> None:
    """Write a file that has no name yet, sync it, name it."""
    try:
        fd = os.open(b".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder_fd)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
        _create_by_name(folder_fd, name, data, mode)
        return
    try:
        _fill(fd, data, mode)
        # The plain path /proc/self/fd/N makes link(2), which sees a link on another file
        # system (EXDEV); relative to the folder it becomes linkat(2), which follows it.
        with _open_folder(b"/proc/self/fd") as proc_fd:
            os.link(
                str(fd).encode(),
                name,
                src_dir_fd=proc_fd,
                dst_dir_fd=folder_fd,
                follow_symlinks=True,
            )
    finally:
        os.close(fd)


def _create_by_name(folder_fd: int, name: bytes, data: Data, mode: int) -> None:
    """The same where files without a name cannot be had."""
    temporary = _temporary_name()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600, dir_fd=folder_fd)
    try:
        try:
            _fill(fd, data, mode)
        finally:
            os.close(fd)
        if _link(folder_fd, temporary, name):
            os.unlink(temporary, dir_fd=folder_fd)
    except BaseException:
        os.unlink(temporary, dir_fd=folder_fd)
        raise


def _link(folder_fd: int, temporary: bytes, name: bytes) -> bool:
    """Give the second name; True if the first one is left over."""
    try:
        os.link(temporary, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        here = f"/proc/self/fd/{folder_fd}/".encode()
        rename_exclusive(here + temporary, here + name)
        return False
    return True


def _fill(fd: int, data: Data, mode: int) -> None:
    chunks = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
    for chunk in chunks:
        write_all(fd, chunk)
    os.fchmod(fd, mode)
    os.fsync(fd)


def _temporary_name() -> bytes:
    return b".tmp-" + os.urandom(8).hex().encode()


def _renameat2(src: AnyPath, dst: AnyPath, flag: int, act: str) -> None:
    old, new = os.fsencode(src), os.fsencode(dst)
    if _libc.renameat2(_AT_FDCWD, old, _AT_FDCWD, new, flag) == 0:
        return
    error = _last_error(src, dst)
    if error.errno in _NO_FLAG:
        raise NotNowError(
            f"the file system cannot {act}: {os.fsdecode(dst)!r}",
            hint="keep tiers on ext4, XFS, btrfs or ZFS",
            code="FS-UNSUITABLE",
        ) from error
    with plain_errors(dst):
        raise error


def _last_error(path: AnyPath, other: AnyPath | None = None) -> OSError:
    number = ctypes.get_errno()
    return OSError(
        number,
        os.strerror(number),
        os.fsdecode(path),
        None,
        None if other is None else os.fsdecode(other),
    )
