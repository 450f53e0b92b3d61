"""``journal``: makes events durable outside the catalogue, every fifteen minutes."""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable

from preservation.orchestration import parts, settings, words
from preservation.orchestration.steps import step
from preservation.orchestration.work import upkeep as work
from preservation.orchestration.work.common import Json


def journal_dag() -> DAG:
    """Build the one DAG that serves all communities."""
    with DAG(
        dag_id="journal",
        dag_display_name="Journal",
        tags=["journal"],
        schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=words.JOURNAL,
    ) as dag:

        @step()
        def drain() -> Json:
            """Write waiting events into the journal, and bring its copies on tiers up to date."""
            with parts.open_parts() as home:
                return work.drain(home)

        drain()
    return dag
