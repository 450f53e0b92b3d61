"""``drill``: where policies ask for it, harm is done to rehearsal replicas, which the services of
every night must find and heal.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable

from preservation.orchestration import parts, settings, words
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.steps import LABEL, gate, step
from preservation.orchestration.watch import watch
from preservation.orchestration.work import upkeep as work
from preservation.orchestration.work.common import Json

_DAILY = "30 9 * * *"  # UTC: after the nights, while people are there


def drill_dag() -> DAG:
    """Build the one DAG that serves all communities. What was missed is a finding."""
    with DAG(
        dag_id="drill",
        dag_display_name="Drill",
        tags=["drill"],
        schedule=CronTriggerTimetable(_DAILY, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=words.DRILL,
    ) as dag:

        @gate()
        def due() -> list[Json]:
            """The communities whose day has come; mostly none."""
            with parts.open_parts() as home:
                return work.drills_due(home)

        @step(map_index_template=LABEL, execution_timeout=settings.SHARD)
        def drill(one: Json) -> Json:
            """Harm, audit, repair, audit; nothing of it is left."""
            with parts.open_parts() as home:
                result = work.drill(home, one, LogProgress(label=one["label"]))
            settings.label(f"{one['label']} · {result['said']}")
            return result

        found = due()
        watch(found, drill.expand(one=found))
    return dag
