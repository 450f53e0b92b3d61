"""What holds the place of a DAG whose policy cannot be used.

A DAG that silently vanished from the grid would look like one without trouble; this one
stands under the same name, with the tag ``policy_errors``, and is red every day.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowFailException

from preservation.ledger.protocol import InForce
from preservation.orchestration import settings, words
from preservation.orchestration.steps import step


def placeholder_dag(kind: str, line: InForce, reason: str) -> DAG:
    """Build it from the line in force, which is all that is known."""
    text = words.unusable_policy(line, reason)
    with DAG(
        dag_id=settings.dag_id(kind, line.community),
        dag_display_name=f"{kind.capitalize()} · {line.community} · policy unusable",
        tags=[line.community, kind, "policy_errors"],
        schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC", run_immediately=True),
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=text,
    ) as dag:

        @step()
        def read_policy() -> None:
            """Says what is wrong with the policy in force."""
            raise AirflowFailException(text)

        read_policy()
    return dag
