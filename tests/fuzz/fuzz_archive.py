"""Fuzz: the readers of third-party archives: tar, compressed tar, zip; octets for octets."""

import tempfile
from pathlib import Path

import fuzzing

with fuzzing.watched(__name__):
    from preservation.files.archives.archive import open_archive
    from preservation.files.archives.errors import ArchiveError
    from preservation.files.archives.member import ArchiveLimits

PLACE = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
CASE = Path(PLACE.name, "case")
LIMITS = ArchiveLimits(members=200, octets=1 << 20, member_octets=1 << 20, ratio=50)


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    headers_only = draw.bit()
    CASE.write_bytes(draw.rest)
    take(CASE, headers_only=headers_only)


def take(path: Path, *, headers_only: bool) -> None:
    octets, fallen = 0, None
    try:
        with open_archive(path, LIMITS, headers_only=headers_only) as archive:
            for member in archive:
                for piece in () if headers_only else member.chunks():
                    octets += len(piece)
                assert octets <= LIMITS.octets
    except ArchiveError as error:
        fallen = error
    if fallen is not None:
        assert fallen.code
        assert str(fallen).isprintable()


if __name__ == "__main__":
    fuzzing.fuzz(once)
