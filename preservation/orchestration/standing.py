"""``standing__<community>``: red while a finding is open, a promise broken, a check overdue."""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowFailException

from preservation.ledger.protocol import InForce
from preservation.orchestration import parts, settings, words, work
from preservation.orchestration.steps import step
from preservation.policy.policy import Policy

_DAILY = "0 6 * * *"


def standing_dag(policy: Policy) -> DAG:
    """Build the DAG. Audit and repair start it, with a note; once a day it looks by itself,
    so that it never stays green because those two stand still.
    """
    community = policy.community
    with DAG(
        **settings.dag_settings("standing", policy),
        schedule=CronTriggerTimetable(_DAILY, timezone=policy.audit.timezone),
        doc_md=words.standing(policy),
    ) as dag:

        @step(retries=0)
        def look() -> str:
            """Compare what was promised with what is known; fails where they differ."""
            with parts.open_parts() as home:
                verdict = work.standing(home, community)
            verdict.log()
            if not verdict.well:
                raise AirflowFailException(verdict.headline)
            return verdict.headline

        look()
    return dag


def unreadable_policy_dag(line: InForce, reason: str) -> DAG:
    """What stands in for the DAGs of a community whose policy cannot be used: red, daily."""
    with DAG(
        dag_id=settings.dag_id("standing", line.community),
        dag_display_name=f"Standing · {line.community}",
        tags=[line.community, "standing", "policy_errors"],
        schedule=CronTriggerTimetable(_DAILY, timezone="UTC"),
        start_date=settings.START,
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=words.unreadable_policy(line, reason),
    ) as dag:

        @step(retries=0)
        def read_policy() -> None:
            """Says what is wrong with the policy in force."""
            raise AirflowFailException(words.unreadable_policy(line, reason))

        read_policy()
    return dag
