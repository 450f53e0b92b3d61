"""Red means red: a run is judged by its last tasks, and ours run whatever happened before."""

from __future__ import annotations

from typing import Any

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowFailException

from preservation.orchestration.steps import step


def watch(*watched: Any) -> None:
    """Add a task that is skipped when all went well, and fails the run when any task failed.

    Without it a run whose shard failed would end green, because settling, reporting and
    telling come after it and succeed.
    """

    @step(trigger_rule=TriggerRule.ONE_FAILED)
    def a_task_failed() -> None:
        """Skipped is good here."""
        raise AirflowFailException(
            "A task of this run failed. Next: open the red ones above; each one's log says why."
        )

    watcher = a_task_failed()
    for one in watched:
        one >> watcher
