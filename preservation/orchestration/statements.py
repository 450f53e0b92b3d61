"""``statements``: other holders' own fixity checks, asked for and recorded as theirs. Weekly."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable

from preservation.orchestration import parts, settings, words
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.steps import LABEL, gate, step
from preservation.orchestration.watch import watch
from preservation.orchestration.work import upkeep as work
from preservation.orchestration.work.common import Json

_WEEKLY = "0 18 * * 6"  # UTC: Saturday night in Tashkent


def statements_dag() -> DAG:
    """Build the one DAG that serves all communities. What others state leaves it green."""
    with DAG(
        dag_id="statements",
        dag_display_name="Statements of others",
        tags=["statements"],
        schedule=CronTriggerTimetable(_WEEKLY, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=words.STATEMENTS,
    ) as dag:

        @gate()
        def plan() -> list[Json]:
            """The holders that policies in force ask. If there is none, nothing else runs."""
            with parts.open_parts() as home:
                return work.holders(home)

        @step(map_index_template=LABEL, execution_timeout=settings.SHARD)
        def ask(one: Json) -> Json:
            """Have one holder check its packages; each statement is recorded before the next."""
            with parts.open_parts() as home:
                result = work.ask_holder(home, one, LogProgress(label=one["label"]))
                home.drain()
            said: Any = ", ".join(f"{count} {word}" for word, count in result["outcomes"].items())
            settings.label(f"{one['label']} · {said or 'nothing was asked'}")
            return result

        planned = plan()
        asked = ask.expand(one=planned)
        watch(planned, asked)
    return dag
