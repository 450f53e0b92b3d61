"""Starting ``standing__<community>`` with the verdict in the run's note.

A task can't write a note on its own run, but it can start another run that has one. So the
DAGs that change what is known, audit and repair, look last of all at how the archive
stands, and hand the words over.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowFailException

from preservation.orchestration import parts
from preservation.orchestration.settings import dag_id
from preservation.orchestration.work import telling as work


class TellStanding(TriggerDagRunOperator):
    """Looks at the standing of a community, and starts the DAG that shows it."""

    def __init__(self, *, community: str, **kwargs: Any) -> None:
        super().__init__(trigger_dag_id=dag_id("standing", community), **kwargs)
        self.community = community

    def execute(self, context: Any) -> None:
        """Compute the note, then start the run; also where nothing can be known, which it shows."""
        try:
            with parts.open_parts() as home:
                self.note = work.standing(home, self.community).note()
        except AirflowFailException as error:
            self.note = f"**Nobody knows how it stands.** {error}"
        super().execute(context)


def tell_standing(community: str) -> TellStanding:
    """The task that does it, whatever happened before it in the run."""
    return TellStanding(
        task_id="tell_standing", community=community, trigger_rule=TriggerRule.ALL_DONE
    )
