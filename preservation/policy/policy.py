"""An effective policy: what one community was promised, with nothing left to inherit.

The value is made from canonical JSON (``Policy.from_effective``), the very bytes that
``<home>/policies/objects/<digest>.json`` keeps. It says nothing that is not obeyed: a field
enters this module together with the code that does what it says.

Units: durations are ``timedelta`` (seconds in JSON), sizes are octets.
Source: ``docs/reference/policy.md``, generated from the language in ``preservation.policy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Any

from preservation.model.canonical import digest_of
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.identifier import IdentifierStatus
from preservation.model.replica import Packaging
from preservation.model.units import format_duration
from preservation.model.virus_scan import Demand
from preservation.policy.audit_plan import AuditPlan
from preservation.policy.effective import completed
from preservation.policy.formats import FormatRules
from preservation.policy.price import Price
from preservation.policy.retention import AccessRule, RetentionRule

_SPELLED_ALIKE = (
    *("kind", "path", "site", "operator", "technology", "medium"),
    *("endpoint", "region", "bucket", "prefix", "credential", "storage_class"),
    *("object_limit", "bandwidth", "checks_at_once"),
)


@dataclass(frozen=True, slots=True)
class TierSpec:
    """A place that keeps replicas, as ``tiers.yaml`` declares it."""

    id: str
    kind: str  # "local", "s3", "s3-archive", "archivematica"
    path: str  # of a local tier: relative to the home, or absolute
    site: str
    operator: str
    technology: str
    endpoint: str = ""  # of a tier in a bucket: URL; empty for Amazon's own
    region: str = ""
    bucket: str = ""
    prefix: str = ""
    credential: str = ""  # the name of a key pair that the environment carries
    storage_class: str = ""
    object_limit: int = 5 << 40  # octets of one object in a bucket
    bandwidth: int = 0  # octets a second; 0 for no limit
    checks_at_once: int = 0  # replicas that one process checks at a time; 0: as suits it
    lock_mode: str = "none"  # S3 Object Lock: "compliance", "governance", "none"
    lock_for: timedelta = timedelta(0)
    recall_speed: str = "standard"  # of kind s3-archive: "standard", "bulk", "expedited"
    recall_keep: timedelta = timedelta(days=7)
    sharing: bool = False  # of a local tier: equal files of versions share their blocks
    immutable: bool = False  # of a local tier: each replica carries the immutable flag
    medium: str = "disk"
    retrieval: timedelta = timedelta(0)  # until reading can begin
    stored: Price | None = None  # for keeping, a year; None where nobody said
    read: Price | None = None  # for reading

    @property
    def address(self) -> tuple[str, ...]:
        """Where it is: another address is another place, whatever the tier is called."""
        return self.kind, self.path, self.endpoint, self.region, self.bucket, self.prefix

    @classmethod
    def from_effective(cls, id: str, data: Mapping[str, Any]) -> TierSpec:
        """Build the value from its part of an effective document."""
        kept = {name: data[name] for name in _SPELLED_ALIKE}
        cost = data["cost"]
        return cls(
            id=id,
            **kept,
            lock_mode=data["lock"]["mode"],
            lock_for=timedelta(seconds=data["lock"]["for"]),
            recall_speed=data["recall"]["speed"],
            recall_keep=timedelta(seconds=data["recall"]["keep"]),
            immutable=data["immutable"] == "on",
            sharing=data["sharing"] == "on",
            retrieval=timedelta(seconds=data["retrieval"]),
            stored=Price.parse(cost["stored"]) if cost["stored"] else None,
            read=Price.parse(cost["read"]) if cost["read"] else None,
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What a deposit may be: how much at most, and with which names."""

    files: int
    octets: int
    file_octets: int
    path_octets: int
    depth: int
    ratio: int  # unpacked octets per packed octet of a serialised deposit
    encode_names: bool = False  # names that are not UTF-8 are encoded; else they reject it
    portable: str = "accept"  # names that not every system can hold: "accept", "flag", "refuse"

    @classmethod
    def from_effective(cls, limits: Mapping[str, Any], names: Mapping[str, Any]) -> Limits:
        """Build the value from its two parts of an effective document."""
        encode = names["non_utf8"] == "encode"
        return cls(**limits, encode_names=encode, portable=names["portable"])


