"""Steps that a local tier is made of: small files read, folders made, failures told.

A failure of the medium is told as ``TierUnavailableError``: we know nothing of what is there.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preservation.errors import NotNowError, TierUnavailableError
from preservation.files import durable

INCOMING = ".incoming"
QUARANTINE = ".quarantine"
KEPT = ".samarkand"
PROBE = ".probe-"  # what the names of things begin with that a check of the tier tries out
MARKER = "samarkand-tier.json"
# What lies beside the marker, by the name of our own document.
TIER_DOCUMENTS = {
    "FORMAT.md": "tier.md",
    "FORMAT-samarkand-tar-1.md": "samarkand-tar-1.md",
    "FORMAT-samarkand-tar-index-1.md": "tar-index.md",
}
KEPT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,7}")

_SMALL = 64 << 20  # a document that we keep whole in memory
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def tier_errors(tier: str) -> Iterator[None]:
    """Tell what stopped us on a tier.

    Raises:
        TierUnavailableError: any ``OSError`` but a full medium.
        NoSpaceError: the medium is full.
    """
    try:
        with durable.plain_errors(tier):
            yield
    except OSError as error:
        about = f": {error.filename!r}" if error.filename else ""
        raise TierUnavailableError(
            f"tier {tier}: {error.strerror or error}{about}",
            hint="look for disk errors in the system log; is everything mounted?",
            code="TIER-IO",
        ) from error
    except NotNowError as error:
        if not error.code.startswith("FS-"):
            raise
        raise TierUnavailableError(
            f"tier {tier}: {error.message}", hint=error.hint, code=error.code
        ) from error


def read_small(path: Path) -> bytes:
    """The octets of a regular file that isn't large; never a link, never blocks.

    Raises:
        OSError: it isn't there, isn't a regular file, is too large, or can't be read.
    """
    fd = open_regular(path)
    with os.fdopen(fd, "rb") as file:
        data = file.read(_SMALL + 1)
    if len(data) > _SMALL:
        raise OSError(errno.EFBIG, "too large for a document", str(path))
    return data


def open_regular(path: Path) -> int:
    """Open a regular file for reading, at the end of a path; a link there is refused."""
    fd = os.open(path, _OPEN)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return fd


def make_folders(root: Path, relative: str) -> Path:
    """Make a folder and those above it, below a root that is there, all durably.

    Raises:
        OSError: something else has the name of one of them.
    """
    at = root
    for name in relative.split("/"):
        deeper = at / name
        try:
            os.mkdir(deeper, 0o755)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(deeper).st_mode):
                raise
        # Also where it was there already: whoever made it may have died before the sync.
        durable.fsync_dir(at)
        at = deeper
    return at


def move(src: Path, dst: Path) -> None:
    """Rename without replacing, durably."""
    durable.rename_exclusive(src, dst)
    durable.fsync_dir(dst.parent)
    durable.fsync_dir(src.parent)


def is_there(path: Path) -> bool:
    """Whether anything has the name, a broken link included.

    Raises:
        OSError: it can't be seen.
    """
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True
