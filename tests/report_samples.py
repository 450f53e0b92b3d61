"""A community with everything a report can tell: made in memory, for tests of the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from preservation.catalogue.protocol import (
    Arrival,
    FindingRow,
    FormatCount,
    ReplicaRow,
    VersionRow,
)
from preservation.model.canonical import digest_of
from preservation.model.digest import Digest
from preservation.model.event import Event, EventType
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import Packaging, ReplicaState, VersionKey
from preservation.policy.policy import Policy
from preservation.reports.gather import Sources

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
SINCE = NOW - timedelta(hours=6)
DAY = 86400
HOSTILE = '</script><script>alert(1)</script>\u202egnp.exe\x1b[31m" onmouseover="x\'\n<img src=x>'
TITLES = (
    "Станции Мавераннахра 2024",
    "Zarafshon vodiysi toʻrlari",
    "丝绸之路天文观测",
    "zij-i-sultani-bag",
    "abramov-glacier-2024",
)


def effective(**changes: Any) -> dict[str, Any]:
    """An effective policy's document: three tiers, three replicas, thirty to ninety days."""
    tier = {
        "kind": "local",
        "site": "Samarkand",
        "operator": "library",
        "technology": "disk",
    }
    replica = {"packaging": "folder", "within": DAY}
    return {
        "community": "silk-road",
        "title": {
            "en": "Silk Road",
            "zh": "丝绸之路",
            "ru": "Шёлковый путь",
            "uz": "Ipak yoʻli",
        },
        "contact": "archive@example.org",
        "tiers": {name: tier | {"path": f"tiers/{name}"} for name in ("vault", "mirror", "deep")},
        "intake": {
            "inbox": "inbox/silk-road",
            "complete": {"marker": "", "quiet": 300},
            "schedule": "*/15 * * * *",
            "timezone": "Asia/Samarkand",
            "limits": {
                "files": 10**6,
                "octets": 10**12,
                "file_octets": 10**12,
                "path_octets": 4096,
                "depth": 100,
                "ratio": 100,
            },
            "lineage": ["doi", "cstr"],
            "algorithms": ["sha256", "sha512"],
            "formats": {"preferred": ["x-fmt/18"], "refused": [], "unidentified": "accept"},
        },
        "replicas": [
            replica | {"tier": "vault"},
            replica | {"tier": "mirror"},
            {"tier": "deep", "packaging": "tar", "within": 7 * DAY},
        ],
        "minimum": {"replicas": 3, "failure_domains": 1, "sites": 1},
        "audit": {
            "schedule": "0 1 * * *",
            "timezone": "Asia/Samarkand",
            "budget": 10**12,
            "tiers": {
                "vault": {"level": "E3", "max_age": 30 * DAY},
                "mirror": {"level": "E3", "max_age": 30 * DAY},
                "deep": {"level": "E3", "max_age": 90 * DAY},
            },
        },
        "repair": {"mode": "automatic", "approvers": []},
        **changes,
    }