@dataclass(frozen=True, slots=True)
class FetchRules:
    """What may be fetched for a bag that is not whole (RFC 8493 section 2.2.3).

    Attributes:
        hosts, internal: ``host`` or ``host:port``; the latter may have private addresses.
        octets: of all fetched files of one deposit.
        within: the same in time.
    """

    allowed: bool
    schemes: tuple[str, ...]
    hosts: tuple[str, ...]
    internal: tuple[str, ...]
    octets: int
    within: timedelta

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> FetchRules:
        """Build the value from its part of an effective document."""
        return cls(
            allowed=data["mode"] == "fetch",
            schemes=tuple(data["schemes"]),
            hosts=tuple(data["hosts"]),
            internal=tuple(data["internal"]),
            octets=data["octets"],
            within=timedelta(seconds=data["within"]),
        )


@dataclass(frozen=True, slots=True)
class MetadataRules:
    """What a deposit must say about itself."""

    required: tuple[str, ...]  # see ``policy.intake.METADATA_ELEMENTS``
    bag_info: tuple[str, ...]  # labels

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> MetadataRules:
        """Build the value from its part of an effective document."""
        return cls(required=tuple(data["required"]), bag_info=tuple(data["bag_info"]))


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """What becomes of a deposit that was taken in."""

    mode: str  # "keep", "move", "delete"
    after: timedelta  # it was taken in
    to: str  # of "move": relative to the home, or absolute

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> ReleaseRule:
        """Build the value from its part of an effective document."""
        return cls(data["mode"], timedelta(seconds=data["after"]), data["to"])


@dataclass(frozen=True, slots=True)
class IdentifierRules:
    """Which persistent identifiers a deposit must have, and what they are when they come."""

    required: tuple[str, ...]  # schemes
    status: IdentifierStatus

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> IdentifierRules:
        """Build the value from its part of an effective document."""
        return cls(tuple(data["required"]), IdentifierStatus(data["status"]))


@dataclass(frozen=True, slots=True)
class Intake:
    """How deposits come in."""

    inbox: str  # relative to the home, or absolute
    marker: str  # complete when a file of this name lies in the deposit; "" if ``quiet`` rules
    quiet: timedelta  # complete when nothing in it changed for so long
    schedule: str  # cron
    timezone: str
    limits: Limits
    lineage: tuple[str, ...]  # identifier schemes that make a new version: "doi", "cstr", …
    identifiers: IdentifierRules
    metadata: MetadataRules
    algorithms: tuple[Algorithm, ...]  # of the payload manifests; SHA-256 is always among them
    formats: FormatRules
    virus_scan: Demand
    fetch: FetchRules
    release: ReleaseRule

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> Intake:
        """Build the value from its part of an effective document."""
        return cls(
            inbox=data["inbox"],
            marker=data["complete"]["marker"],
            quiet=timedelta(seconds=data["complete"]["quiet"]),
            schedule=data["schedule"],
            timezone=data["timezone"],
            limits=Limits.from_effective(data["limits"], data["names"]),
            lineage=tuple(data["lineage"]),
            identifiers=IdentifierRules.from_effective(data["identifiers"]),
            metadata=MetadataRules.from_effective(data["metadata"]),
            algorithms=tuple(Algorithm(name) for name in data["algorithms"]),
            formats=FormatRules.from_effective(data["formats"]),
            virus_scan=Demand(data["virus_scan"]),
            fetch=FetchRules.from_effective(data["fetch"]),
            release=ReleaseRule.from_effective(data["release"]),
        )

    @property
    def completion(self) -> str:
        """When a deposit is complete, for people: "it …"."""
        if self.marker:
            return f"holds a file named {self.marker}"
        if self.quiet:
            return f"has lain unchanged for {format_duration(self.quiet)}"
        return "is seen lying still"


