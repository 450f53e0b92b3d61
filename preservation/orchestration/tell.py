"""Starting ``standing__<community>`` with the verdict in the run's note.

A task can't write a note on its own run, but it can start another run that has one. So the
DAGs that change what is known, audit and repair, look last of all at how the archive
stands, and hand the words over. A red run that came without a note, by its schedule or by hand,
is followed by one that has it.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from preservation.orchestration import parts
from preservation.orchestration.settings import dag_id
from preservation.orchestration.work import telling as work

_NOTED = "noted"  # in what a run was started with: it has its note


class TellStanding(TriggerDagRunOperator):
    """Looks at the standing of a community, and starts the DAG that shows it."""

    def __init__(self, *, community: str, **kwargs: Any) -> None:
        shown = dag_id("standing", community)
        super().__init__(trigger_dag_id=shown, conf={_NOTED: True}, **kwargs)
        self.community = community

    def execute(self, context: Any) -> None:
        """Compute the note, then start the run; also where nothing can be known, which it shows."""
        self._look()
        super().execute(context)

    def _look(self) -> bool:
        """Whether all is well; the note says it."""
        try:
            with parts.open_parts() as home:
                verdict = work.standing(home, self.community)
        except AirflowFailException as error:
            self.note = f"**Nobody knows how it stands.** {error}"
            return False
        self.note = verdict.note()
        return verdict.well


class NoteStanding(TellStanding):
    """In the DAG that shows the standing: starts it again where it is red and has no note."""

    def execute(self, context: Any) -> None:
        """Skipped where all is well, and in a run that was started with its note."""
        if (context["dag_run"].conf or {}).get(_NOTED) or self._look():
            raise AirflowSkipException("nothing to add")
        TriggerDagRunOperator.execute(self, context)


def tell_standing(community: str) -> TellStanding:
    """The task that does it, whatever happened before it in the run."""
    return TellStanding(
        task_id="tell_standing", community=community, trigger_rule=TriggerRule.ALL_DONE
    )


def note_standing(community: str) -> NoteStanding:
    """The task that sees to a note on a red run of the standing."""
    return NoteStanding(task_id="note", community=community)