class Archive:
    """A catalogue and a journal, as far as reports read them; change its lists at will."""

    def __init__(self, titles: tuple[str, ...] = TITLES, checked: bool = True) -> None:
        self.policy = Policy.from_effective(effective())
        self.events_: list[Event] = []
        self.results: dict[str, Any] = {}
        self.findings_: list[FindingRow] = []
        self.arrivals_: list[Arrival] = []
        self.versions_ = [_version(n, title) for n, title in enumerate(titles)]
        self.replicas_ = [_replica(v, t) for v in self.versions_ for t in ("vault", "mirror")]
        self.replicas_ += [_replica(version, "deep") for version in self.versions_]
        self.domains = dict.fromkeys(("vault", "mirror", "deep"), "device 254:0")
        for version in self.versions_:
            self.ingested(version)
        if checked:
            for row in self.replicas_:
                self.check(row)

    def ids(self) -> str:
        return str(UUID(int=(len(self.events_) + 1) << 80, version=4))

    def event(
        self, kind: EventType, outcome: str, detail: dict[str, Any], at: datetime, **about: Any
    ) -> Event:
        event = Event(
            id=self.ids(),
            at=at,
            type=kind,
            outcome=outcome,
            agent="samarkand 0.1.0 (preserve audit) on archive-1",
            community="silk-road",
            policy=self.policy.ref,
            detail=detail,
            **about,
        )
        self.events_.append(event)
        return event

    def ingested(self, version: VersionRow) -> None:
        detail = {"title": version.title, "deposit": version.title}
        detail |= {"files": version.files, "bytes": version.octets}
        about = {"aip": version.key.aip, "version": version.key.version}
        self.event(EventType.INGESTION, "success", detail, version.ingested_at, **about)

    def check(
        self, row: ReplicaRow, outcome: Outcome = Outcome.INTACT, at: datetime = NOW
    ) -> Event:
        """A check in the journal, and its trace in the catalogue."""
        place = self.replicas_.index(row)
        at = min(at, NOW) - timedelta(minutes=30) + timedelta(seconds=place)
        good = outcome is Outcome.INTACT
        self.replicas_[place] = dataclasses.replace(
            row,
            state=ReplicaState.VERIFIED if good else ReplicaState.DAMAGED,
            verified_at=at if good else row.verified_at,
            checked_at=at,
            outcome=outcome,
            level=Level.E3,
        )
        detail = {
            "level": "E3",
            "algorithms": ["sha256"],
            "bytes_read": row.octets,
            "files": {"intact": 4} if good else {"intact": 3, outcome.value: 1},
            "cache_bypassed": True,
            "milliseconds": 12,
            "result": "",
        }
        about = {"aip": row.key.aip, "version": row.key.version, "tier": row.tier}
        return self.event(EventType.FIXITY_CHECK, outcome.value, detail, at, **about)

    def healed(self, path: str = "data/stations.csv") -> FindingRow:
        """A flipped byte on the mirror: found, set aside, healed, read back."""
        row = next(r for r in self.replicas_ if r.tier == "mirror")
        about = {"aip": row.key.aip, "version": row.key.version, "tier": "mirror"}
        self.check(row, Outcome.ALTERED, NOW - timedelta(hours=3))
        finding = str(UUID(int=7, version=4))
        difference = {
            "files": [
                {
                    "path": path,
                    "ranges": [{"offset": 4096, "bytes": 1, "damaged": "2c", "intact": "2d"}],
                }
            ]
        }
        digest = str(digest_of(difference))
        self.results[digest] = difference
        opened, closed = NOW - timedelta(hours=3), NOW - timedelta(hours=2)
        localised = {
            "files": [{"path": path, "outcome": "altered", "reason": "sha256 differs"}],
            "more": 0,
        }
        for kind, outcome, extra in (
            (EventType.FINDING_OPENED, "fail", {}),
            (EventType.RECOVERY, "begun", {"source": "vault"}),
            (EventType.QUARANTINE, "success", {"place": "quarantine/1", "difference": digest}),
            (EventType.RECOVERY, "success", {"source": "vault", "difference": digest}),
            (EventType.FINDING_RESOLVED, "success", {"reason": "the replica was read back intact"}),
        ):
            self.event(kind, outcome, {"finding": finding, **extra}, closed, **about)
        self.check(next(r for r in self.replicas_ if r.tier == "mirror"))
        self.findings_.append(
            FindingRow(
                id=finding,
                code="FIX-ALTERED",
                severity="error",
                community="silk-road",
                aip=row.key.aip,
                version=1,
                tier="mirror",
                subject=f"{row.key} on mirror",
                message=f"{path}: sha256 differs",
                hint="run `preserve repair`",
                state="resolved",
                opened_at=opened,
                closed_at=closed,
                detail=localised,
            )
        )
        return self.findings_[-1]

    def found(self, number: int, files: int) -> FindingRow:
        """An open finding about many files, and the event that opened it."""
        row = self.replicas_[number]
        at, id = NOW - timedelta(minutes=number + 1), str(UUID(int=number + 8, version=4))
        about = {"aip": row.key.aip, "version": row.key.version, "tier": row.tier}
        self.event(EventType.FINDING_OPENED, "fail", {"finding": id}, at, **about)
        self.findings_.append(
            FindingRow(
                id=id,
                code="FIX-ALTERED",
                severity="error",
                community="silk-road",
                subject=f"{row.key} on {row.tier}",
                message="files are altered",
                hint="run `preserve repair`",
                state="open",
                opened_at=at,
                closed_at=None,
                detail={
                    "files": [
                        {"path": f"data/{one}.csv", "outcome": "altered", "reason": "sha256"}
                        for one in range(files)
                    ]
                },
                **about,
            )
        )
        return self.findings_[-1]

    def rejected(self, name: str = "hostile deposit") -> None:
        finding = {
            "code": "DEP-LINK-ESCAPES",
            "subject": f"{name}/passwd",
            "message": "the link leads out of the deposit",
        }
        detail = {"deposit": name, "findings": [finding]}
        self.event(EventType.VALIDATION, "rejected", detail, NOW - timedelta(hours=1))

    # -- what reports read
    def versions(self, community: str) -> Iterator[VersionRow]:
        return iter(sorted(self.versions_, key=lambda row: (row.key.aip, row.key.version)))

    def replicas(self, community: str) -> Iterator[ReplicaRow]:
        return iter(
            sorted(self.replicas_, key=lambda row: (row.key.aip, row.key.version, row.tier))
        )

    def identifiers_of(self, aips: Sequence[str]) -> list[Any]:
        return []

    def each_finding(
        self,
        community: str,
        state: str | None = None,
        *,
        since: datetime | None = None,
        brief: bool = False,
    ) -> Iterator[FindingRow]:
        told = [
            row
            for row in self.findings_
            if state in (None, row.state)
            and (row.closed_at is None or since is None or row.closed_at >= since)
        ]
        bare: dict[str, Any] = {"detail": {}, "decided": {}} if brief else {}
        return (
            dataclasses.replace(row, **bare) for row in sorted(told, key=lambda row: row.opened_at)
        )

    def findings_by(self, ids: Sequence[str]) -> Iterator[FindingRow]:
        named = set(ids)
        return (
            row for row in sorted(self.findings_, key=lambda row: row.opened_at) if row.id in named
        )

    def arrivals(self, community: str, state: str) -> list[Arrival]:
        return [row for row in self.arrivals_ if row.state == state]

    def events(self, since: datetime) -> Iterator[Event]:
        return (event for event in self.events_ if event.at >= since)

    def result(self, digest: Digest) -> Any:
        return self.results[str(digest)]

    def sources(self, **changes: Any) -> Sources:
        known: dict[str, Any] = {"policy": self.policy, "domains": self.domains}
        journal = SimpleNamespace(events=self.events, result=self.result)
        return Sources(**{**known, "catalogue": self, "journal": journal, **changes})


