"""Verdicts on deposits: recorded once, told to the depositor, noted at the arrival."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from preservation.catalogue.protocol import Arrival, Catalogue, Lease, VersionRow
from preservation.ingest import records
from preservation.ingest.result import DepositResult, write_receipt
from preservation.model.event import EventMaker
from preservation.model.finding import Finding
from preservation.policy.policy import Policy

_STATES = {"accepted": "accepted", "held already": "held", "rejected": "rejected"}


class Verdicts:
    """Puts verdicts into the record.

    Args:
        receipts: the folder of receipts, one folder in it per community.
    """

    def __init__(self, catalogue: Catalogue, events: EventMaker, receipts: Path) -> None:
        self._catalogue = catalogue
        self._events = events
        self._receipts = receipts

    def rejected(
        self, policy: Policy, arrival: Arrival, findings: Iterable[Finding], lease: Lease
    ) -> DepositResult:
        """The deposit is not taken in, for all of these reasons."""
        found = tuple(findings)
        event = records.rejected(self._events, policy, arrival, found)
        self._catalogue.record([event], lease)
        return DepositResult("rejected", arrival.name, arrival.id, findings=found)

    def held_already(
        self, policy: Policy, arrival: Arrival, held: VersionRow, lease: Lease
    ) -> DepositResult:
        """The community has this content."""
        event = records.held_already(self._events, policy, held.key, arrival)
        self._catalogue.record([event], lease)
        return DepositResult(
            "held already",
            arrival.name,
            arrival.id,
            held.key.aip,
            held.key.version,
            str(held.seal),
            held.files,
            held.octets,
        )

    def settle(self, policy: Policy, arrival: Arrival, result: DepositResult) -> DepositResult:
        """Write the receipt, then note the outcome: a crash between writes it again."""
        now = self._events.clock.now()
        folder = self._receipts / arrival.community
        receipt = write_receipt(folder, arrival.id, result, now, policy.ref)
        aip = result.aip or arrival.aip
        state = _STATES[result.outcome]
        self._catalogue.settle_arrival(arrival.id, state, result.version, aip, receipt, now)
        return result


def is_settled(arrival: Arrival, policy: Policy) -> bool:
    """Whether nothing is to be done: a rejection holds for the policy that it was made under."""
    if arrival.state == "rejected":
        return arrival.receipt.get("policy") == policy.ref
    return arrival.state != "waiting"
