"""What became of a deposit, for the command line, the DAG and the depositor's receipt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any

from preservation.catalogue.protocol import Arrival
from preservation.files import durable
from preservation.model.canonical import canonical
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.finding import Finding


@dataclass(frozen=True, slots=True)
class MadeReplica:
    """One replica that the ingest made."""

    tier: str
    key: str
    packaging: str
    state: str
    verified_at: str

    def to_json(self) -> dict[str, Any]:
        """As the command line's contract has it."""
        return {
            "tier": self.tier,
            "key": self.key,
            "packaging": self.packaging,
            "state": self.state,
            "verified_at": self.verified_at or None,
        }


@dataclass(frozen=True, slots=True)
class DepositResult:
    """One deposit's outcome: ``accepted``, ``rejected``, ``held already``, or ``busy`` when
    another run is at it.
    """

    outcome: str
    deposit: str
    arrival: str = ""
    aip: str = ""
    version: int = 0
    seal: str = ""
    files: int = 0
    octets: int = 0
    replicas: tuple[MadeReplica, ...] = ()
    identifiers: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    supplied: Mapping[str, int] = field(default_factory=dict)
    came: Mapping[str, Any] = field(default_factory=dict)  # whose digests; what was fetched

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.ingest/1``."""
        return {
            "outcome": self.outcome,
            "deposit": self.deposit,
            "aip": self.aip,
            "version": self.version,
            "seal": self.seal,
            "identifiers": list(self.identifiers),
            "files": self.files,
            "bytes": self.octets,
            "replicas": [replica.to_json() for replica in self.replicas],
            "findings": [finding.to_json() for finding in self.findings],
            "supplied_digests": dict(self.supplied),
            **self.came,
        }


def write_receipt(
    folder: Path, name: str, result: DepositResult, at: datetime, policy: str
) -> dict[str, Any]:
    """Write ``<name>.json`` and ``<name>.txt`` for the depositor; the latest replaces the last.

    Args:
        policy: ``sha256:<hex>`` of the one that was obeyed.

    Returns:
        The receipt's document, ``samarkand.receipt/1``.

    Raises:
        NoSpaceError, NotNowError: the home's disk is in the way.
    """
    head = {"schema": "samarkand.receipt/1", "at": stamp(at), "policy": policy}
    document = {**head, **result.to_json()}
    with durable.plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    durable.replace(folder / f"{name}.json", canonical(document) + b"\n")
    durable.replace(folder / f"{name}.txt", _letter(result, at).encode("utf-8"))
    return document


def earlier(arrival: Arrival, replicas: tuple[MadeReplica, ...]) -> DepositResult:
    """What became of an unchanged deposit when it was taken in, by its receipt."""
    receipt = arrival.receipt
    return DepositResult(
        "rejected" if arrival.state == "rejected" else "held already",
        arrival.name,
        arrival.id,
        arrival.aip if arrival.version else "",
        arrival.version,
        str(receipt.get("seal", "")),
        int(receipt.get("files", 0)),
        int(receipt.get("bytes", 0)),
        replicas,
        tuple(str(one) for one in receipt.get("identifiers", ())),
        tuple(Finding.from_json(found) for found in receipt.get("findings", ())),
    )


_FIRST = {
    "accepted": "Your deposit was accepted and is kept as AIP {aip}, version {version}.",
    "held already": "We hold this content already, as AIP {aip}, version {version}.",
    "rejected": "Your deposit was not accepted. Nothing in it was changed.",
}


def _letter(result: DepositResult, at: datetime) -> str:
    first = _FIRST[result.outcome].format(aip=result.aip, version=result.version)
    lines = [f"Deposit: {result.deposit}", f"Date: {at:%Y-%m-%d %H:%M} UTC", "", first]
    if result.seal:
        lines += ["", f"Files: {result.files}, {result.octets} bytes", f"Seal: {result.seal}"]
    if result.identifiers:
        lines.append(f"Identifiers: {', '.join(result.identifiers)}")
    if result.supplied:
        told = ", ".join(f"{count} {word}" for word, count in result.supplied.items())
        lines.append(f"Your own digests: {told}")
    for one in result.came.get("digest_lists", ()):
        algorithms = ", ".join(one["algorithms"]) or "of no algorithm that we compute"
        lines.append(f"    from {one['path']} ({algorithms}), of {one['modified'][:10]}")
    if fetched := result.came.get("fetched"):
        hosts = ", ".join(fetched["hosts"])
        lines.append(f"Fetched: {fetched['files']} files, {fetched['bytes']} bytes, from {hosts}")
    lines += _inspected(result.came)
    if result.findings:
        lines += ["", "What we found:"]
        for finding in result.findings:
            where = f"{finding.subject}: " if finding.subject else ""
            lines.append(f"- [{finding.code}] {where}{finding.message}")
            if finding.hint:
                lines.append(f"    What to do: {finding.hint}")
    return "\n".join(lines) + "\n"


def _inspected(came: Mapping[str, Any]) -> Iterator[str]:
    """What format checks and virus scans came to."""
    checks, virus = came.get("checks", {}), came.get("virus", {})
    if checks:
        unchecked = sum(checks["unchecked"].values())
        told = f"{checks['valid']} valid, {checks['invalid']} invalid, {unchecked} unchecked"
        yield f"Format checks: {told}"
    if virus:
        missed = sum(virus["not_scanned"].values())
        by = f", by {virus['engine']}" if virus["engine"] else ""
        yield f"Virus scan: {virus['clean']} clean, {missed} not scanned{by}"
