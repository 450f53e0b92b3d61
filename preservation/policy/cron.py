"""Schedules: the five fields of cron, and time zones.

A subset that every cron reads alike: ``*``, numbers, names in lower case, ascending ranges,
steps after ``*`` or a range, lists. What never comes (30 February) is refused.

Source: crontab(5); IANA time zone names.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from preservation.policy.problem import nearest

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_NUMBERS |= {name: number for number, name in enumerate(_DAYS)}
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _field(number: str, step: str) -> str:
    item = rf"(?:\*(?:/{step})?|{number}(?:-{number}(?:/{step})?)?)"
    return f"{item}(?:,{item})*"


PATTERN = "(?=.{9,200}$)" + " ".join(
    (
        _field("[1-5]?[0-9]", "(?:[1-9]|[1-5][0-9])"),
        _field("(?:1?[0-9]|2[0-3])", "(?:[1-9]|1[0-9]|2[0-3])"),
        _field("(?:[1-9]|[12][0-9]|3[01])", "(?:[1-9]|[12][0-9]|3[01])"),
        _field(f"(?:[1-9]|1[0-2]|{'|'.join(_MONTHS)})", "(?:[1-9]|1[0-2])"),
        _field(f"(?:[0-7]|{'|'.join(_DAYS)})", "[1-7]"),
    )
)
WORDS = (
    "five cron fields: minute, hour, day, month, weekday, like 0 2 * * *, in 200 characters at most"
)
ZONE_PATTERN = r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}"
ZONE_WORDS = "a time zone of the IANA database, like Asia/Tashkent"


def wrong_schedule(text: str) -> str:
    """What is wrong with a schedule of the right form: a range that runs backwards, or a day
    that never comes. Empty if nothing is.
    """
    fields = text.split(" ")
    for field in fields:
        for first, last in _ranges(field):
            if first > last:
                return f"the range {first}-{last} runs backwards"
    _, _, day, month, weekday = fields
    if weekday == "*" and not day.startswith("*"):
        days = min(first for first, _ in _ranges(day))
        if not any(_LONGEST[number - 1] >= days for number in _months(month)):
            return f"no such day: day {day} of month {month}"
    return ""


def numbers(field: str, least: int, most: int) -> set[int]:
    """The numbers that a field of the right form names, among those from least to most."""
    named: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start = least if first == "*" else _number(first)
        end = most if first == "*" else _number(last or first)
        named.update(range(start, end + 1, int(step or 1)))
    return named


def _ranges(field: str) -> list[tuple[int, int]]:
    """The numbers that a field names; ``*`` names none."""
    items = [item.partition("/")[0] for item in field.split(",")]
    ends = [item.partition("-") for item in items if item != "*"]
    return [(_number(first), _number(last or first)) for first, _, last in ends]


def _number(text: str) -> int:
    return _NUMBERS[text] if text in _NUMBERS else int(text)


def _months(field: str) -> set[int]:
    if "*" in field:
        return set(range(1, 13))
    return {number for first, last in _ranges(field) for number in range(first, last + 1)}


def wrong_zone(text: str) -> str:
    """What is wrong with a time zone's name; empty if nothing is.

    Python's own table decides: the services and Airflow reckon with the same one.
    """
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        return nearest(text, available_timezones()) or "no such time zone"
    return ""
