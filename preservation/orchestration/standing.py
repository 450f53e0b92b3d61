"""``standing__<community>``: red while a finding is open, a promise broken, a check overdue."""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowFailException

from preservation.orchestration import parts, settings, words
from preservation.orchestration.notices import tell_people
from preservation.orchestration.steps import step
from preservation.orchestration.tell import note_standing
from preservation.orchestration.work import telling as work
from preservation.policy.policy import Policy

_DAILY = "0 6 * * *"


def standing_dag(policy: Policy) -> DAG:
    """Build the DAG. Audit and repair start it, with a note; once a day it looks by itself,
    so that it never stays green because those two stand still, and is red with a note then, too.
    """
    community = policy.community
    with DAG(
        **settings.dag_settings("standing", policy),
        schedule=CronTriggerTimetable(_DAILY, timezone=policy.audit.timezone),
        doc_md=words.standing(policy),
    ) as dag:

        @step()
        def look() -> str:
            """Compare what was promised with what is known; fails where they differ."""
            with parts.open_parts() as home:
                verdict = work.standing(home, community)
            verdict.log()
            if not verdict.well:
                raise AirflowFailException(verdict.headline)
            return verdict.headline

        look()
        # Beside `look`, not after it: a run is judged by its last tasks, and red stays red.
        note_standing(community)
        if policy.notify:
            tell_people(community)
    return dag
