"""A read-only tier: another institution's packages, listed and asked about, never written.

It keeps no replica of ours, and nothing that it says counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from preservation.errors import TierUnavailableError
from preservation.policy.policy import TierSpec
from preservation.storage.archivematica.gateway import between
from preservation.storage.archivematica.packages import packages
from preservation.storage.archivematica.program import Fixity
from preservation.storage.archivematica.service import StorageService
from preservation.storage.archivematica.statement import read_statement
from preservation.storage.proof import Proof
from preservation.storage.source import Package, Statement
from preservation.storage.tier import Observed

WITHIN = 6 * 3600.0  # seconds that the holder's check of one package may take


class ArchivematicaSource:
    """Implements ``storage.source.Source`` for one Storage Service, as a policy names it.

    Args:
        environment: carries its account and API key, and no other tier's.
        fixity: the folder of the environment that ``fixity`` is installed in.
    """

    def __init__(self, spec: TierSpec, environment: Mapping[str, str], fixity: str) -> None:
        self.id = spec.id
        self._service = StorageService(spec, environment)
        self._fixity = fixity

    def check(self) -> None:
        """Raise ``TierUnavailableError`` unless the service lists packages to us."""
        next(packages(self._service), None)

    def observe(self) -> Observed:
        """Where it is, as far as we can see from here."""
        self.check()
        return Observed(f"server {self._service.host}", "Archivematica Storage Service", True, None)

    def packages(self) -> Iterator[Package]:
        """Every package that it lists.

        Raises:
            TierUnavailableError: the listing can't be had whole.
        """
        yield from packages(self._service)

    def state(self, package: str, within: float = WITHIN) -> Statement:
        """Have the holder check one of its packages, by ``fixity``, and take its statement. Where
        the service was in the way of that check, it is ``not run``, with the reason.

        Raises:
            TierUnavailableError: the program is not there.
        """
        fixity = Fixity.found_at(self._fixity)
        with between(self._service, package, within) as gateway:
            told, status = fixity.scan(package, gateway, within)
        if gateway.error is not None:
            reason = gateway.error.message
            return Statement(package, "not run", program=fixity.version, exit=status, reason=reason)
        return read_statement(package, told, gateway.report, fixity.version, status)

    def prove(self) -> Iterator[Proof]:
        """Try out what is needed of it."""
        count = sum(1 for one in packages(self._service) if one.is_kept)
        yield Proof("lists its packages to their end", True, f"{count} that it keeps")
        try:
            detail = Fixity.found_at(self._fixity).version
            yield Proof("can be asked for statements, by the program `fixity`", True, detail)
        except TierUnavailableError as error:
            detail = error.message
            yield Proof("can be asked for statements, by the program `fixity`", False, detail)
