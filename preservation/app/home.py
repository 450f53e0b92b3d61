"""A home: a folder with ``samarkand.toml``, and where things are in it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from preservation.errors import HomeNotFoundError, UsageError
from preservation.model.deferred import dataclass

SETTINGS = "samarkand.toml"
LOCK = "catalogue.lock"  # held by whoever makes the home, or its catalogue anew
CLAMD = "PRESERVATION_CLAMD"  # the variable that is stronger than its line in the settings
FIXITY = "PRESERVATION_FIXITY"  # likewise


class SystemClock:
    """The real time. Nobody else reads it."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of a home."""

    path: Path
    catalogue_url: str
    clamd: str = ""  # the address of the virus scanner; empty if there is none
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def policies(self) -> Path:
        """The store of effective policies."""
        return self.path / "policies"

    @property
    def journal(self) -> Path:
        """Events, in order."""
        return self.path / "journal"

    @property
    def receipts(self) -> Path:
        """What depositors are told, a folder per community."""
        return self.path / "receipts"

    @property
    def reports(self) -> Path:
        """Audit reports."""
        return self.path / "reports"

    @property
    def known_formats(self) -> Path:
        """Answers about formats that were given before; derived, and may be deleted."""
        return self.path / "cache" / "formats.sqlite"

    @property
    def events(self) -> Path:
        """Copies of the journal's events in Parquet; derived, and may be deleted."""
        return self.path / "events"

    @property
    def told(self) -> Path:
        """What people were told, as a checkpoint of the journal; derived, and may be deleted."""
        return self.path / "cache" / "notices.json"

    @property
    def fixity(self) -> str:
        """The environment that Artefactual's ``fixity`` is installed in; empty if there is none."""
        return os.environ.get(FIXITY, str(self.settings.get("fixity", "")))

    @property
    def scratch(self) -> Path:
        """Work in progress; may be emptied whenever nothing runs."""
        return self.path / "scratch"


def find_home(path: Path) -> Home:
    """The home at a path.

    Raises:
        HomeNotFoundError: there is none; the message names the path that was tried.
        UsageError: its settings cannot be read.
    """
    settings = path / SETTINGS
    try:
        text = settings.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise HomeNotFoundError(
            f"there is no Samarkand home at {path.absolute()}",
            hint="`preserve init` makes one; --home or PRESERVATION_HOME names another",
        ) from error
    except OSError as error:
        raise UsageError(
            f"{settings} cannot be read: {error.strerror}", code="HOME-UNREADABLE"
        ) from error
    try:
        said = tomllib.loads(text)
        url, clamd = str(said["catalogue"]), str(said.get("clamd", ""))
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise UsageError(
            f"{settings} is not a home's settings: {error}",
            hint='it needs a line like catalogue = "sqlite:///catalogue.sqlite"',
            code="HOME-SETTINGS",
        ) from error
    address = os.environ.get(CLAMD, clamd)
    return Home(path.absolute(), absolute_url(url, path.absolute()), address, said)


def absolute_url(url: str, home: Path) -> str:
    """A catalogue's URL with the SQLite file that it names made absolute, from the home on."""
    scheme, slashes, rest = url.partition(":///")
    if scheme != "sqlite" or not slashes or rest.startswith("/"):
        return url
    return f"sqlite:///{home / rest}"
