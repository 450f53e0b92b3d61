"""Runs Artefactual's ``fixity`` (AGPL-3.0) as a program of its own, in an environment of its own.

It keeps a database inside its own package; so each run gets a folder in which the package's
files are linked and the database is private, and the environment may be read-only.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from preservation.errors import TierUnavailableError
from preservation.files.temporary import temporary_folder
from preservation.model.deferred import dataclass
from preservation.storage.archivematica.gateway import Gateway

SETTING = "PRESERVATION_FIXITY"
_MOST = 1 << 20  # octets of what it says
_NOBODY = "none-of-its-business"  # the gateway adds the real account and key
_AFTER = 30.0  # seconds that it may take beyond its check


@dataclass(frozen=True, slots=True)
class Fixity:
    """The program, as it is installed.

    Attributes:
        environment: the virtual environment's folder.
        package: the folder of its modules.
        version: ``fixity 0.8.0``.
    """

    environment: Path
    package: Path
    version: str

    @classmethod
    def found_at(cls, environment: str) -> Fixity:
        """Look at an environment.

        Raises:
            TierUnavailableError: it is not there (``TIER-NO-FIXITY``).
        """
        folder = Path(environment)
        for package in sorted(folder.glob("lib/python3*/site-packages/fixity/fixity.py")):
            infos = sorted(package.parents[1].glob("fixity-*.dist-info"))
            if infos and (folder / "bin" / "fixity").exists():
                version = infos[0].name.removeprefix("fixity-").removesuffix(".dist-info")
                return cls(folder.absolute(), package.parent.absolute(), f"fixity {version}")
        where = f"not in {str(folder)!r}" if environment else "not named"
        raise TierUnavailableError(
            f"the program `fixity` is {where}",
            hint=f"`make fixity` installs it; {SETTING} or samarkand.toml names its environment",
            code="TIER-NO-FIXITY",
        )

    def scan(self, package: str, gateway: Gateway, within: float) -> tuple[str, int | None]:
        """Let it check one package; what it said, and its exit status.

        Returns:
            Its standard error, and None for the status if it had to be stopped.
        """
        with temporary_folder("fixity-") as name:
            room = Path(name)
            self._link(room)
            with (room / "told").open("w+b") as told:
                status = self._run(package, gateway, room, told.fileno(), within + _AFTER)
                told.seek(0)
                return told.read(_MOST).decode("utf-8", "replace"), status

    def _link(self, room: Path) -> None:
        """Its modules under a folder of ours: beside them it puts its database."""
        (room / "fixity").mkdir()
        for module in self.package.glob("*.py"):
            (room / "fixity" / module.name).symlink_to(module)

    def _run(
        self, package: str, gateway: Gateway, room: Path, told: int, within: float
    ) -> int | None:
        process = subprocess.Popen(
            [str(self.environment / "bin" / "fixity"), "scan", package],
            cwd=room,
            env={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "HOME": str(room),
                "PYTHONPATH": str(room),
                "NO_PROXY": "*",
                "STORAGE_SERVICE_URL": gateway.url,
                "STORAGE_SERVICE_USER": _NOBODY,
                "STORAGE_SERVICE_KEY": _NOBODY,
                "REPORT_URL": gateway.url,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )
        try:
            return process.wait(within)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
