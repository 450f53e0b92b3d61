"""How our values are spelled in SQL columns, the same on SQLite and PostgreSQL.

Moments are whole microseconds since 1970 (UTC): exact, short, and the same arithmetic on both.
UUIDs and SHA-256 digests are their octets. Documents are JSON in ASCII, which can hold any
text. Words are compared byte by byte on both databases, whatever the server's locale.
"""

# ruff: noqa: ARG002 - the signatures of type decorators are SQLAlchemy's

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import types

from preservation.errors import MalformedError
from preservation.model.digest import Algorithm, Digest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
STATES = ("damaged", "verified", "written")  # of a replica, by their codes
_SHA256 = "sha256:"
_TAGGED = re.compile(_SHA256 + "[0-9a-f]{64}")
_SPELLED, _DASHES, _OCTETS = 36, 4, 16  # of a UUID

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OCTETS = sa.LargeBinary()
NUMBER = sa.BigInteger()
ORDINAL = sa.Integer()  # of a version
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def microseconds(moment: datetime) -> int:
    """A moment as it is stored."""
    return (moment - _EPOCH) // _MICROSECOND


def at(micro: int) -> datetime:
    """The moment that is stored as this number."""
    return _EPOCH + timedelta(0, 0, micro)


@lru_cache(maxsize=4_096)  # several statements about an event ask for the same ones
def id_octets(text: str) -> bytes:
    """A UUID's 16 octets.

    Raises:
        MalformedError: a text that is no UUID.
    """
    try:
        # A UUID object would cost six times as much.
        if len(text) == _SPELLED and text.count("-") == _DASHES:
            octets = bytes.fromhex(text.replace("-", ""))
            if len(octets) == _OCTETS:
                return octets
        return UUID(text).bytes
    except ValueError as error:
        raise MalformedError(f"not a UUID: {text!r}") from error


class Words(types.TypeDecorator[str]):
    """Text. NUL, which PostgreSQL cannot hold, becomes its picture U+2400."""

    impl = WORDS
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return value.replace("\0", "\u2400") if value is not None else None


class Code(types.TypeDecorator[str]):
    """One of a few words as its place among them: two octets where the word has up to eleven.

    Places are stored, so words are only ever added at the end.

    Raises:
        MalformedError: a word that is not among them was to be stored or looked for.
    """

    impl = sa.SmallInteger()
    cache_ok = True

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self.words = words
        self._places = {word: place for place, word in enumerate(words)}

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> int | None:
        if value is None:
            return None
        try:
            return self._places[value]
        except KeyError as error:
            raise MalformedError(f"not one of {', '.join(self.words)}: {value!r}") from error

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else self.words[value]


class Tagged(types.TypeDecorator[str]):
    """Text that is nearly always ``sha256:<hex>``, as 33 octets then: a 0, and the digest. Any
    other text is a 1, and its UTF-8.
    """

    impl = OCTETS
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        if value is None:
            return None
        if _TAGGED.fullmatch(value):
            return b"\0" + bytes.fromhex(value[len(_SHA256) :])
        return b"\1" + value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        if value is None:
            return None
        if value[:1] == b"\0":
            return _SHA256 + value[1:].hex()
        return value[1:].decode("utf-8", "surrogatepass")


class Path(types.TypeDecorator[str]):
    """A path of this machine as its octets: not every one is Unicode text."""

    impl = OCTETS
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else os.fsdecode(value)


class Moment(types.TypeDecorator[datetime]):
    """A moment as microseconds since 1970, UTC."""

    impl = NUMBER
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else at(value)


class Id(types.TypeDecorator[str]):
    """A UUID as its 16 octets; they sort as its text does.

    Raises:
        MalformedError: a text that is no UUID was to be stored or looked for.
    """

    impl = OCTETS
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else id_octets(value)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        if value is None:
            return None
        text = value.hex()  # a UUID object would cost three times as much
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Sha256(types.TypeDecorator[Digest]):
    """A SHA-256 digest as its 32 octets."""

    impl = OCTETS
    cache_ok = True

    def process_bind_param(self, value: Digest | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else value.value

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> Digest | None:
        return None if value is None else Digest(Algorithm.SHA256, value)


class Document(types.TypeDecorator[Any]):
    """JSON in ASCII: escapes carry what a text column cannot."""

    impl = sa.Text()
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)
