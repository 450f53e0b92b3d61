"""A temporary file without a name: gone as soon as nobody needs it, however we end."""

from __future__ import annotations

import errno
import os

from preservation.errors import NoSpaceError, NotNowError

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Spool:
    """Octets that are appended, and read from anywhere. Makes its file when it is needed.

    Attributes:
        octets: that were appended.
    """

    def __init__(self) -> None:
        self.octets = 0
        self._fd = -1

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def append(self, data: bytes | memoryview) -> None:
        """Write at the end.

        Raises:
            NotNowError, NoSpaceError: the temporary file cannot be written.
        """
        view = memoryview(data)
        try:
            if self._fd < 0:
                self._fd = _unnamed()
            while view:
                written = os.pwrite(self._fd, view, self.octets)
                view, self.octets = view[written:], self.octets + written
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise (NoSpaceError if full else NotNowError)(
                f"a temporary file cannot be written: {error.strerror}",
                hint=f"make room in {_folder()}, or set TMPDIR to a folder with room",
            ) from error

    def read(self, at: int, octets: int) -> bytes:
        """Some octets; fewer at the end."""
        return os.pread(self._fd, octets, at) if octets else b""


def _folder() -> str:
    # `tempfile` takes 10 ms to be imported; the name is random, made exclusively, and unlinked.
    return os.environ.get("TMPDIR") or "/tmp"  # noqa: S108


def _unnamed() -> int:
    name = os.path.join(_folder(), f"samarkand-{os.urandom(12).hex()}")
    fd = os.open(name, _FLAGS, 0o600)
    os.unlink(name)
    return fd
