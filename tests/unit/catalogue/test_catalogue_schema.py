"""The migrations make the tables that the code knows, and its queries use their indexes."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from catalogues import START, a_key, ingestion, sha256

from preservation.catalogue import indexes as _indexes  # noqa: F401 - the tables get them
from preservation.catalogue import schema
from preservation.catalogue import tables as t
from preservation.catalogue.schema import migrate
from preservation.catalogue.sql import SqlCatalogue, create_catalogue, open_catalogue
from preservation.catalogue.turns import Aim
from preservation.model.outcome import Level
from preservation.model.replica import ReplicaState

DAY = timedelta(days=1)


def test_migrations_and_tables_with_their_indexes_agree(catalogue: SqlCatalogue) -> None:
    with catalogue.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, t.metadata) == []


def test_checks_of_a_night_are_vacuumed_before_the_next(postgres_url: str) -> None:
    """Else a plan reads a page for each replica that it takes."""
    catalogue = open_catalogue(postgres_url)
    with catalogue.database.reading() as connection:
        asked = "SELECT unnest(reloptions) FROM pg_class WHERE oid = 'replica'::regclass"
        options = dict(row[0].split("=") for row in connection.exec_driver_sql(asked))
    catalogue.close()
    assert float(options["autovacuum_vacuum_scale_factor"]) < 1 / 90  # a night's part of a tier


def test_the_revision_in_the_code_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(schema._SCRIPTS)).get_heads() == [t.REVISION]


def test_migrating_again_and_from_two_sides_changes_nothing(
    catalogue: SqlCatalogue, catalogue_url: str
) -> None:
    catalogue.record([ingestion(a_key())])
    threads = [threading.Thread(target=migrate, args=(catalogue_url,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catalogue.version(a_key()) is not None


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda c: list(c.turns.aimed("silk-road", "vault", Aim())), "replica_due"),
        (lambda c: c.turns.by_lot("silk-road", "vault", DAY, 0, START, 5), "replica_due"),
        (lambda c: c.turns.checked_since("silk-road", "vault", START), "replica_due"),
        (lambda c: c.lineage("silk-road", "doi:1"), "version_lineage"),
        (lambda c: c.held_content("silk-road", sha256("x")), "version_content"),
        (lambda c: c.findings("silk-road", "open"), "finding_state"),
        (lambda c: c.findings(aip=a_key().aip), "finding_aip"),
        (lambda c: c.findings("silk-road", "open", code="AUD-BRAKE"), "finding_code"),
        (lambda c: c.figures.aged("silk-road", "vault", START), "replica_due"),
        (lambda c: c.figures.oldest("silk-road", "vault", START, 5), "replica_due"),
        (lambda c: c.figures.weaker_count("silk-road", "vault", Level.E3), "replica_weak"),
        (lambda c: c.figures.weaker("silk-road", "vault", Level.E3, 5), "replica_weak"),
        (
            lambda c: c.turns.in_state("silk-road", "vault", ReplicaState.DAMAGED),
            "replica_count",
        ),
    ],
)
def test_questions_of_every_night_walk_an_index(tmp_path: Path, ask: Any, index: str) -> None:
    catalogue = create_catalogue(f"sqlite:///{tmp_path}/catalogue.sqlite")
    plans: list[str] = []
    with catalogue.database.reading() as probe:

        def explain(_c: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
            if statement.startswith("SELECT"):
                rows = probe.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                plans.extend(row[3] for row in rows)

        sa.event.listen(catalogue.database._engine(), "before_cursor_execute", explain)
        ask(catalogue)
    assert any(index in plan for plan in plans), plans
    walks = [plan for plan in plans if plan != "SCAN CONSTANT ROW"]  # of no table
    assert not any(plan.startswith("SCAN") for plan in walks), plans
