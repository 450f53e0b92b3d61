"""What an archive can have wrong with it as a whole.

MalformedError
└── ArchiveError         it can't be read to its end, or holds what none of its members is
    └── ArchiveLimitError   a limit was met while it was read
NotNowError
└── ArchiveChangedError  the file is not what it was when it was opened
"""

from __future__ import annotations

from preservation.errors import MalformedError, NotNowError

_HINTS = {
    "ARC-UNKNOWN": "archives are tar, tar.gz, tar.bz2, tar.xz, tar.zst and zip",
    "ARC-TRUNCATED": "it was cut short: send it again",
    "ARC-DAMAGED": "it is damaged: send it again, or pack it again",
    "ARC-CHECKSUM": "its bytes are not those that were packed: send it again",
    "ARC-TRAILING": "pack it again, so that the archive ends where its file ends",
    "ARC-GAP": "pack it again: an archive holds members and nothing between them",
    "ARC-OVERLAP": "pack it again: no two members may share bytes",
    "ARC-AMBIGUOUS": "pack it again: programs would not agree on what is in it",
    "ARC-METHOD": "pack it again with deflate, bzip2, xz or zstd, or not packed at all",
    "ARC-ENCRYPTED": "pack it again without a password",
    "ARC-SPLIT": "join the volumes, and send one archive",
    "ARC-MEMORY": "pack it again with a smaller window (xz -6, zstd -19)",
    "ARC-MEMBERS": "divide it, or ask for a larger limit",
    "ARC-OCTETS": "divide it, or ask for a larger limit",
    "ARC-MEMBER-OCTETS": "divide the file, or ask for a larger limit",
    "ARC-RATIO": "send it less tightly packed, or as a folder",
}


class ArchiveError(MalformedError):
    """An archive that can't be believed, with a stable code.

    Attributes:
        at: octets from the beginning of the (unpacked) stream where it was noticed; -1 if no
            place can be told.
        path: of the member that it is about; empty if of none.
    """

    default_code = "ARC-DAMAGED"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str = "ARC-DAMAGED",
        at: int = -1,
        path: bytes = b"",
    ) -> None:
        super().__init__(message, hint=hint or _HINTS.get(code, ""), code=code)
        self.at = at
        self.path = path


class ArchiveLimitError(ArchiveError):
    """More members, or more octets, than the caller takes."""


class ArchiveChangedError(NotNowError):
    """The archive's file was written to, or exchanged, while it was read."""

    default_code = "ARC-CHANGED"