def _version(number: int, title: str) -> VersionRow:
    key = VersionKey("silk-road", str(UUID(int=0x1F2E3D << 100 | number, version=4)), 1)
    return VersionRow(
        key=key,
        title=title,
        seal=digest_of([number, "seal"]),
        previous_seal=None,
        content_digest=digest_of([number, "content"]),
        lineage=f"doi:10.5072/samarkand.{number}" if number % 2 else "",
        files=4 + number % 7,
        octets=180_000 + 61_000 * (number % 40),
        ingested_at=NOW - timedelta(hours=5),
        policy="sha256:" + "0" * 64,
        formats=(
            FormatCount("x-fmt/18", "text/csv", "Comma Separated Values", 2, 12_000),
            FormatCount("fmt/17", "application/pdf", "Acrobat PDF 1.3", 1, 2_700),
            FormatCount("", "", "", number % 2, 40),
        ),
    )


def _replica(version: VersionRow, tier: str) -> ReplicaRow:
    return ReplicaRow(
        key=version.key,
        tier=tier,
        packaging=Packaging.TAR if tier == "deep" else Packaging.FOLDER,
        state=ReplicaState.WRITTEN,
        seal=version.seal,
        tar=None,
        octets=version.octets,
        written_at=version.ingested_at,
        verified_at=None,
        checked_at=None,
        outcome=None,
        level=None,
    )
