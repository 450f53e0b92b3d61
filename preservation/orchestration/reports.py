"""``reports``: the reports about months and years that policies want, as soon as they are over."""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable

from preservation.orchestration import parts, settings, words
from preservation.orchestration.steps import step
from preservation.orchestration.work import telling as work


def reports_dag() -> DAG:
    """Build the one DAG that serves all communities."""
    with DAG(
        dag_id="reports",
        dag_display_name="Reports",
        tags=["reports"],
        schedule=CronTriggerTimetable("30 5 * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=words.REPORTS,
    ) as dag:

        @step()
        def write() -> list[str]:
            """Write what is wanted and not there; what was missed before is written, too."""
            with parts.open_parts() as home:
                return work.period_reports(home)

        write()
    return dag
