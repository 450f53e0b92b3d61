"""The catalogue in SQL: SQLite by default, PostgreSQL for more than one machine."""

from __future__ import annotations

from contextlib import AbstractContextManager

from preservation.catalogue import schema
from preservation.catalogue.adopting import Adopting
from preservation.catalogue.arrivals import Arrivals
from preservation.catalogue.check_parts import CheckParts
from preservation.catalogue.custody_reading import Custody
from preservation.catalogue.database import Database
from preservation.catalogue.drawings import Drawings
from preservation.catalogue.events import Events
from preservation.catalogue.figures import Figures
from preservation.catalogue.leases import Leases
from preservation.catalogue.place import Place
from preservation.catalogue.prospects import Prospects
from preservation.catalogue.reading import Reading
from preservation.catalogue.statements import Statements
from preservation.catalogue.turns import Turns


class SqlCatalogue(Events, Arrivals, Leases, Reading, Adopting):
    """Implements ``protocol.Catalogue``. Safe to share between threads, and over a fork.

    Make one with :func:`open_catalogue` or :func:`create_catalogue`.
    """

    @property
    def figures(self) -> Figures:
        """Counts over the holdings."""
        return Figures(self.database)

    @property
    def turns(self) -> Turns:
        """Whose turn it is to be checked."""
        return Turns(self.database)

    @property
    def check_parts(self) -> CheckParts:
        """Parts of large replicas that were read by checks that go on."""
        return CheckParts(self.database)

    @property
    def drawings(self) -> Drawings:
        """What was drawn by lot."""
        return Drawings(self.database)

    @property
    def prospects(self) -> Prospects:
        """Counts for a look ahead."""
        return Prospects(self.database)

    @property
    def custody(self) -> Custody:
        """How keeping ends, and who may see what is kept."""
        return Custody(self.database)

    @property
    def statements(self) -> Statements:
        """What other holders stated last about their packages."""
        return Statements(self.database)

    def kept_open(self) -> AbstractContextManager[None]:
        """One connection for all that this thread does in the block: see ``Database``."""
        return self.database.kept_open()

    def close(self) -> None:
        """Let go of connections. It may be used again after that."""
        self.database.close()


def open_catalogue(url: str) -> SqlCatalogue:
    """Open the catalogue at a URL. Never makes one.

    Raises:
        CatalogueUnavailableError: ``CAT-MISSING``, ``CAT-CORRUPT``, ``CAT-SCHEMA``,
            ``CAT-READ-ONLY``, ``CAT-LOCKED``, ``CAT-UNREACHABLE``.
        UsageError: not a catalogue's URL.
    """
    return open_place(Place.parse(url))


def open_place(place: Place) -> SqlCatalogue:
    """As :func:`open_catalogue`, for a place that was parsed."""
    database = Database(place)
    schema.check(database)
    return SqlCatalogue(database)


def create_catalogue(url: str) -> SqlCatalogue:
    """Make the catalogue at a URL, or bring its schema up to date, and open it.

    Raises:
        CatalogueUnavailableError, NoSpaceError, UsageError: as :func:`open_catalogue`.
    """
    schema.migrate(url)
    return open_catalogue(url)
