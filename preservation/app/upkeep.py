"""Upkeep: the catalogue made again from tiers and journal, and held against itself."""

from __future__ import annotations

import shutil
import uuid
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from preservation.app.differences import differences
from preservation.app.home import LOCK, Home, SystemClock, find_home
from preservation.app.parts import Parts, default_agent
from preservation.app.places import specs_of, tiers_of
from preservation.bags import sealed
from preservation.catalogue import aside
from preservation.catalogue.authority import SEAL_DISPUTED
from preservation.catalogue.protocol import VersionRow
from preservation.catalogue.rebuild import RebuildReport, rebuild
from preservation.catalogue.sql import SqlCatalogue, open_catalogue
from preservation.errors import BusyError, CatalogueUnavailableError, MalformedError
from preservation.files import durable, lock
from preservation.ingest.identifiers import from_bag_info as identifiers
from preservation.ledger.drain import fetch_missing
from preservation.ledger.journal import FileJournal
from preservation.ledger.policies import PolicyFiles
from preservation.model.clock import parse_stamp
from preservation.model.event import EventMaker, EventType
from preservation.model.replica import Sidecar, VersionKey
from preservation.policy.policy import TierSpec
from preservation.repair.settling import SettlingService
from preservation.storage.tier import Tier

_PARTS = ("", "-wal")  # of a catalogue that nobody writes


def rebuild_catalogue(path: Path, *, drained: bool = False) -> tuple[RebuildReport, str]:
    """Make the catalogue again and put it in the place of the former one.

    What the former one had not drained is lost with it; the caller drains first where it can
    still be read, and the report names what only a sidecar speaks for.

    Args:
        drained: the caller did: what is recorded since must not be lost.

    Returns:
        The report, and where the former catalogue lies now (empty if there was none).

    Raises:
        BusyError: another process makes one (``CAT-MAKING``), or the former one goes on
            (``CAT-GOES-ON``); it stays.
    """
    home = find_home(path)
    with _alone(home):
        last = aside.newest(home.catalogue_url, drained=drained)
        new, report = _fresh(home)
        former = _set_aside(home)
        agent = EventMaker(SystemClock(), default_agent(), lambda: str(uuid.uuid4()))
        new.record([agent.of("", EventType.REBUILD, "success", report.counts())])
        _tell_disputes(new, report, agent)
        try:
            aside.take_over(new, home.catalogue_url, last)
        except (BusyError, CatalogueUnavailableError):  # it is in use, and no former one
            for part in _PARTS if former else ():
                Path(f"{former}{part}").unlink(missing_ok=True)
            with suppress(CatalogueUnavailableError):
                aside.remove(home.catalogue_url)
            raise
        # Events of an apply that were not drained are lost with the former catalogue, but not here.
        PolicyFiles(home.policies).recorded(None)
    return report, former


def _alone(home: Home) -> AbstractContextManager[None]:
    """Two that make a catalogue would make it in the same place."""
    busy = BusyError(
        "another process makes the catalogue of this home anew, or compares it",
        hint="wait until `preserve catalogue check` or `rebuild` has ended there",
        code="CAT-MAKING",
    )
    return lock.alone(home.path / LOCK, busy)


def _tell_disputes(new: SqlCatalogue, report: RebuildReport, agent: EventMaker) -> None:
    """A finding for each version whose seal nobody can say; those of earlier days end."""
    told = {one.subject: one for one in report.findings if one.code == SEAL_DISPUTED}
    for known in new.findings(state="open"):
        if known.code != SEAL_DISPUTED or told.pop(known.subject, None) is not None:
            continue
        key = VersionKey(known.community, known.aip, known.version)
        ending = {
            "finding": known.id,
            "by": agent.agent,
            "reason": "the catalogue was made again, and nobody disagrees any more",
            "event": "",
        }
        new.record([agent.about(key, EventType.FINDING_RESOLVED, "success", ending)])
    for key, claims in report.disputes.items():
        if finding := told.get(str(key)):
            localised = {"claims": {tier: str(seal) for tier, seal in claims.items()}}
            detail = {"finding": agent.new_id(), **finding.to_json(), "localised": localised}
            new.record([agent.about(key, EventType.FINDING_OPENED, "fail", detail)])


def check_catalogue(path: Path) -> tuple[RebuildReport, list[str]]:
    """Make a catalogue aside and compare its rows with those of the one in use.

    Returns:
        The report, and a sentence for each row that differs. Rows about acts that are not
        drained yet differ rightly; the caller drains first.

    Raises:
        BusyError: another process makes one (``CAT-MAKING``).
    """
    home = find_home(path)
    with _alone(home):
        fresh, report = _fresh(home)
        current = open_catalogue(home.catalogue_url)
        try:
            return report, differences(current, fresh)
        finally:
            current.close()
            fresh.close()
            aside.remove(home.catalogue_url)


def _fresh(home: Home) -> tuple[SqlCatalogue, RebuildReport]:
    store, journal = PolicyFiles(home.policies), FileJournal(home.journal)
    tiers = tiers_of(home, store)
    _, findings = fetch_missing(journal, list(tiers.values()))
    new = aside.begin(home.catalogue_url)
    keepers = {name: keeper(spec) for name, spec in specs_of(store).items()}
    with aside.counted_at_the_end(new):
        report = rebuild(new, tiers, journal, version_facts, SystemClock(), keepers)
    return new, replace(report, findings=(*findings, *report.findings))


def keeper(spec: TierSpec) -> str:
    """With what a tier can be written: whoever has that can rewrite replica and sidecar alike.

    All tiers without a credential of their own are written by the accounts of this machine.
    """
    return f"credential {spec.credential}" if spec.credential else "this machine"


def settling_of(parts: Parts) -> SettlingService:
    """Where a person says which seal holds."""
    return SettlingService(parts.catalogue, parts.tiers, parts.events, version_facts)


def version_facts(tier: Tier, sidecar: Sidecar) -> VersionRow | None:
    """Read a version from its bag's tag files, verified under the sidecar's seal.

    Raises:
        SourceDamagedError: they do not verify.
    """
    facts = sealed.facts(tier.held(sidecar.key, sidecar.packaging), sidecar.seal)
    info = dict(facts.bag_info)
    return VersionRow(
        key=sidecar.key,
        title=info.get("External-Description", ""),
        seal=sidecar.seal,
        previous_seal=sidecar.previous_seal,
        content_digest=facts.content_digest,
        lineage=info.get("Lineage-Identifier", ""),
        files=facts.files,
        octets=facts.octets,
        ingested_at=_time(info.get("Ingest-Time", "")),
        policy=info.get("Ingest-Policy-Digest", ""),
        formats=(),
        identifiers=tuple(identifiers(facts.bag_info)),
    )


def _time(text: str) -> datetime:
    try:
        return parse_stamp(text)
    except MalformedError:
        return datetime.fromtimestamp(0, UTC)


def _set_aside(home: Home) -> str:
    """Keep a copy of the former catalogue's file, if it is one, and of its log, without which its
    last transactions are not there.
    """
    scheme, _, name = home.catalogue_url.partition(":///")
    file = Path(name)
    if scheme != "sqlite" or not file.exists():
        return ""
    kept = file.with_name(f"{file.name}.former-{SystemClock().now():%Y%m%dT%H%M%SZ}")
    with durable.plain_errors(kept):
        for part in _PARTS:
            if Path(f"{file}{part}").exists():
                shutil.copyfile(f"{file}{part}", f"{kept}{part}")
    return str(kept)
