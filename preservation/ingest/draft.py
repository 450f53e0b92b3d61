"""A version before its payload was read: which AIP it is to be, and what its bag says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from preservation.bags.write import BagWriter
from preservation.catalogue.protocol import Arrival, Catalogue, VersionRow
from preservation.errors import SamarkandError
from preservation.ingest.metadata import DEPOSIT, BagInfo, PackageEvent, premis
from preservation.ingest.package import Packaged
from preservation.ingest.source import Opened
from preservation.model.canonical import canonical
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.event import EventMaker
from preservation.model.finding import Finding
from preservation.model.identification import Toolchain
from preservation.model.replica import VersionKey
from preservation.policy.policy import Policy
from preservation.policy.public import public


class Rejected(Exception):  # noqa: N818 (a verdict on its way up, not an error)
    """The deposit is rejected, with all of these findings."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__()
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known about a version before its payload was read."""

    policy: Policy
    arrival: Arrival
    opened: Opened
    key: VersionKey
    previous: VersionRow | None
    lineage: str


def draft(
    catalogue: Catalogue, policy: Policy, arrival: Arrival, opened: Opened, lineage: str
) -> Draft:
    """Find out which AIP version a deposit is to be.

    A new version only through the policy's lineage identifier, and only where it leads to
    exactly one AIP of the community. Folder names never match anything.

    Args:
        lineage: as :func:`lineage_of` gave it; its lease is held.

    Raises:
        Rejected: it is ambiguous.
    """
    aips = catalogue.lineage(policy.community, lineage) if lineage else []
    if len(aips) > 1:
        message = f"{lineage} is the lineage of {len(aips)} AIPs: {', '.join(aips)}"
        raise Rejected(Finding("DEP-LINEAGE-AMBIGUOUS", arrival.name, message, "ask the archivist"))
    if not aips or aips[0] == arrival.aip:
        key = VersionKey(policy.community, arrival.aip, 1)
        return Draft(policy, arrival, opened, key, None, lineage)
    last = catalogue.last_version(policy.community, aips[0])
    if last is None:
        raise SamarkandError(f"{lineage}: the AIP {aips[0]} has no version", code="CAT-NO-VERSION")
    key = VersionKey(policy.community, aips[0], last.key.version + 1)
    return Draft(policy, arrival, opened, key, last, lineage)


def lineage_of(policy: Policy, opened: Opened) -> str:
    """The identifier that says which data set this is, by the policy's schemes in order.

    Raises:
        Rejected: there are several of one scheme.
    """
    for scheme in policy.intake.lineage:
        found = [one for one in opened.identifiers if one.scheme == scheme]
        if len(found) > 1:
            names = ", ".join(one.shown for one in found)
            message = "several identifiers of the scheme that says which data set this is"
            hint = "leave one of them in the deposit's metadata"
            raise Rejected(Finding("DEP-LINEAGE-AMBIGUOUS", names, message, hint))
        if found:
            return found[0].key
    return ""


def _counted(supplied: Mapping[str, int]) -> str:
    """``3 matched, 0 differs, …``; ``none`` where no digest came along."""
    return ", ".join(f"{count} {word}" for word, count in supplied.items()) or "none"


def _told(counts: Mapping[str, Any]) -> str:
    """``3 valid, 0 invalid, 2 timeout; …``; empty where nothing was counted."""
    plain = [f"{count} {word}" for word, count in counts.items() if isinstance(count, int)]
    inner = [one for one in counts.values() if isinstance(one, Mapping)]
    plain += [f"{count} {why}" for one in inner for why, count in one.items()]
    engine = f"; {counts['engine']}" if counts.get("engine") else ""
    return ", ".join(plain) + engine


def finish(
    draft: Draft,
    writer: BagWriter,
    packaged: Packaged,
    toolchain: Toolchain,
    events: EventMaker,
) -> Digest:
    """Write what the bag says about itself, and close it; returns the seal."""
    facts, now = writer.payload(), events.clock.now()
    effective = canonical(public(draft.policy.document)) + b"\n"
    writer.tag(b"metadata/ingest-policy.json", effective)
    deposit = {
        **draft.opened.facts,
        "arrived": stamp(draft.arrival.seen_at),
        "supplied": dict(packaged.supplied),
        "toolchain": asdict(toolchain),
        **packaged.inspection.to_json(),
        "findings": [one.to_json() for one in (*draft.opened.findings, *packaged.findings)],
    }
    writer.tag(DEPOSIT, canonical(deposit) + b"\n")
    told = [
        PackageEvent(events.new_id(), type_, now, "success", detail)
        for type_, detail in (
            ("ingestion", f"deposit {draft.arrival.name}"),
            ("message digest calculation", f"{facts.files} files"),
            ("format identification", str(toolchain)),
            ("validation", f"digests supplied: {_counted(packaged.supplied)}"),
            ("validation", f"formats: {_told(packaged.inspection.checks)}"),
            ("virus check", _told(packaged.inspection.virus)),
        )
        if detail
    ]
    writer.tag(b"metadata/premis.xml", premis(draft.key, events.agent, toolchain, told))
    info = BagInfo(
        key=draft.key,
        reserved=draft.arrival.aip,
        policy=draft.policy,
        title=draft.arrival.name,
        organization=draft.opened.organization or draft.policy.title["en"],
        identifiers=draft.opened.identifiers,
        lineage=draft.lineage,
        oxum=facts.oxum,
        octets=facts.octets,
        content=facts.content_digest,
        at=now,
    )
    return writer.finish(list(info.lines()))
