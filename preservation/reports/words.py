"""How numbers, times and durations are spelled for people, in English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from preservation.model.units import counted

_UNITS = ((365 * 86400, "year"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def count(number: int, one: str, many: str = "") -> str:
    """``1 replica``, ``12,000 replicas``, ``no replicas``."""
    return counted(number, one, many) if number else f"no {many or f'{one}s'}"


def span(duration: timedelta) -> str:
    """A duration by its largest whole unit: ``90 days``, ``2 hours``, ``under a second``."""
    seconds = int(abs(duration).total_seconds())
    for size, name in _UNITS:
        if seconds >= 2 * size or seconds == size:
            return count(seconds // size, name)
    return "1 second" if seconds else "under a second"


def day(moment: datetime) -> str:
    """``22 November 2026``, by UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y}"


def brief(moment: datetime) -> str:
    """``2026-11-22 07:00``, by UTC: for tables, which say it once."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def minute(moment: datetime) -> str:
    """``2026-11-22 07:00 UTC``."""
    return f"{brief(moment)} UTC"


def short(name: str, most: int = 48) -> str:
    """A name that fits into a sentence."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def listed(names: Sequence[str], most: int = 3) -> str:
    """``a, b and 5 more``; long names are cut, they stand whole in the tables."""
    head, rest = [short(name) for name in names[:most]], len(names) - most
    if rest > 0:
        return f"{', '.join(head)} and {rest:,} more"
    return head[0] if len(head) == 1 else " and ".join([", ".join(head[:-1]), head[-1]])
