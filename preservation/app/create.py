"""Making a home. Only this makes one: a home that is not there is never an empty archive."""

from __future__ import annotations

from pathlib import Path

from preservation.app.home import LOCK, SETTINGS, Home, SystemClock, absolute_url, find_home
from preservation.app.policies import apply_policies, read_policies
from preservation.catalogue.failures import missing
from preservation.catalogue.place import Place
from preservation.catalogue.schema import is_there
from preservation.catalogue.sql import create_catalogue
from preservation.errors import BusyError, UsageError
from preservation.files import durable, lock
from preservation.ledger.journal import FileJournal
from preservation.ledger.policies import PolicyFiles
from preservation.model.clock import Clock
from preservation.policy.check import Checked

_TOML = """\
# A Samarkand home. Written by `preserve init`.
format = "samarkand.home/1"

# The catalogue: a file below this folder, or a PostgreSQL database:
# catalogue = "postgresql://user@host/database"
catalogue = "sqlite:///catalogue.sqlite"

# The virus scanner, for communities whose policy asks for scans: ClamAV's daemon.
# clamd = "unix:/run/clamav/clamd.ctl"
# clamd = "tcp:scanner.example.org:3310"

# How mail leaves, for policies that name people to be told. The password: a file that only this
# account can read, or PRESERVATION_MAIL_PASSWORD.
# [mail]
# server = "smtp.example.org:587"
# sender = "samarkand@example.org"
# account = "samarkand"
# password_file = "keys/mail"
"""
CATALOGUE = "sqlite:///catalogue.sqlite"


def create_home(path: Path, policy_files: Path, by: str, clock: Clock | None = None) -> Home:
    """Make a home, or complete one whose making was interrupted; what is there stays.

    The settings are written last: with them, it is a home. Puts the policies in force if none
    is yet.

    Raises:
        PolicyError: the policy files are wrong; nothing was made.
        NotNowError: the disk is in the way, the catalogue of this home is gone (``CAT-MISSING``),
            or another process makes this home (``HOME-MAKING``).
    """
    checked = read_policies(policy_files).require()
    busy = BusyError(
        f"another process makes the home {path}, or its catalogue",
        hint="try again when it has ended",
        code="HOME-MAKING",
    )
    try:
        with durable.plain_errors(path):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"no home can be made at {path}: {error.strerror}",
            hint="name a folder, there or not, with --home",
            code="HOME-PLACE",
        ) from error
    with lock.alone(path / LOCK, busy):
        return _made(path, checked, by, clock or SystemClock())


def _made(path: Path, checked: Checked, by: str, clock: Clock) -> Home:
    with durable.plain_errors(path):
        for folder in ("inbox", "journal", "policies", "receipts", "reports", "scratch"):
            (path / folder).mkdir(parents=True, exist_ok=True)
        (path / "keys").mkdir(mode=0o700, exist_ok=True)
    if not (path / SETTINGS).exists():
        create_catalogue(absolute_url(CATALOGUE, path.absolute())).close()
        FileJournal.create(path / "journal")
        durable.write_new(path / SETTINGS, _TOML.encode(), mode=0o644)
    home = find_home(path)
    _bring_up_to_date(home)
    if not PolicyFiles(home.policies).in_force():
        apply_policies(home, checked, by, "the first policies of this home", clock)
    return home


def _bring_up_to_date(home: Home) -> None:
    """Migrate the catalogue's schema. Where there were policies in force, one that is gone is not
    made anew: that would be an empty archive over full tiers.
    """
    place = Place.parse(home.catalogue_url)
    if PolicyFiles(home.policies).in_force() and not is_there(place):
        raise missing(place)
    create_catalogue(home.catalogue_url).close()
