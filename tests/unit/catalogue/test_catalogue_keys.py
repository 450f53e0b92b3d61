"""What is found by its key is found by an index, however much is held."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from catalogues import START, a_key, check, ingestion, kept, replication

from preservation.catalogue import reading
from preservation.catalogue.keys import among
from preservation.catalogue.sql import SqlCatalogue, create_catalogue
from preservation.catalogue.tables import replica
from preservation.model.replica import VersionKey

LATER = START + timedelta(hours=1)
WALKED = re.compile(r"SCAN (replica|version|content_format|aip|lease|outbox)\b")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[SqlCatalogue]:
    catalogue = create_catalogue(f"sqlite:///{tmp_path}/catalogue.sqlite")
    catalogue.record([event for n in range(1, 4) for event in kept(a_key(n), "vault", "mirror")])
    yield catalogue
    catalogue.close()


@contextmanager
def plans() -> Iterator[list[str]]:
    """How SQLite goes about each statement of the block that looks for rows."""
    seen: list[str] = []

    def look(_: Any, cursor: Any, statement: str, parameters: Any, __: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "DELETE", "UPDATE")):
            one = parameters[0] if many else parameters
            steps = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", one)
            seen.extend(step[3] for step in steps)

    sa.event.listen(sa.Engine, "before_cursor_execute", look)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", look)


def test_no_event_walks_through_what_is_held(held: SqlCatalogue) -> None:
    both = [a_key(1), a_key(2)]
    leases = held.lease_all(["one", "two"], timedelta(minutes=1), START)
    with plans() as seen:
        held.record([check(key, tier, at=LATER) for key in both for tier in ("vault", "mirror")])
        held.record([ingestion(a_key(n, 2)) for n in (1, 2)])
        held.record([replication(a_key(n, 2), "deep") for n in (1, 2)])
        held.figures.damaged_since(both, ["vault", "mirror"])
        held.custody.replicas_of(both)
        held.release_all(leases)
    assert any("SEARCH replica" in step for step in seen)
    assert [step for step in seen if WALKED.search(step)] == []
    # By the AIP too: all that one community holds is most of what there is.
    assert not [step for step in seen if step.endswith("PRIMARY KEY (community=?)")]


def test_exactly_the_rows_with_these_keys_are_found(held: SqlCatalogue) -> None:
    names = ("community", "aip", "version", "tier")

    def found(*keys: tuple[VersionKey, str]) -> list[tuple[str, str]]:
        flat = [(key.community, key.aip, key.version, tier) for key, tier in keys]
        with held.database.reading() as connection:
            return sorted(
                (row.aip, row.tier)
                for mine in among(connection, replica, names, flat)
                for row in connection.execute(sa.select(replica).where(mine))
            )

    crossed = [(a_key(1), "vault"), (a_key(2), "mirror")]
    assert found(*crossed) == [(a_key(1).aip, "vault"), (a_key(2).aip, "mirror")]
    assert found(*crossed, *crossed) == found(*crossed)
    assert found((a_key(1, version=2), "vault"), (a_key(9), "vault")) == []
    assert found() == []


def test_a_page_begins_where_the_last_one_ended(
    held: SqlCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(held.versions()), list(held.replicas())
    monkeypatch.setattr(reading, "PAGE", 2)
    for community in (None, "silk-road"):
        with plans() as seen:
            paged = list(held.versions(community)), list(held.replicas(community))
        assert paged == whole
        walked = [step for step in seen if WALKED.search(step) or step.endswith("(community=?)")]
        assert len(walked) == 2, "only the first page of each begins at the beginning"
    assert [row.tier for row in held.replicas(aip=a_key(2).aip)] == ["mirror", "vault"]
    assert [row.tier for row in held.replicas("silk-road", "vault")] == ["vault"] * 3
