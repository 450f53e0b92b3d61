"""Validates a bag in a folder: one verdict, with every finding.

The default is RFC 8493, neither stricter nor laxer: errors make a bag invalid, warnings do not.

Source: RFC 8493 section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from preservation.bags.check_fixity import FixityCheck, algorithms_of
from preservation.bags.completeness import check_completeness, check_oxum
from preservation.bags.contents import Contents, read_contents, sizes
from preservation.bags.findings import Findings
from preservation.fixity.engine import EngineSettings, never
from preservation.model.digest import Algorithm
from preservation.model.finding import Finding, is_fatal
from preservation.model.progress import Progress


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
        version: as ``bagit.txt`` declares it; empty if it does not.
        files, octets: of the payload that is there.
        algorithms: those with which bytes were really compared.
        fixity_checked: every listed file was read to its end and compared.
    """

    valid: bool
    mode: Mode
    version: str
    findings: tuple[Finding, ...]
    files: int
    octets: int
    algorithms: tuple[Algorithm, ...]
    fixity_checked: bool

    def to_json(self) -> dict[str, Any]:
        """The document of ``preserve bag validate --json``."""
        return {
            "valid": self.valid,
            "mode": self.mode.value,
            "fixity_checked": self.fixity_checked,
            "version": self.version,
            "files": self.files,
            "bytes": self.octets,
            "algorithms": [algorithm.value for algorithm in self.algorithms],
            "findings": [finding.to_json() for finding in self.findings],
        }


def validate(
    path: Path,
    *,
    mode: Mode = Mode.FULL,
    strict: bool = False,
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool] = never,
) -> BagReport:
    """Look at a bag from all sides.

    Args:
        path: the bag's base folder.
        mode: how much to check.
        strict: warnings count as errors.
        settings: how hard to work.
        progress: hears of every payload octet that is read.
        cancelled: asked now and then.

    Raises:
        UsageError: there is no folder at the path.
        StoppedError: cancelled. Nothing that a bag holds raises.
    """
    findings = Findings(strict=strict)
    contents = read_contents(path, findings, manifests=mode is not Mode.OXUM)
    check_oxum(contents, findings)
    compared: tuple[Algorithm, ...] = ()
    checked = False
    if mode is Mode.OXUM:
        if contents.oxum is None:
            findings.add("BAG-OXUM-ABSENT", "bag-info.txt")
    else:
        renamed = check_completeness(contents, findings)
        if mode is Mode.FULL:
            check = FixityCheck(path.resolve(), findings, settings, progress, cancelled)
            checked = _check_fixity(contents, check, renamed, progress)
            compared = algorithms_of(contents.manifests)
    told = findings.all()
    octets, files = sizes(contents.payload)
    return BagReport(
        not is_fatal(told),
        mode,
        contents.declaration.version,
        told,
        files,
        octets,
        compared,
        checked,
    )


def _check_fixity(
    contents: Contents, check: FixityCheck, renamed: dict[bytes, bytes], progress: Progress
) -> bool:
    """Tag files first: they say whether the payload manifests are what was sent."""
    progress.begin("validate", sizes(contents.payload)[0])
    listed_tags = set[bytes]().union(*(each.entries for each in contents.tag_manifests))
    tags_read = check.run(
        [path for path in sorted(listed_tags) if path in contents.tags], contents.tag_manifests
    )
    listed = contents.listed | set(renamed.values())
    payload_read = check.run(
        (path for path in contents.payload if path in listed), contents.manifests, renamed
    )
    return tags_read and payload_read and bool(algorithms_of(contents.manifests))
