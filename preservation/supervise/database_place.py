"""Where Airflow's database lies: in the home if its account gets there, else where it does.

The choice is made once and written down, for it must be the same at every start. The socket
lies in a short, private folder of its own: the kernel takes 107 octets for its whole path.

Source: unix(7), ``sun_path``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path

from preservation.errors import NotNowError
from preservation.files import durable
from preservation.model.deferred import dataclass
from preservation.supervise.account import Account, for_database
from preservation.supervise.places import Places

_LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432.lock")
_OUTSIDE = (Path("/var/lib/samarkand"), Path("/var/tmp/samarkand"))  # noqa: S108 - ours, 0711


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """Where one home's database is.

    Attributes:
        base: a folder that the account can go through; ``postgres`` in it holds the data.
        sockets: private to the account.
    """

    base: Path
    sockets: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.base / "postgres"


def find(places: Places) -> DatabasePlace:
    """The place that was written down, or a new one, which then is.

    Raises:
        UsageError: no account for it (``preservation.supervise.account``).
        NotNowError: nowhere to put it (``SUP-NO-PLACE``), or the medium is full or read-only.
    """
    record = places.run / "place.json"
    known = _read(record)
    base = known.get("base") or places.airflow
    account = for_database(base / "postgres")
    if "base" not in known and not account.reaches(base):
        base = _outside(places, account)
        account = for_database(base / "postgres")
    sockets = known.get("sockets")
    if sockets is None or not _is_private(sockets, account):
        sockets = _socket_folder(account)
    if known != {"base": base, "sockets": sockets}:
        text = json.dumps({"base": str(base), "sockets": str(sockets)})
        durable.replace(record, text.encode(), mode=0o600)
    return DatabasePlace(base, sockets, account)


def known(places: Places) -> Path | None:
    """The data folder that was written down, without deciding anything."""
    base = _read(places.run / "place.json").get("base")
    return base / "postgres" if base else None


def remove_sockets(places: Places) -> None:
    """Remove the socket's folder while no server runs; the next start makes another."""
    sockets = _read(places.run / "place.json").get("sockets")
    if sockets is None or sockets.is_symlink() or not sockets.is_dir():
        return
    for left in sockets.glob(".s.PGSQL.*"):
        left.unlink()
    with contextlib.suppress(OSError):  # somebody else's files in it: it stays
        sockets.rmdir()


def _read(record: Path) -> dict[str, Path]:
    try:
        found = json.loads(record.read_bytes())
        return {key: Path(found[key]) for key in ("base", "sockets")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _outside(places: Places, account: Account) -> Path:
    name = hashlib.sha256(os.fsencode(places.home.resolve())).hexdigest()[:16]
    for root in _OUTSIDE:
        try:
            root.mkdir(mode=0o711, exist_ok=True)
            base = root / name
            base.mkdir(mode=0o711, exist_ok=True)
        except OSError:
            continue
        # Somebody else may have made a folder of that name first, where everybody can write.
        if base.stat().st_uid == os.geteuid() == root.stat().st_uid and account.reaches(base):
            return base
    raise NotNowError(
        f"the account {account.name!r} cannot reach {str(places.airflow)!r}, and no other place"
        " for the database can be made",
        hint="put the home where every user can go through, or run the command as another user",
        code="SUP-NO-PLACE",
    )


def _is_private(folder: Path, account: Account) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid
    return mine and stat.S_IMODE(found.st_mode) == 0o700


def _socket_folder(account: Account) -> Path:
    for root in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108
        if len(os.fsencode(root)) + len("/samarkand-abcdefgh") > _LONGEST_SOCKET_FOLDER:
            continue
        if not account.reaches(Path(root)):
            continue
        try:
            folder = Path(tempfile.mkdtemp(prefix="samarkand-", dir=root))
        except OSError:
            continue
        account.give(folder)
        return folder
    raise NotNowError(
        "no short private folder can be made for the database's socket",
        hint="make /tmp writable, or set TMPDIR to a short path",
        code="SUP-NO-PLACE",
    )
