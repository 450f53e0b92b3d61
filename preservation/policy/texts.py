"""The texts of the policy language: ids, paths, durations, sizes, schedules, formats."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

from preservation.model.units import format_duration, format_size, parse_duration, parse_size
from preservation.policy import cron, price
from preservation.policy.kinds import Text

# No controls, no line or direction marks that could make a line read as another.
_LINE = (
    r"[^\u0000-\u0020\u007f-\u00a0\u2028-\u202e\u2066-\u2069\ufeff]"
    r"(?:[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]{0,198}"
    r"[^\u0000-\u0020\u007f-\u00a0\u2028-\u202e\u2066-\u2069\ufeff])?"
)
LABEL = Text(
    "an element of bag-info.txt: letters, digits and single hyphens",
    r"[A-Za-z0-9]{1,40}(?:-[A-Za-z0-9]{1,40}){0,9}",
)
LINE = Text("one line of text, at most 200 characters", _LINE)
# The same form as model.replica.check_id.
_ID = r"(?!.*--)[a-z][a-z0-9-]{0,61}[a-z0-9]"
_ID_WORDS = "2 to 63 of a-z, 0-9 and single hyphens, beginning with a letter"
COMMUNITY_ID = Text(_ID_WORDS, _ID)
TIER_ID = Text(f"a tier of tiers.yaml: {_ID_WORDS}", _ID)
_PART = r"(?!\.{1,2}(?:/|$))[^/\u0000-\u001f\u007f\\]+"
PATH = Text(
    "a path, absolute or below the home, without . or .. or ~",
    rf"(?!~)/?{_PART}(?:/{_PART})*",
)
_TIME = r"(?:[0-9]{1,6} ?[smh]|[0-9]{1,5} ?d|[0-9]{1,4} ?w|[0-9]{1,2} ?y)"


def _seconds(text: str) -> int:
    return int(parse_duration(text).total_seconds())


def _spell_seconds(value: int) -> str:
    return format_duration(timedelta(seconds=value))


def _spell_octets(value: int) -> str:
    return f"{format_size(value)} ({value} B)"


DURATION = Text(
    "a duration with its unit: 30s, 15m, 12h, 90d, 2w, 10y", _TIME, _seconds, spell=_spell_seconds
)
SOME_TIME = Text(
    "a duration above 0 with its unit: 30s, 15m, 12h, 90d, 2w, 10y",
    rf"(?=.*[1-9]){_TIME}",
    _seconds,
    spell=_spell_seconds,
)
_PARTS = r"(?:\.[0-9]{1,3})?"
SIZE = Text(
    "a size above 0 with its unit: 500 MB, 20 GiB, 2 TiB, up to 7 PiB",
    rf"(?=.*[1-9])(?:[0-9]{{1,9}} ?B|[0-9]{{1,9}}{_PARTS} ?(?:kB|KiB|MB|MiB)"
    rf"|[0-9]{{1,6}}{_PARTS} ?Gi?B|(?:[0-9]{{1,3}}|[1-7][0-9]{{3}}){_PARTS} ?Ti?B"
    rf"|[0-7]{_PARTS} ?Pi?B)",
    parse_size,
    spell=_spell_octets,
)
BANDWIDTH = Text(
    "unlimited, or a size a second: 50 MiB/s",
    rf"unlimited|(?:{SIZE.pattern})/s",
    lambda text: 0 if text == "unlimited" else parse_size(text.removesuffix("/s")),
    spell=lambda value: f"{format_size(value)}/s" if value else "unlimited",
)
CRON = Text(cron.WORDS, cron.PATTERN, wrong=cron.wrong_schedule)
ZONE = Text(cron.ZONE_WORDS, cron.ZONE_PATTERN, wrong=cron.wrong_zone)
LANGUAGE_TAG = Text(
    "a language tag like en, zh or uz-Latn", r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}"
)
FORMAT = Text(
    "a PUID like fmt/18, an identifier of ours like samarkand/bam, a group like group:tabular, "
    "or a MIME type like text/csv",
    r"(?:x-)?fmt/[0-9]{1,5}"
    r"|samarkand/[a-z0-9][a-z0-9.+-]{0,99}"
    r"|group:[a-z][a-z0-9-]{0,62}"
    r"|(?:application|audio|chemical|font|image|message|model|multipart|text|video)"
    r"/[a-z0-9][a-z0-9.+-]{0,99}",
)
MARKER = Text(
    "a file name without /, at most 100 characters",
    r"(?!\.{1,2}$)[^/\u0000-\u001f\u007f\\]{1,100}",
)
STORED_PRICE = Text(price.STORED_WORDS, price.STORED_PATTERN)
READ_PRICE = Text(price.READ_WORDS, price.READ_PATTERN)
HOST = Text(
    "a host in lower case, with its port where that is not the scheme's own: data.example.org:8443",
    r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[1-9][0-9]{0,4})?",
)
ACCOUNT = Text("an account name: letters, digits and . _ @ -", r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

_ENDLESS = 0  # what is kept of a duration that never ends, and of an embargo that never began


def _unless(word: str, text: str) -> int:
    return _ENDLESS if text == word else _seconds(text)


def _spelled_unless(word: str, value: int) -> str:
    return word if value == _ENDLESS else _spell_seconds(value)


def _time_unless(word: str, words: str) -> Text:
    return Text(
        f"{word}, or {words}",
        rf"(?:{word}|(?=.*[1-9]){_TIME})",
        partial(_unless, word),
        spell=partial(_spelled_unless, word),
    )


def _wrong_day(text: str) -> str:
    try:
        date.fromisoformat(text if text != "none" else "2000-01-01")
    except ValueError:
        return "there is no such day"
    return ""


KEEP = _time_unless("forever", "a duration above 0 with its unit: 10y, 3650d")
REVIEW = _time_unless("never", "a duration above 0 with its unit: 5y, 90d")
EMBARGO = _time_unless("none", "a duration above 0 with its unit: 2y, 90d")
DATE = Text(
    'none, or a day in quotes: "2030-01-01"',
    r"none|[0-9]{4}-[0-9]{2}-[0-9]{2}",
    lambda text: "" if text == "none" else text,
    wrong=_wrong_day,
    spell=lambda value: value or "none",
)
