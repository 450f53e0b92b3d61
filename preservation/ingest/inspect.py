"""Inspect payload files once they lie in the bag and their pages are warm: what each one is,
whether it is what its format promises, and whether a virus scanner has anything against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from preservation.errors import NotNowError
from preservation.files.workers import Patience
from preservation.formats.patience import DepositPatience
from preservation.formats.protocol import Identifier
from preservation.ingest.virus import Engine
from preservation.model import format_check, virus_scan
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding, Severity
from preservation.model.format_check import CheckCounts, FormatCheck
from preservation.model.identification import Identification
from preservation.model.names import display
from preservation.model.units import counted
from preservation.model.virus_scan import (
    Demand,
    NotScanned,
    ScanCounts,
    ScanOutcome,
    VirusScan,
)

_NAMING = 2  # chunks that are identified at a time: no worker waits for another's last file
_LOOKING = 3  # chunks of files that are looked into at a time
_EXAMPLES = 3  # paths that a warning names
# What another try may mend; for the rest, the deposit has to change.
_NOT_NOW = {
    one.value
    for one in (NotScanned.NO_DAEMON, NotScanned.TIMEOUT, NotScanned.ERROR, NotScanned.OPAQUE)
}


class Check(Protocol):
    """Says whether files are what their formats promise: ``preservation.formats.checks``."""

    def check(
        self,
        root: Path,
        paths: Sequence[bytes],
        formats: Sequence[Identification],
        patience: Patience | None = None,
    ) -> list[FormatCheck]: ...


class Scan(Protocol):
    """Looks for viruses: ``preservation.ingest.virus``."""

    @property
    def engine(self) -> Engine: ...

    def scan(
        self, root: Path, paths: Sequence[bytes], patience: Patience | None = None
    ) -> list[VirusScan]: ...


class Inspected(NamedTuple):
    """What is known of one file."""

    found: Identification
    check: FormatCheck
    scan: VirusScan


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in all of a deposit's files, in numbers: as events and the bag carry it.

    Attributes:
        checks: ``valid``, ``invalid``, and ``unchecked`` by reason.
        virus: ``clean``, ``infected``, ``not_scanned`` by reason, and the daemon's ``engine``;
            empty where the policy asks for no scan.
    """

    checks: Mapping[str, Any] = field(default_factory=dict)
    virus: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The members of ``metadata/deposit.json`` and of the event of the ingest."""
        return {"checks": self.checks, **({"virus": self.virus} if self.virus else {})}


@dataclass(frozen=True, slots=True)
class Tools:
    """What inspection works with, whatever a policy asks for."""

    identifier: Identifier
    checker: Check
    scanner: Scan


class Inspector:
    """Inspects the files of one deposit, some chunks at a time beside whoever copies them.

    Args:
        check: the policy asks for format checks.
        demand: whether it asks for scans.

    Raises:
        NotNowError: it demands a scan, and there is no daemon, or one that doesn't say what it
            leaves out (``VIR-NO-DAEMON``, ``VIR-SILENT``).
    """

    def __init__(self, tools: Tools, *, check: bool, demand: Demand) -> None:
        self._tools = tools
        self._check = check
        self._demand = demand
        self._engine = _engine(tools.scanner, demand)
        # One each, so that a daemon that hangs costs no file its format.
        self._patience, self._patience_of_scans = DepositPatience(), DepositPatience()
        self._checked, self._scanned = CheckCounts(), ScanCounts()
        self._unscanned: dict[str, list[str]] = {}
        self._naming = ThreadPoolExecutor(_NAMING, "naming")
        self._looking = ThreadPoolExecutor(_LOOKING, "looking")
        self._scanning = ThreadPoolExecutor(_LOOKING, "scanning")
        # The identifier takes its time to start: it does so while the first files are copied.
        # If it cannot, whoever asks it first hears why.
        self._naming.submit(getattr, tools.identifier, "toolchain")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for hands in (self._naming, self._looking, self._scanning):
            hands.shutdown(cancel_futures=True)

    def begin(
        self, root: Path, paths: Sequence[bytes], digests: Sequence[str] | None = None
    ) -> Future[list[Inspected]]:
        """Begin with some files, and their SHA-256; the outcomes come in their order."""
        scans = self._scanning.submit(self._scan, root, paths)
        identify = self._tools.identifier.identify
        named = self._naming.submit(identify, root, paths, digests, self._patience)
        return self._looking.submit(self._look, root, paths, named, scans)

    def judge(self, path: bytes, one: Inspected) -> Iterator[Finding]:
        """Count one file in; what a scan has against it.

        Raises:
            NotNowError: a scan is demanded, and another try may give it.
        """
        self._checked.add(one.check)
        yield from self._judge_scan(path, one.scan)

    def scan(self, root: Path, paths: Sequence[bytes]) -> Iterator[Finding]:
        """Scan files that are not payload: the depositor's tag files.

        Raises:
            NotNowError: a scan is demanded, and another try may give it.
        """
        for path, scan in zip(paths, self._scan(root, paths), strict=True):
            yield from self._judge_scan(path, scan)

    def unscanned(self) -> Iterator[Finding]:
        """What was not scanned, where the policy puts up with it: a warning for each reason."""
        for reason, examples in self._unscanned.items():
            count = self._scanned.to_json()["not_scanned"][reason]
            files = counted(count, "file was", "files were")
            message = f"{files} not scanned for viruses: {reason}"
            where, hint = ", ".join(examples), "see docs/how-to/scan-for-viruses.md"
            yield Finding("DEP-VIRUS-UNSCANNED", where, message, hint, Severity.WARNING)

    def inspection(self) -> Inspection:
        """The numbers so far."""
        if self._demand is Demand.OFF:
            return Inspection(self._checked.to_json())
        engine = self._engine.version if self._engine else ""
        return Inspection(self._checked.to_json(), {**self._scanned.to_json(), "engine": engine})

    def _look(
        self,
        root: Path,
        paths: Sequence[bytes],
        named: Future[list[Identification]],
        scans: Future[list[VirusScan]],
    ) -> list[Inspected]:
        found = named.result()
        checks = [format_check.OFF] * len(paths)
        if self._check:
            checks = self._tools.checker.check(root, paths, found, self._patience)
        return list(map(Inspected, found, checks, scans.result()))

    def _scan(self, root: Path, paths: Sequence[bytes]) -> list[VirusScan]:
        if self._demand is Demand.OFF or not paths:
            return [virus_scan.OFF] * len(paths)
        return self._tools.scanner.scan(root, paths, self._patience_of_scans)

    def _judge_scan(self, path: bytes, scan: VirusScan) -> Iterator[Finding]:
        if self._demand is Demand.OFF:
            return
        self._scanned.add(scan)
        if scan.outcome is ScanOutcome.INFECTED:
            message = f"the virus scanner found {scan.reason}"
            hint = "clean or leave out the file, and scan all of the deposit where it comes from"
            yield Finding("DEP-VIRUS", display(path), message, hint)
        elif scan.outcome is ScanOutcome.NOT_SCANNED and self._demand is Demand.REQUIRED:
            yield _refused(path, scan)
        elif scan.outcome is ScanOutcome.NOT_SCANNED:
            examples = self._unscanned.setdefault(scan.reason, [])
            if len(examples) < _EXAMPLES:
                examples.append(display(path))


def _refused(path: bytes, scan: VirusScan) -> Finding:
    if scan.reason in _NOT_NOW:
        raise NotNowError(
            f"{display(path)} could not be scanned for viruses: {scan.columns()[1]}",
            hint="look at clamd and its log, then try again",
            code="VIR-NOT-SCANNED",
        )
    why = scan.columns()[1]
    message = f"could not be scanned for viruses ({why}), and this community asks for it"
    hint = "deposit it unpacked, without a password, or in parts that the scanner takes"
    return Finding("DEP-VIRUS-UNSCANNED", display(path), message, hint)


def _engine(scanner: Scan, demand: Demand) -> Engine | None:
    """The daemon; None where there is none and the policy puts up with it."""
    if demand is Demand.OFF:
        return None
    try:
        engine = scanner.engine
    except NotNowError:
        if demand is Demand.REQUIRED:
            raise
        return None
    if not engine.tells and demand is Demand.REQUIRED:
        raise NotNowError(
            "the virus scanner does not tell what it leaves out, so that nothing it says is proof",
            hint="put AlertExceedsMax yes and AlertEncrypted yes into clamd.conf, restart clamd",
            code="VIR-SILENT",
        )
    return engine
