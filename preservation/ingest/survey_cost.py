"""What taking a folder in would cost, reckoned from reading a sample of it."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

from preservation.files.walk import open_below
from preservation.fixity.multihash import MultiHash
from preservation.ingest.survey_result import Cost, SurveySettings
from preservation.ingest.survey_spool import Spool
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm

_LARGE = 256 * 1024  # octets: from here on, reading outweighs opening
_LARGE_FILES = 16
_LARGE_OCTETS = 256 * 1024 * 1024  # of large files together
_SMALL_FILES = 400
_BLOCK = 1024 * 1024
_MANIFESTS = 400  # octets that a file costs beside its own: manifests, inventory, tree
_WHOLE_DISK_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class _Sample:
    files: int
    octets: int
    took: timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast this folder can be read and hashed by one reader, on this machine."""

    octets_per_second: float
    seconds_per_file: float
    files: int
    octets: int

    def seconds(self, files: int, octets: int) -> float:
        """How long one pass over so much takes."""
        reading = octets / self.octets_per_second if self.octets_per_second else 0.0
        return reading + files * self.seconds_per_file


def measure_rate(root: Path, spool: Spool, clock: Clock) -> Rate:
    """Read some files from the medium, past the cache where that can be had."""
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        large = _read(root_fd, spool.sized(_LARGE, 2**62, _LARGE_FILES), clock)
        small = _read(root_fd, spool.sized(1, _LARGE - 1, _SMALL_FILES), clock)
    finally:
        os.close(root_fd)
    per_second = _over(large.octets, large.took) or _over(small.octets, small.took)
    per_file = 0.0
    if small.files and large.files and per_second:
        reading = small.octets / per_second
        per_file = max(0.0, small.took.total_seconds() - reading) / small.files
    return Rate(per_second, per_file, large.files + small.files, large.octets + small.octets)


def reckon(
    rate: Rate, identified: tuple[int, timedelta], files: int, octets: int, settings: SurveySettings
) -> Cost:
    """Hours and disk for so many replicas.

    Args:
        rate: as measured on a sample.
        identified: how many files were identified, and how long that took.
        files: in the folder.
        octets: in the folder.
        settings: says how many replicas.
    """
    looked_at, took = identified
    naming = took.total_seconds() / looked_at * files if looked_at else 0.0
    passes = 1 + 2 * settings.replicas
    seconds = passes * rate.seconds(files, octets) + naming
    kept = octets + files * (_MANIFESTS + _WHOLE_DISK_BLOCK // 2)
    return Cost(
        replicas=settings.replicas,
        octets_per_second=round(rate.octets_per_second),
        seconds_per_file=rate.seconds_per_file,
        sample_files=rate.files,
        sample_octets=rate.octets,
        seconds=round(seconds),
        disk=settings.replicas * kept,
        assumption=(
            "Each byte is read and hashed once here, then written and read back once for each "
            "replica. One reader was measured on a sample of this folder; writing is taken to "
            "be as fast as reading. Slower disks, networks and tapes of replicas come on top."
        ),
    )


def _read(root_fd: int, files: list[tuple[bytes, int]], clock: Clock) -> _Sample:
    """Read files to their end, or until enough is read of all of them together."""
    octets = done = 0
    started = clock.now()
    for path, _ in files:
        if octets >= _LARGE_OCTETS:
            break
        try:
            octets += _hash(root_fd, path, _LARGE_OCTETS - octets)
        except OSError:  # counted where files are identified or compared
            continue
        done += 1
    return _Sample(done, octets, clock.now() - started)


def _hash(root_fd: int, path: bytes, most: int) -> int:
    fd = open_below(root_fd, path, os.O_RDONLY)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("not a regular file")
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        hashes = MultiHash((Algorithm.SHA256, Algorithm.SHA512))
        while hashes.octets < most and (block := os.read(fd, min(_BLOCK, most - hashes.octets))):
            hashes.update(block)
        return hashes.octets
    finally:
        os.close(fd)


def _over(octets: int, took: timedelta) -> float:
    return octets / took.total_seconds() if took else 0.0
