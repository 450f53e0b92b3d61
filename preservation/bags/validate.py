"""Validates a bag in a folder or in an archive: one verdict, with every finding.

The default is RFC 8493, neither stricter nor laxer: errors make a bag invalid, warnings do not.

Source: RFC 8493 section 3.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preservation.bags.check_fixity import FixityCheck, algorithms_of
from preservation.bags.completeness import check_listings, check_oxum, check_tags, tell
from preservation.bags.contents import Contents, ContentsReader
from preservation.bags.findings import Findings
from preservation.bags.lenient import Leniency
from preservation.bags.manifest import PAYLOAD
from preservation.bags.origin import FolderOrigin, Origin
from preservation.files.scan import Names
from preservation.files.sorting import Sorter
from preservation.files.walk import Kind
from preservation.fixity.engine import EngineSettings, never
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.finding import Finding, Severity
from preservation.model.progress import Progress

if TYPE_CHECKING:
    from preservation.bags.profile.check import BagFacts, Yardstick


class Mode(Enum):
    """How much is checked. Only ``FULL`` is a fixity check."""

    FULL = "full"
    COMPLETENESS = "completeness"  # names only
    OXUM = "oxum"  # sizes and number of payload files only


@dataclass(frozen=True, slots=True)
class BagReport:
    """The verdict.

    Attributes:
        valid: no error was found by what was checked; see ``mode``.
        undecided: neither valid nor invalid: no error but that something may not be read.
        container: ``folder``, or what kind of archive.
        lenient: departures from the RFC that were made use of.
        version: as ``bagit.txt`` declares it; empty if it does not.
        errors, warnings: how many findings, those with them that are only counted.
        files, octets: of the payload that is there.
        octets_read: to take digests.
        algorithms: those with which bytes were really compared.
        fixity_checked: every file that is listed or there was read to its end and compared.
    """

    valid: bool
    undecided: bool
    mode: Mode
    container: str
    lenient: tuple[Leniency, ...]
    version: str
    findings: tuple[Finding, ...]
    errors: int
    warnings: int
    files: int
    octets: int
    octets_read: int
    algorithms: tuple[Algorithm, ...]
    fixity_checked: bool

    def to_json(self) -> dict[str, Any]:
        """The document of ``preserve bag validate --json``."""
        return {
            "valid": self.valid,
            "undecided": self.undecided,
            "mode": self.mode.value,
            "fixity_checked": self.fixity_checked,
            "container": self.container,
            "lenient": [leniency.value for leniency in self.lenient],
            "version": self.version,
            "files": self.files,
            "bytes": self.octets,
            "bytes_read": self.octets_read,
            "algorithms": [algorithm.value for algorithm in self.algorithms],
            "errors": self.errors,
            "warnings": self.warnings,
            "findings": [finding.to_json() for finding in self.findings],
        }


def validate(
    path: Path,
    *,
    mode: Mode = Mode.FULL,
    strict: bool = False,
    lenient: frozenset[Leniency] = frozenset(),
    profile: Yardstick | None = None,
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool] = never,
) -> BagReport:
    """Look at a bag from all sides.

    Args:
        path: the bag's base folder, or an archive of it.
        mode: how much to check.
        strict: warnings count as errors, but for what ``lenient`` takes.
        lenient: departures from the RFC that are only warned of.
        profile: a BagIt Profile to hold the bag against, too.
        settings: how hard to work.
        progress: hears of every payload octet that is read.
        cancelled: asked now and then.

    Raises:
        UsageError: there is no folder and no archive at the path.
        NotNowError: a temporary file cannot be written, or an archive is changing.
        StoppedError: cancelled. Nothing that a bag holds raises.
    """
    findings = Findings(strict=strict, lenient=lenient)
    with _origin(path, findings, settings, progress, cancelled, mode) as origin:
        return _Validation(origin, findings, mode, progress, profile).run()


def _origin(
    path: Path,
    findings: Findings,
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool],
    mode: Mode,
) -> Origin:
    """What lies at the path: a folder, or else an archive.

    Raises:
        UsageError: neither.
    """
    if not os.path.isfile(path):  # of what cannot be looked at, opening it will say why
        return FolderOrigin(path, settings, progress, cancelled)
    # Loaded here, with five decoders that a folder does not need.
    archived = importlib.import_module("preservation.bags.archived")
    made: Origin = archived.open_archived(
        path, findings, settings, progress, cancelled, digests=mode is Mode.FULL
    )
    return made


class _Validation:
    def __init__(
        self,
        origin: Origin,
        findings: Findings,
        mode: Mode,
        progress: Progress,
        profile: Yardstick | None,
    ) -> None:
        self._origin, self._findings = origin, findings
        self._mode, self._progress, self._profile = mode, progress, profile
        self._fixity = FixityCheck(origin, findings)
        self._complete = False  # names: what is listed is there, what is there is listed

    def run(self) -> BagReport:
        """Look at names first, at bytes last."""
        reader = ContentsReader(self._origin, self._findings)
        full = self._mode is Mode.FULL
        contents = reader.read(sizes=not full, manifests=self._mode is not Mode.OXUM, digests=full)
        if self._mode is Mode.OXUM:
            if contents.oxum is None and contents.info_read:
                self._findings.add("BAG-OXUM-ABSENT", "bag-info.txt")
        else:
            self._check(contents, full=full)
        check_oxum(contents, self._findings)
        if self._profile is not None and contents.info_read and contents.all_listed:
            self._profile.hold_against(self._facts(contents), self._findings)
        return self._report(contents)

    def _facts(self, contents: Contents) -> BagFacts:
        # Loaded here: few bags are held against a profile.
        facts = importlib.import_module("preservation.bags.profile.check").BagFacts
        made: BagFacts = facts(
            version=contents.declaration.version,
            bag_info=contents.bag_info,
            tag_files=_paths(contents.tags),
            payload=_paths(contents.payload),
            files=len(contents.payload),
            octets=contents.octets,
            container="" if self._origin.kind == "folder" else self._origin.kind,
        )
        return made

    def _check(self, contents: Contents, *, full: bool) -> None:
        differences = check_listings(contents, self._findings)
        lists = (*contents.manifests, *contents.tag_manifests)
        listed = contents.all_listed and all(each.whole for each in lists)
        self._complete = differences.none and listed
        tell(contents, differences, self._findings)
        check_tags(contents, self._findings)
        if full:
            total = contents.oxum[0] if contents.oxum is not None else contents.octets
            self._progress.begin("validate", total)
            # Tag files first: they say whether the payload manifests are what was sent.
            self._fixity.run(contents.tags, contents.tag_manifests)
            before = self._fixity.octets
            self._fixity.run(contents.payload, contents.manifests, differences.renamed)
            self._count(contents, self._fixity.octets - before, len(differences.unlisted))

    def _count(self, contents: Contents, read: int, unread: int) -> None:
        """The payload's octets, if they were not counted at first: mostly those that were read."""
        if contents.oxum is None:
            return
        contents.octets = read
        if unread or not self._fixity.complete or not algorithms_of(contents.manifests):
            contents.octets = 0
            for found in self._origin.scan(sizes=True):
                if isinstance(found, Names):
                    contents.octets += found.octets * found.paths[0].startswith(PAYLOAD)
                elif found.kind is Kind.UNREADABLE:  # told already; its octets are not known
                    contents.all_listed = False

    def _report(self, contents: Contents) -> BagReport:
        findings, full = self._findings, self._mode is Mode.FULL
        errors = findings.count(Severity.ERROR)
        compared = algorithms_of(contents.manifests) if full else ()
        return BagReport(
            valid=not errors,
            undecided=findings.undecided,
            mode=self._mode,
            container=self._origin.kind,
            lenient=tuple(sorted(findings.used, key=lambda each: each.value)),
            version=contents.declaration.version,
            findings=findings.all(),
            errors=errors,
            warnings=findings.count(Severity.WARNING),
            files=len(contents.payload),
            octets=contents.octets,
            octets_read=self._fixity.octets,
            algorithms=compared,
            fixity_checked=bool(compared)
            and self._complete
            and self._fixity.complete
            and not findings.unfinished,
        )


def _paths(names: Sorter) -> Iterator[bytes]:
    return (path for lot in names.slices() for path in lot.paths)