@dataclass(frozen=True, slots=True)
class ReplicaRule:
    """One replica that is promised; the first rule is where ingest writes."""

    tier: str
    packaging: Packaging
    within: timedelta  # after ingest

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> ReplicaRule:
        """Build the value from its part of an effective document."""
        within = timedelta(seconds=data["within"])
        return cls(data["tier"], Packaging(data["packaging"]), within)


@dataclass(frozen=True, slots=True)
class Minimum:
    """What must be true at any time: counts of *verified* replicas."""

    replicas: int
    failure_domains: int
    sites: int


@dataclass(frozen=True, slots=True)
class RepairRule:
    """Who decides that damaged bytes are replaced."""

    automatic: bool
    approvers: tuple[str, ...]

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> RepairRule:
        """Build the value from its part of an effective document."""
        return cls(data["mode"] == "automatic", tuple(data["approvers"]))


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told, and how often.

    Attributes:
        to: ``mailto:…``, ``https://…``, or ``hook:<name>`` of the operator's settings.
        findings: ``now``, ``daily`` or ``never``.
        digest: ``daily``, ``weekly``, ``monthly`` or ``never``.
        alive: at least so often: ``weekly``, ``monthly`` or ``never``.
    """

    to: str
    findings: str
    digest: str
    alive: str


@dataclass(frozen=True, slots=True)
class DrillRule:
    """Where and how often the nightly machinery is put to the test; nowhere by default."""

    every: timedelta
    tiers: tuple[str, ...]

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> DrillRule:
        """Build the value from its part of an effective document."""
        return cls(timedelta(seconds=data["every"]), tuple(data["tiers"]))


@dataclass(frozen=True, slots=True)
class ReportRules:
    """Which reports are written by themselves."""

    holdings: bool  # after each month
    evidence: bool  # after each year

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> ReportRules:
        """Build the value from its part of an effective document."""
        return cls(data["holdings"] == "monthly", data["evidence"] == "yearly")


@dataclass(frozen=True, slots=True)
class Policy:
    """One community's effective policy."""

    community: str
    title: Mapping[str, str]  # language tag -> text; "en" is always there
    contact: str
    tiers: Mapping[str, TierSpec]
    intake: Intake
    replicas: tuple[ReplicaRule, ...]
    minimum: Minimum
    audit: AuditPlan
    repair: RepairRule
    retention: RetentionRule
    access: AccessRule
    notify: tuple[Recipient, ...]
    reports: ReportRules
    drill: DrillRule
    statements: tuple[str, ...]  # tiers whose holders' own fixity statements are recorded
    digest: Digest
    document: Mapping[str, Any] = field(repr=False, compare=False)  # what the digest is over

    @property
    def ref(self) -> str:
        """How events cite it: ``sha256:<hex>``."""
        return str(self.digest)

    @classmethod
    def from_effective(cls, data: Mapping[str, Any]) -> Policy:
        """Build the value from a checked effective document (see ``effective`` in this room)."""
        document, data = data, completed(data)
        return cls(
            community=data["community"],
            title=dict(data["title"]),
            contact=data["contact"],
            tiers={key: TierSpec.from_effective(key, tier) for key, tier in data["tiers"].items()},
            intake=Intake.from_effective(data["intake"]),
            replicas=tuple(map(ReplicaRule.from_effective, data["replicas"])),
            minimum=Minimum(**data["minimum"]),
            audit=AuditPlan.from_effective(data["audit"]),
            repair=RepairRule.from_effective(data["repair"]),
            notify=tuple(Recipient(**one) for one in data["notify"]),
            reports=ReportRules.from_effective(data["reports"]),
            drill=DrillRule.from_effective(data["drill"]),
            statements=tuple(data["statements"]),
            retention=RetentionRule.from_effective(data["retention"]),
            access=AccessRule.from_effective(data["access"]),
            digest=digest_of(document),
            document=document,
        )
