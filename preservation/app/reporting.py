"""Reports of an open home; apart from the other parts, since Parquet is heavy to import."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from preservation.app.holdings import inventory_of
from preservation.app.parts import Parts
from preservation.app.statements import statements
from preservation.catalogue.holding import hold
from preservation.errors import BusyError
from preservation.formats.inventory.summary import lines
from preservation.ledger.event_table import EventTable
from preservation.model.check import CheckResult
from preservation.model.progress import Silence
from preservation.policy.policy import Policy
from preservation.reports.build import ReportFiles, build
from preservation.reports.gather import Sources
from preservation.reports.holdings import HeldFormat
from preservation.reports.told import TableEvents, Told


def write_report(
    parts: Parts,
    policy: Policy,
    run: str,
    since: datetime,
    *,
    unchecked: Sequence[CheckResult] = (),
    out: Path | None = None,
) -> ReportFiles:
    """Write the report of one run for one community; into the home's folder by default.

    Args:
        unchecked: checks of the run that could not be made.
    """
    sources = Sources(
        policy,
        parts.catalogue,
        parts.journal,
        parts.pending_events(),
        unchecked,
        parts.observed(),
        *held_formats(parts, policy.community),
        told=_told(parts, policy.community),
        statements=statements(parts, policy),
        past=partial(parts.store.past, policy),
    )
    folder, agent = out or parts.home.reports, parts.events.agent
    return build(sources, folder, clock=parts.clock, run=run, since=since, agent=agent)


def _told(parts: Parts, community: str) -> Told | None:
    """Events from their Parquet copies; from the journal while another run writes these."""
    pending = parts.pending_events()
    with suppress(BusyError):
        return TableEvents(event_table(parts), pending, community)
    return None


def event_table(parts: Parts) -> EventTable:
    """The Parquet copies of the home's events, up to date with its journal.

    Raises:
        BusyError: another run copies events (``EVT-BUSY``).
    """
    table = EventTable(parts.home.events, parts.journal)
    with hold(parts.catalogue, "events", parts.clock) as lease:
        if lease is None:
            raise BusyError(
                "another run copies events into Parquet",
                hint="run again when it is done",
                code="EVT-BUSY",
            )
        table.refresh()
    return table


def held_formats(parts: Parts, community: str) -> tuple[list[HeldFormat], int]:
    """What is held by format, and how many AIP versions are not counted in it."""
    service = inventory_of(parts)
    with suppress(BusyError):  # another run brings it up to date: what is there is told
        service.refresh(community, Silence())
    inventory = service.of(community)
    uncounted = sum(
        (row.key.aip, row.key.version) not in inventory.versions
        for row in parts.catalogue.versions(community)
    )
    found = [
        HeldFormat(
            line.id,
            line.puid,
            line.name,
            line.version,
            line.mime,
            line.count.files,
            line.count.octets,
            line.count.doubtful,
            line.count.invalid,
            line.count.changed,
        )
        for line in lines({community: inventory}, ("format",))
    ]
    return found, uncounted
