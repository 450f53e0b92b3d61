"""Durations and sizes as people write them in policies: ``90d``, ``2 TiB``; counts in words."""

from __future__ import annotations

import re
from datetime import timedelta

from preservation.errors import MalformedError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31557600}
_BYTES = {"B": 1}
_BYTES |= {f"{p}B": 1000**n for n, p in enumerate("kMGTP", 1)}
_BYTES |= {f"{p}iB": 1024**n for n, p in enumerate("KMGTP", 1)}
_DURATION = re.compile(r"(\d{1,6}) ?([smhdwy])")
_SIZE = re.compile(r"(\d{1,9})(?:\.(\d{1,3}))? ?([kMGTPK]?i?B)")


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``15m``, ``12h``, ``90d``, ``2w``, ``10y`` (a year is 365.25 days).

    Raises:
        MalformedError: no unit, another unit, or a fraction.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise MalformedError(f"not a duration: {text!r}", hint="write 30s, 15m, 12h, 90d, 2w or 1y")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def format_duration(value: timedelta) -> str:
    """Spell a duration with the largest unit that divides it."""
    seconds = int(value.total_seconds())
    for unit in "ywdhm":
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


def parse_size(text: str) -> int:
    """Read ``500GiB``, ``2 TiB``, ``1.5 MB`` as octets; ``k`` is 1000, ``Ki`` is 1024.

    Raises:
        MalformedError: no unit, or another unit.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[3] not in _BYTES:
        raise MalformedError(f"not a size: {text!r}", hint="write 500 MB, 500 GiB or 2 TiB")
    unit, fraction = _BYTES[match[3]], match[2] or ""
    tenths: int = 10 ** len(fraction)
    return int(match[1]) * unit + int(fraction or 0) * unit // tenths


def counted(number: int, one: str, many: str = "") -> str:
    """``1 file``, ``2 files``, ``12,345 files``, ``2 policies``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def format_size(octets: int) -> str:
    """Spell octets for people: ``512 B``, ``1.4 MiB``."""
    if octets < 1024:
        return f"{octets} B"
    power = min((octets.bit_length() - 1) // 10, 5)
    if power < 5 and round(octets / 1024**power, 1) == 1024:
        power += 1  # 1 MiB less an octet is not 1024.0 KiB
    return f"{octets / 1024**power:.1f} {'KMGTP'[power - 1]}iB"
