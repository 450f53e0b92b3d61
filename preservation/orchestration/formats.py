"""``formats``: keeps the central inventory, and looks again when the tools know more. Nightly."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable

from preservation.orchestration import parts, settings, words
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.steps import LABEL, afterwards, step
from preservation.orchestration.watch import watch
from preservation.orchestration.work import formats as work
from preservation.orchestration.work import upkeep
from preservation.orchestration.work.common import Json

_NIGHTLY = "30 20 * * *"  # UTC: after midnight in Tashkent, before the audits


def formats_dag() -> DAG:
    """Build the one DAG that serves all communities. Changed formats leave it green."""
    with DAG(
        dag_id="formats",
        dag_display_name="Formats",
        tags=["formats"],
        schedule=CronTriggerTimetable(_NIGHTLY, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=words.FORMATS,
    ) as dag:

        @step(execution_timeout=settings.SHARD)
        def refresh() -> list[Json]:
            """Take new AIPs into the central inventory."""
            with parts.open_parts() as home:
                return work.inventories(home, LogProgress())

        @step()
        def plan(_: list[Json]) -> list[Json]:
            """What newer tools could answer otherwise; mostly nothing."""
            with parts.open_parts() as home:
                return work.formats_due(home)

        @step(map_index_template=LABEL, execution_timeout=settings.SHARD)
        def review(one: Json) -> Json:
            """Ask the tools again about files of some AIPs, and record what changed."""
            with parts.open_parts() as home:
                result = work.review_formats(home, one, LogProgress(label=one["label"]))
            settings.label(f"{one['label']} · {result['changed']} changed")
            return result

        @step(execution_timeout=settings.SHARD)
        def sweep() -> int:
            """Remove what runs that never came back have left behind, more than a day ago."""
            with parts.open_parts() as home:
                return upkeep.sweep(home, LogProgress())

        planned = plan(refresh())
        reviewed = review.expand(one=planned)
        settled = _settle(reviewed)
        watch(planned, reviewed, settled, sweep())
    return dag


def _settle(reviewed: Any) -> Any:
    @afterwards(execution_timeout=settings.SHARD)
    def settle(_: list[Any]) -> list[Json]:
        """Take in what was found; red if an AIP could not be read for the inventory."""
        with parts.open_parts() as home:
            home.drain()
            done = work.inventories(home, LogProgress())
            work.refuse_missing(done)
        return done

    return settle(reviewed)
