"""``notices``: summaries, signs of life, and what could not be told before: every 15 minutes."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context

from preservation.orchestration import settings, words
from preservation.orchestration.notifier import PeopleNotifier
from preservation.orchestration.steps import step


def tell_people(community: str = "") -> Any:
    """The task that tells people about a community, or about all of them."""

    @step()
    def tell_people() -> None:
        """Send what is new to whoever the policy names; nothing is told twice."""
        PeopleNotifier(community).notify(get_current_context())

    return tell_people()


def notices_dag() -> DAG:
    """Build the one DAG that serves all communities."""
    with DAG(
        dag_id="notices",
        dag_display_name="Notices",
        tags=["notices"],
        schedule=CronTriggerTimetable("5-59/15 * * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=words.NOTICES,
    ) as dag:
        tell_people()
    return dag
