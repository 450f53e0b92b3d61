"""Where a catalogue is: what its URL says.

``sqlite:///`` and a path, taken as it stands (``?`` and ``%`` are no more than letters of a file
name); ``postgresql://…`` in any of the spellings that people write, with our tables in a schema
of their own (``?schema=``, default ``samarkand``), so that a database may hold other things and
a rebuild can stand beside what it replaces.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from preservation.errors import UsageError
from preservation.model.deferred import dataclass

DEFAULT_SCHEMA = "samarkand"
_SQLITE = "sqlite:///"
_SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Place:
    """A catalogue's place: a file, or a schema in a database.

    Attributes:
        file: the SQLite file; None on PostgreSQL.
        url: of the PostgreSQL database, ours to open; None on SQLite.
        schema: in which our tables are; empty on SQLite.
    """

    file: Path | None
    url: sa.URL | None
    schema: str

    @classmethod
    def parse(cls, url: str) -> Place:
        """Read a catalogue URL.

        Raises:
            UsageError: not a URL, or of a database that we don't know (``CAT-URL``).
        """
        if url.startswith(_SQLITE):
            path = url.removeprefix(_SQLITE)
            if not path or path.startswith(":"):
                raise _unusable("a catalogue in memory would be gone with the process")
            return cls(Path(path), None, "")
        try:
            parsed = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError) as error:
            raise _unusable("not a database URL") from error
        match parsed.get_backend_name():
            case "postgresql" | "postgres":
                schema = parsed.query.get("schema", DEFAULT_SCHEMA)
                if not (isinstance(schema, str) and _SCHEMA_NAME.fullmatch(schema)):
                    raise _unusable(f"not a schema name: {schema!r}")
                url_ours = parsed.set(drivername="postgresql+psycopg")
                return cls(None, url_ours.difference_update_query(["schema"]), schema)
            case other:
                raise _unusable(f"the catalogue cannot live in {other!r} like that")

    def aside(self) -> Place:
        """Where a rebuild is made, beside this place, on the same disk or in the same database."""
        if self.file is not None:
            return replace(self, file=self.file.with_name(self.file.name + ".rebuilding"))
        return replace(self, schema=self.schema[:52] + "_rebuilding")

    def __str__(self) -> str:
        """For people: never a password, which may stand among the options, too."""
        if self.url is None:
            return str(self.file)
        secret = [name for name in self.url.query if "password" in name.lower()]
        told = self.url.difference_update_query(secret).render_as_string(hide_password=True)
        return f"{told} schema {self.schema}"


def _unusable(message: str) -> UsageError:
    return UsageError(
        message,
        hint="write sqlite:////path/to/catalogue.sqlite or postgresql://user@host/database",
        code="CAT-URL",
    )
