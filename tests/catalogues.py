"""Catalogues for tests, on both databases, and the events that happen to AIPs in them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from folders import quick_folder

from preservation.catalogue.sql import SqlCatalogue, create_catalogue, open_catalogue
from preservation.model.digest import Algorithm, Digest
from preservation.model.event import Event, EventType
from preservation.model.replica import VersionKey

START = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalogue to copy: a hundred times cheaper than making one."""
    file = tmp_path_factory.mktemp("pristine") / "catalogue.sqlite"
    create_catalogue(f"sqlite:///{file}").close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue_url(request: pytest.FixtureRequest, tmp_path: Path, pristine: Path) -> Iterator[str]:
    """Where an empty catalogue is, once on each database; neither waits for a medium."""
    if request.param == "postgresql":
        yield str(request.getfixturevalue("postgres_url"))
        return
    folder = quick_folder(tmp_path)
    shutil.copy(pristine, folder / "catalogue.sqlite")
    yield f"sqlite:///{folder}/catalogue.sqlite"
    shutil.rmtree(folder)


@pytest.fixture
def catalogue(catalogue_url: str) -> Iterator[SqlCatalogue]:
    """An empty catalogue, once on each database."""
    opened = open_catalogue(catalogue_url)
    yield opened
    opened.close()


def sha256(text: str) -> Digest:
    return Digest(Algorithm.SHA256, hashlib.sha256(text.encode()).digest())


def a_key(number: int = 1, version: int = 1, community: str = "silk-road") -> VersionKey:
    return VersionKey(community, str(UUID(int=number)), version)


def an_event(
    kind: EventType,
    key: VersionKey | None = None,
    *,
    at: datetime = START,
    outcome: str = "success",
    tier: str = "",
    community: str = "silk-road",
    **detail: Any,
) -> Event:
    return Event(
        id=str(uuid4()),
        at=at,
        type=kind,
        outcome=outcome,
        agent="a test",
        community=community if key is None else key.community,
        aip="" if key is None else key.aip,
        version=0 if key is None else key.version,
        tier=tier,
        policy=str(sha256("policy")),
        detail=detail,
    )


def ingestion(key: VersionKey, **changes: Any) -> Event:
    at = changes.pop("at", START)
    detail = {
        "title": "Afrasiab",
        "seal": str(sha256(f"seal {key}")),
        "previous_seal": None,
        "content_digest": str(sha256(f"content {key}")),
        "lineage": "",
        "files": 3,
        "bytes": 1000,
        "deposit": "Afrasiab",
        "arrival": "",
        "formats": [
            {"puid": "fmt/18", "mime": "application/pdf", "name": "PDF", "files": 3, "bytes": 1000}
        ],
    }
    return an_event(EventType.INGESTION, key, at=at, **(detail | changes))


def replication(key: VersionKey, tier: str = "vault", **changes: Any) -> Event:
    at = changes.pop("at", START)
    detail = {
        "packaging": "folder",
        "seal": str(sha256(f"seal {key}")),
        "tar": None,
        "bytes": 1000,
        "source": "deposit",
    }
    return an_event(EventType.REPLICATION, key, at=at, tier=tier, **(detail | changes))


def check(
    key: VersionKey, tier: str = "vault", outcome: str = "intact", at: datetime = START, **more: Any
) -> Event:
    detail = {"level": "E3", "bytes_read": 1000} | more
    return an_event(EventType.FIXITY_CHECK, key, at=at, tier=tier, outcome=outcome, **detail)


def finding(key: VersionKey, tier: str = "vault", at: datetime = START, **changes: Any) -> Event:
    detail = {
        "finding": str(uuid4()),
        "code": "FIX-ALTERED",
        "severity": "error",
        "subject": f"{key} on {tier}",
        "message": "one file differs",
        "hint": "repair it",
        "localised": {"files": ["data/a"]},
    }
    opened = EventType.FINDING_OPENED
    return an_event(opened, key, at=at, tier=tier, outcome="fail", **(detail | changes))


def kept(key: VersionKey, *tiers: str, at: datetime = START) -> list[Event]:
    """What ingest and replication record when all goes well."""
    written = [replication(key, tier, at=at) for tier in tiers]
    return [ingestion(key, at=at), *written, *(check(key, tier, at=at) for tier in tiers)]
