"""What a survey found: values, and the document ``samarkand.survey/1`` made of them.

Names in here are printable text (``preservation.model.names.display``), since a survey is for
reading; sizes are octets, times seconds.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.finding import Severity

SCHEMA = "samarkand.survey/1"


@dataclass(frozen=True, slots=True)
class SurveySettings:
    """How far to look.

    Attributes:
        replicas: how many the cost is reckoned for.
        identify: files up to which each one is identified.
        sample: files that are identified where there are more; some of each extension.
        patience: how long to go on identifying; some giants keep the tools busy for two minutes.
        compare: octets to read at most in search of duplicates.
        verify: whether to verify the digests that lie beside the files.
        examples: names shown per finding.
        rows: lines in the lists of the biggest files and of duplicates.
        workers: files that are read at the same time.
    """

    replicas: int = 3
    identify: int = 20_000
    sample: int = 10_000
    patience: timedelta = timedelta(minutes=5)
    compare: int = 8 * 1024**3
    verify: bool = False
    examples: int = 10
    rows: int = 20
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Totals:
    """What lies there. ``depth`` counts the parts of the longest path."""

    files: int
    folders: int
    links: int
    special: int
    unreadable: int
    octets: int
    depth: int
    empty_files: int
    empty_folders: int
    oldest: str
    newest: str


@dataclass(frozen=True, slots=True)
class FormatRow:
    """One format. In a sampled survey ``files`` and ``octets`` are estimates by extension.

    Attributes:
        looked_at: files that were really identified.
    """

    puid: str
    name: str
    version: str
    mime: str
    files: int
    octets: int
    looked_at: int


@dataclass(frozen=True, slots=True)
class Formats:
    """What the files are.

    Attributes:
        of: files that are not empty.
        unidentified: share of the files, 0 to 1, that PRONOM knows no format for.
        doubtful: share of the files whose answer carries any other flag.
    """

    rows: tuple[FormatRow, ...]
    looked_at: int
    of: int
    unidentified: float
    doubtful: float
    toolchain: str

    @property
    def sampled(self) -> bool:
        """True if not every file was identified."""
        return self.looked_at < self.of


@dataclass(frozen=True, slots=True)
class DuplicateRow:
    """One content that is there more than once."""

    octets: int
    copies: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Contents that are there more than once, by SHA-256.

    Attributes:
        files: beyond the first of each content.
        octets: that could be saved.
        not_compared: files of equal size that were left out, to keep to the limit.
    """

    rows: tuple[DuplicateRow, ...]
    files: int
    octets: int
    octets_read: int
    not_compared: int


@dataclass(frozen=True, slots=True)
class DigestList:
    """A file that holds digests. ``absent``: lines about files that are not here."""

    path: str
    kind: str
    algorithms: tuple[str, ...]
    lines: int
    absent: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Supplied:
    """Digests that lie beside the files.

    Attributes:
        covered: files that at least one digest is about.
        verified: whether they were compared; then ``matched`` and ``differs`` count files.
    """

    lists: tuple[DigestList, ...]
    covered: int
    verified: bool
    matched: int
    differs: int


@dataclass(frozen=True, slots=True)
class Container:
    """Files that hold other files: their contents were not looked at."""

    kind: str
    files: int
    octets: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What taking it in would cost. Zeros where nothing could be measured.

    Attributes:
        octets_per_second: read and hashed, measured on a sample.
        seconds_per_file: beyond its octets, measured on a sample.
        seconds: in all, on this machine.
        disk: octets of all replicas together.
        assumption: how this was reckoned, for people.
    """

    replicas: int
    octets_per_second: int
    seconds_per_file: float
    sample_files: int
    sample_octets: int
    seconds: int
    disk: int
    assumption: str


@dataclass(frozen=True, slots=True)
class SurveyFinding:
    """Something to know before taking the folder in; one per code, however often it occurs."""

    code: str
    severity: Severity
    count: int
    octets: int
    message: str
    hint: str
    examples: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A ``finding`` of the command line's contract, with its count and examples."""
        return {
            "code": self.code,
            "subject": self.examples[0] if self.examples else "",
            "message": self.message,
            "hint": self.hint,
            "severity": self.severity.value,
            "count": self.count,
            "bytes": self.octets,
            "examples": list(self.examples),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first screen: three sentences."""

    ready: bool
    can: str
    mend: str
    cost: str

    @property
    def sentences(self) -> tuple[str, str, str]:
        """All three, in order."""
        return (self.can, self.mend, self.cost)


@dataclass(frozen=True, slots=True)
class Survey:
    """A read-only look at one folder.

    Attributes:
        bag: what the root declares itself to be: ``BagIt 1.0``; empty if it is no bag.
        bags_inside: folders below the root that declare themselves bags.
        limits: what was not looked at, a sentence each.
    """

    root: str
    at: datetime
    seconds: int
    verdict: Verdict
    totals: Totals
    formats: Formats
    extensions: tuple[tuple[str, int, int], ...]
    largest: tuple[tuple[str, int], ...]
    duplicates: Duplicates
    supplied: Supplied
    bag: str
    bags_inside: int
    containers: tuple[Container, ...]
    cost: Cost
    findings: tuple[SurveyFinding, ...]
    limits: tuple[str, ...]

    @property
    def must_be_mended(self) -> bool:
        """True if an ingest would refuse the folder as it is."""
        return any(one.severity is not Severity.WARNING for one in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The document ``samarkand.survey/1``."""
        return {
            "schema": SCHEMA,
            "root": self.root,
            "at": stamp(self.at),
            "seconds": self.seconds,
            "verdict": {"ready": self.verdict.ready, "sentences": list(self.verdict.sentences)},
            "totals": _bytes(asdict(self.totals)),
            "formats": _bytes(asdict(self.formats)) | {"sampled": self.formats.sampled},
            "extensions": [
                {"extension": name, "files": files, "bytes": octets}
                for name, files, octets in self.extensions
            ],
            "largest": [{"path": path, "bytes": octets} for path, octets in self.largest],
            "duplicates": _bytes(asdict(self.duplicates)),
            "supplied_digests": _bytes(asdict(self.supplied)),
            "bag": self.bag,
            "bags_inside": self.bags_inside,
            "containers": [_bytes(asdict(one)) for one in self.containers],
            "cost": _bytes(asdict(self.cost)),
            "findings": [finding.to_json() for finding in self.findings],
            "limits": list(self.limits),
        }


def _bytes(data: dict[str, Any]) -> dict[str, Any]:
    """The command line says ``bytes`` where the code says ``octets``."""
    return {
        key.replace("octets", "bytes"): [
            _bytes(one) if isinstance(one, dict) else one for one in value
        ]
        if isinstance(value, list | tuple)
        else value
        for key, value in data.items()
    }
