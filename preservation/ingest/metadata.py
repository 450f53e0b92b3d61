"""The tag files that we add to an AIP: inventory, tree, the deposit's facts, PREMIS, bag-info.

Every byte of them is specified in ``docs/formats/aip.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from xml.etree import ElementTree as ET

from preservation.bags.tagfiles import plain_value
from preservation.bags.tree import csv_line
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm, Digest
from preservation.model.format_check import FormatCheck
from preservation.model.identification import Identification, Toolchain
from preservation.model.identifier import Identifier
from preservation.model.inventory import row_of
from preservation.model.replica import VersionKey
from preservation.model.units import format_size
from preservation.model.virus_scan import VirusScan
from preservation.policy.formats import Ruling
from preservation.policy.policy import Policy

PROFILE = "urn:samarkand:bagit-profile:aip-1"
RESERVED = "Deposit-Identifier"
INVENTORY = b"metadata/inventory.csv"
DEPOSIT = b"metadata/deposit.json"


def inventory_row(
    path: bytes,
    octets: int,
    digests: Mapping[Algorithm, Digest],
    found: Identification,
    check: FormatCheck,
    scan: VirusScan,
    ruling: Ruling,
) -> bytes:
    """One payload file. ``path`` is relative to the bag: ``data/…``."""
    named = {algorithm.value: digest.hex for algorithm, digest in digests.items()}
    policy = (ruling.standing.value, ruling.by)
    return csv_line(row_of(path, octets, named, found, check, scan, policy).values())


@dataclass(frozen=True, slots=True)
class BagInfo:
    """What ``bag-info.txt`` of a version says."""

    key: VersionKey
    reserved: str  # the identifier drawn when the deposit arrived
    policy: Policy
    title: str
    organization: str
    identifiers: tuple[Identifier, ...]
    lineage: str
    oxum: str
    octets: int
    content: Digest
    at: datetime

    def lines(self) -> Iterator[tuple[str, str]]:
        """Labels and values, in the order in which they are written."""
        yield "Source-Organization", plain_value(self.organization)
        yield "Bagging-Date", f"{self.at:%Y-%m-%d}"
        yield "Payload-Oxum", self.oxum
        yield "Bag-Size", format_size(self.octets)
        yield "External-Description", plain_value(self.title) or self.key.aip
        yield "External-Identifier", f"urn:uuid:{self.key.aip}"
        for identifier in self.identifiers:
            yield "External-Identifier", plain_value(identifier.shown)
        yield "BagIt-Profile-Identifier", PROFILE
        yield "Community", self.key.community
        yield "AIP-Identifier", self.key.aip
        yield "AIP-Version", str(self.key.version)
        yield RESERVED, f"urn:uuid:{self.reserved}"
        if self.lineage:
            yield "Lineage-Identifier", plain_value(self.lineage)
        yield "Content-Digest", str(self.content)
        yield "Ingest-Policy-Digest", self.policy.ref
        yield "Ingest-Time", stamp(self.at)


@dataclass(frozen=True, slots=True)
class PackageEvent:
    """One event about the package as a whole, for ``premis.xml``."""

    id: str
    type: str
    at: datetime
    outcome: str
    detail: str


_NS = "http://www.loc.gov/premis/v3"


def premis(
    key: VersionKey, agent: str, toolchain: Toolchain, events: Iterable[PackageEvent]
) -> bytes:
    """PREMIS 3.0 about one AIP version: one object, the events that made it, their agents.

    Source: PREMIS Data Dictionary 3.0; the schema wants objects, events, agents in this order.
    """
    root = ET.Element(f"{{{_NS}}}premis", {"version": "3.0"})
    thing = ET.SubElement(
        root,
        f"{{{_NS}}}object",
        {"{http://www.w3.org/2001/XMLSchema-instance}type": "premis:intellectualEntity"},
    )
    _identifier(thing, "object", "AIP version", f"urn:uuid:{key.aip}.v{key.version}")
    for event in events:
        _event(root, key, agent, event)
    for name, kind in ((agent, "software"), (str(toolchain), "software")):
        node = ET.SubElement(root, f"{{{_NS}}}agent")
        _identifier(node, "agent", "local", name)
        _text(node, "agentName", name)
        _text(node, "agentType", kind)
    ET.register_namespace("premis", _NS)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="UTF-8", xml_declaration=True)) + b"\n"


def _event(root: ET.Element, key: VersionKey, agent: str, event: PackageEvent) -> None:
    node = ET.SubElement(root, f"{{{_NS}}}event")
    _identifier(node, "event", "UUID", event.id)
    _text(node, "eventType", event.type)
    _text(node, "eventDateTime", stamp(event.at))
    if event.detail:
        detail = ET.SubElement(node, f"{{{_NS}}}eventDetailInformation")
        _text(detail, "eventDetail", event.detail)
    outcome = ET.SubElement(node, f"{{{_NS}}}eventOutcomeInformation")
    _text(outcome, "eventOutcome", event.outcome)
    linked = ET.SubElement(node, f"{{{_NS}}}linkingAgentIdentifier")
    _text(linked, "linkingAgentIdentifierType", "local")
    _text(linked, "linkingAgentIdentifierValue", agent)
    about = ET.SubElement(node, f"{{{_NS}}}linkingObjectIdentifier")
    _text(about, "linkingObjectIdentifierType", "AIP version")
    _text(about, "linkingObjectIdentifierValue", f"urn:uuid:{key.aip}.v{key.version}")


def _identifier(node: ET.Element, what: str, kind: str, value: str) -> None:
    inner = ET.SubElement(node, f"{{{_NS}}}{what}Identifier")
    _text(inner, f"{what}IdentifierType", kind)
    _text(inner, f"{what}IdentifierValue", value)


def _text(node: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(node, f"{{{_NS}}}{tag}").text = text
