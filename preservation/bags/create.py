"""Makes a bag from a folder: the source stays as it is, the bag appears whole or not at all.

Source: RFC 8493; ``docs/formats/bag.md`` for what is written.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preservation.bags.beside import expect_absent, expect_outside
from preservation.bags.filling import Filling
from preservation.bags.findings import Findings
from preservation.bags.manifest import PAYLOAD, manifest_name
from preservation.bags.source import SourceNotes
from preservation.bags.tagfiles import Element, format_bag_info
from preservation.bags.tree import NAMES, TREE
from preservation.errors import MalformedError, UsageError
from preservation.fixity.engine import EngineSettings, never
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.finding import Finding, Severity, is_fatal
from preservation.model.progress import Progress
from preservation.model.units import format_size

if TYPE_CHECKING:
    from preservation.bags.profile.value import Profile

_OURS = ("payload-oxum", "bag-size")


@dataclass(frozen=True, slots=True)
class BagPlan:
    """What a bag is to be.

    Attributes:
        algorithms: of the manifests of both kinds, beside SHA-256.
        bag_info: elements of ``bag-info.txt``; Bag-Size and Payload-Oxum are added.
        encode_names: names that are not UTF-8 are encoded; otherwise they are refused.
        profile: what the bag has to meet, if anything; it is named in ``bag-info.txt``.
    """

    algorithms: tuple[Algorithm, ...] = ()
    bag_info: tuple[Element, ...] = ()
    encode_names: bool = False
    profile: Profile | None = None

    def elements(self, octets: int, files: int) -> list[Element]:
        """``bag-info.txt`` of a payload of that size."""
        labels = {label.lower() for label, _ in self.bag_info}
        named = [("BagIt-Profile-Identifier", self.profile.identifier)] if self.profile else []
        return [
            *self.bag_info,
            *(one for one in named if one[0].lower() not in labels),
            ("Bag-Size", format_size(octets)),
            ("Payload-Oxum", f"{octets}.{files}"),
        ]


@dataclass(frozen=True, slots=True)
class CreateReport:
    """What became of it.

    Attributes:
        created: the bag is there; False if findings stood in the way.
        seal: SHA-256 of the bag's ``tagmanifest-sha256.txt``; None without a bag.
        files, octets: of the payload.
    """

    created: bool
    findings: tuple[Finding, ...]
    files: int
    octets: int
    algorithms: tuple[Algorithm, ...]
    seal: Digest | None

    def to_json(self) -> dict[str, Any]:
        """The document of ``preserve bag create --json``."""
        return {
            "created": self.created,
            "files": self.files,
            "bytes": self.octets,
            "algorithms": [algorithm.value for algorithm in self.algorithms],
            "seal": None if self.seal is None else str(self.seal),
            "findings": [finding.to_json() for finding in self.findings],
        }


def create(
    src: Path,
    dest: Path,
    plan: BagPlan,
    *,
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool] = never,
) -> CreateReport:
    """Bag a folder's files.

    Args:
        src: read only; looked at as a whole, and again at the end.
        dest: must not exist; its folder must. Not below ``src``.
        settings: how many files to copy at the same time.
        progress: hears of every octet read.
        cancelled: asked for each batch of files.

    Raises:
        UsageError: ``src`` is no folder, or ``dest`` cannot be made.
        MalformedError: ``bag-info.txt`` cannot hold an element.
        SourceChangedError: the source changes while it is read.
        NotNowError: it cannot be read, or the medium is in the way.
    """
    _check_elements(plan)
    source = _checked(src, dest)
    findings = Findings()
    algorithms = tuple(dict.fromkeys((Algorithm.SHA256, *plan.algorithms)))
    filling = Filling(dest, source, algorithms, settings.workers, progress, cancelled)
    try:
        with SourceNotes(source, findings, encode=plan.encode_names) as notes, filling:
            _examine(plan, notes, algorithms, findings, filling)
            writer = filling.finish(notes)
            notes.look_again()
            for path, rows in ((TREE, notes.tables.tree()), (NAMES, notes.tables.mapping())):
                if rows:
                    writer.tag(path, rows)
            seal = writer.finish(plan.elements(notes.octets, notes.files))
            notes.expect_unchanged()
            filling.appear()
    except _RefusedError:
        return CreateReport(False, findings.all(), notes.files, notes.octets, (), None)
    return CreateReport(True, findings.all(), notes.files, notes.octets, algorithms, seal)


class _RefusedError(Exception):
    """Something about the source stands in the way."""


def _check_elements(plan: BagPlan) -> None:
    format_bag_info(plan.bag_info)
    for label, _ in plan.bag_info:
        if label.lower() in _OURS:
            raise MalformedError(f"bag-info.txt: {label} is counted, not said", hint="leave it out")


def _checked(src: Path, dest: Path) -> Path:
    """The source without links on the way to it, if both ends are fit for use."""
    try:
        source = src.resolve(strict=True)
    except OSError as error:
        raise UsageError(f"not there: {error.filename}", hint="look at the path") from error
    if not source.is_dir():
        raise UsageError(f"not a folder: {src}", hint="name a folder with the files to bag")
    expect_absent(dest)
    expect_outside(dest, source, "the bag")
    return source


def _examine(
    plan: BagPlan,
    notes: SourceNotes,
    algorithms: Sequence[Algorithm],
    findings: Findings,
    filling: Filling,
) -> None:
    """Walk the source to its end. Files are copied on the way as long as nothing forbids the bag.

    Raises:
        _RefusedError: something does.
    """
    for _ in notes.walk():
        if plan.profile is None and not findings.count(Severity.ERROR):
            filling.go_on(notes)
    if plan.profile is not None:
        _hold_against(plan.profile, plan, notes, algorithms, findings)
    if is_fatal(findings.all()):
        raise _RefusedError


def _hold_against(
    profile: Profile,
    plan: BagPlan,
    notes: SourceNotes,
    algorithms: Sequence[Algorithm],
    findings: Findings,
) -> None:
    """Before anything is written: all that a profile can ask for is known already."""
    manifests = [manifest_name(one, tag=tag) for one in algorithms for tag in (False, True)]
    tables = {TREE: notes.tables.folders, NAMES: notes.tables.names}
    # Loaded here: few bags are made for a profile.
    check = importlib.import_module("preservation.bags.profile.check")
    facts = check.BagFacts(
        version="1.0",
        bag_info=plan.elements(notes.octets, notes.files),
        tag_files=[
            b"bagit.txt",
            b"bag-info.txt",
            *manifests,
            *(path for path, rows in tables.items() if rows),
        ],
        payload=(PAYLOAD + kept for kept in notes.names()),
        files=notes.files,
        octets=notes.octets,
        container=None,
    )
    check.check_profile(profile, facts, findings)
