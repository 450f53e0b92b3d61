"""One database, in short transactions, from any thread, and from processes that fork.

SQLite: a connection lives for one transaction, or for a block that asks for it, so that none is
carried over a fork (SQLite forbids that); WAL, ``synchronous=FULL``, and ``BEGIN IMMEDIATE`` for
writers, so that two of them wait for each other instead of failing in the middle. PostgreSQL: a
small pool that belongs to the process that made it; a forked child makes its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from preservation.catalogue.failures import missing, plain_failures
from preservation.catalogue.place import Place

LOCK_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 10


class Database:
    """Transactions at one place. Opens nothing until it is asked to.

    Args:
        create: whether a SQLite file may be made (only ``schema.migrate`` wants that).
    """

    def __init__(self, place: Place, *, create: bool = False) -> None:
        self.place = place
        self._create = create
        self._made: tuple[int, sa.Engine] | None = None  # the process that made it, and it
        self._kept = threading.local()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state and changes nothing.

        Raises:
            CatalogueUnavailableError: see ``failures``.
        """
        with plain_failures(self.place), self._connected() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end of the block, or undone by an exception.

        Raises:
            CatalogueUnavailableError: see ``failures``.
            NoSpaceError: the disk is full; nothing was written.
        """
        with plain_failures(self.place), self._connected() as connection:
            connection.info["writes"] = True
            try:
                with connection.begin():
                    yield connection
            finally:
                connection.info.pop("writes", None)

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Let this thread's transactions until the end of the block share one connection.

        Opening a SQLite file costs more than most questions. Nobody may fork within the block
        and go on in Python; starting a program is fine. On PostgreSQL the pool keeps connections
        anyway, and asks before each transaction whether the server was restarted meanwhile.
        """
        pooled = self.place.url is not None
        if pooled or getattr(self._kept, "connection", None) is not None:
            yield
            return
        with plain_failures(self.place):
            connection = self._engine().connect()
        self._kept.connection = connection
        try:
            yield
        finally:
            self._kept.connection = None
            with plain_failures(self.place):
                connection.close()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """The connection that is kept open, if it is not at work and not broken; else one anew."""
        kept: sa.Connection | None = getattr(self._kept, "connection", None)
        if kept is not None and not (kept.in_transaction() or kept.invalidated):
            yield kept
            return
        with self._engine().connect() as connection:
            yield connection

    def close(self) -> None:
        """Let go of connections. The next transaction opens new ones."""
        made, self._made = self._made, None
        if made is not None and made[0] == os.getpid():
            made[1].dispose()

    def _engine(self) -> sa.Engine:
        """The engine of this process. Of two that threads make at first, one is let go."""
        made = self._made
        if made is None or made[0] != os.getpid():
            if made is not None:
                made[1].dispose(close=False)  # the parent's connections are not ours to close
            made = self._made = (os.getpid(), self._make())
        return made[1]

    def _make(self) -> sa.Engine:
        if self.place.url is None:
            engine = sa.create_engine("sqlite://", creator=self._sqlite, poolclass=NullPool)
            sa.event.listen(engine, "begin", _begin_sqlite)
            return engine
        settings = f"-csearch_path={self.place.schema} -clock_timeout={LOCK_TIMEOUT_S}s"
        return sa.create_engine(
            self.place.url,
            connect_args={
                "options": settings,
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "application_name": "samarkand",
            },
            pool_size=2,
            max_overflow=14,
            pool_timeout=LOCK_TIMEOUT_S,
            pool_pre_ping=True,
        )

    def _sqlite(self) -> sqlite3.Connection:
        file = self.place.file
        if file is None or not (self._create or file.exists()):
            raise missing(self.place)
        mode = "rwc" if self._create else "rw"
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(file))}?mode={mode}",
            uri=True,
            timeout=LOCK_TIMEOUT_S,
            isolation_level=None,  # we say BEGIN ourselves
            check_same_thread=False,
        )
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            connection.close()
            raise
        return connection


def _begin_sqlite(connection: sa.Connection) -> None:
    how = "BEGIN IMMEDIATE" if connection.info.get("writes") else "BEGIN"
    connection.exec_driver_sql(how)
