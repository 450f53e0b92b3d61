"""A home: a folder with ``samarkand.toml``, and what puts policies in force there.

Only :func:`create_home` makes one; a home that is not there is never an empty archive.
"""

from __future__ import annotations

import os
import tomllib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from preservation.catalogue.place import Place
from preservation.catalogue.sql import create_catalogue, open_catalogue
from preservation.errors import HomeNotFoundError, UsageError
from preservation.files import durable
from preservation.ledger.journal import FileJournal
from preservation.ledger.policies import PolicyFiles
from preservation.model.clock import Clock
from preservation.model.digest import Digest
from preservation.model.event import EventMaker, EventType
from preservation.policy.check import Checked, check
from preservation.policy.policy import Policy, TierSpec
from preservation.storage.local import create_tier
from preservation.storage.open import open_tier, tier_root
from preservation.storage.tier import Tier

SETTINGS = "samarkand.toml"

_TOML = """\
# A Samarkand home. Written by `preserve init`.
format = "samarkand.home/1"

# The catalogue: a file below this folder, or a PostgreSQL database:
# catalogue = "postgresql://user@host/database"
catalogue = "sqlite:///catalogue.sqlite"
"""
CATALOGUE = "sqlite:///catalogue.sqlite"


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
    def scratch(self) -> Path:
        """Work in progress; may be emptied whenever nothing runs."""
        return self.path / "scratch"


def tiers_of(home: Home, store: PolicyFiles) -> dict[str, Tier]:
    """Every tier that a policy in force names."""
    specs: dict[str, TierSpec] = {}
    for line in store.in_force().values():
        specs.update(store.policy(line.digest).tiers)
    return {name: open_tier(spec, home.path) for name, spec in sorted(specs.items())}


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
        url = str(tomllib.loads(text)["catalogue"])
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise UsageError(
            f"{settings} is not a home's settings: {error}",
            hint='it needs a line like catalogue = "sqlite:///catalogue.sqlite"',
            code="HOME-SETTINGS",
        ) from error
    return Home(path.absolute(), _absolute(url, path.absolute()))


def _absolute(url: str, home: Path) -> str:
    scheme, slashes, rest = url.partition(":///")
    if scheme != "sqlite" or not slashes or rest.startswith("/"):
        return url
    return f"sqlite:///{home / rest}"


def read_policies(folder: Path) -> Checked:
    """Read and check the policy files of a folder.

    Raises:
        UsageError: there is no such folder (``POL-NO-FILES``).
    """
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith((".yaml", ".yml")))
        return check({f"{folder}/{name}": (folder / name).read_bytes() for name in names})
    except OSError as error:
        raise UsageError(
            f"the policies in {folder} cannot be read: {error.strerror}",
            hint="--policies or PRESERVATION_POLICIES names the folder",
            code="POL-NO-FILES",
        ) from error


def create_home(path: Path, policy_files: Path, by: str, clock: Clock | None = None) -> Home:
    """Make a home, or complete one whose making was interrupted; what is there stays.

    The settings are written last: with them, it is a home. Puts the policies in force if none
    is yet.

    Raises:
        PolicyError: the policy files are wrong; nothing was made.
        NotNowError: the disk is in the way.
    """
    checked = read_policies(policy_files).require()
    with durable.plain_errors(path):
        for folder in ("inbox", "journal", "policies", "receipts", "reports", "scratch"):
            (path / folder).mkdir(parents=True, exist_ok=True)
        (path / "keys").mkdir(mode=0o700, exist_ok=True)
    if not (path / SETTINGS).exists():
        create_catalogue(_absolute(CATALOGUE, path.absolute())).close()
        FileJournal.create(path / "journal")
        durable.write_new(path / SETTINGS, _TOML.encode(), mode=0o644)
    home = find_home(path)
    _bring_up_to_date(home)
    if not PolicyFiles(home.policies).in_force():
        apply_policies(home, checked, by, "the first policies of this home", clock or SystemClock())
    return home


def _bring_up_to_date(home: Home) -> None:
    """Migrate the catalogue's schema. One that is gone is not made anew: that would be an empty
    archive over full tiers.
    """
    file = Place.parse(home.catalogue_url).file
    if file is None or file.exists():
        create_catalogue(home.catalogue_url).close()
    else:
        open_catalogue(home.catalogue_url)  # says what is missing, and what to do


def apply_policies(home: Home, checked: Checked, by: str, reason: str, clock: Clock) -> list[str]:
    """Put checked policies in force, with an event each; makes tiers and inboxes that are new.

    Returns:
        The communities whose policy changed.

    Raises:
        BusyError: somebody else applied meanwhile (``POL-STALE``).
    """
    store = PolicyFiles(home.policies)
    expected: dict[str, Digest] = {name: line.digest for name, line in store.in_force().items()}
    for document in checked.effective.values():
        policy = Policy.from_effective(document)
        for spec in policy.tiers.values():
            create_tier(tier_root(spec, home.path), spec.id)
        with durable.plain_errors(home.path):
            (home.path / policy.intake.inbox).mkdir(parents=True, exist_ok=True)
    lines = store.apply(checked.effective, by, reason, clock.now(), expected)
    events = EventMaker(clock, by, lambda: str(uuid.uuid4()))
    catalogue = open_catalogue(home.catalogue_url)
    try:
        catalogue.record(
            [
                events.of(
                    line.community,
                    EventType.POLICY_ASSIGNMENT,
                    "success",
                    {
                        "previous": "" if line.previous is None else str(line.previous),
                        "by": line.by,
                        "reason": line.reason,
                    },
                    policy=str(line.digest),
                )
                for line in lines
            ]
        )
    finally:
        catalogue.close()
    return [line.community for line in lines]
