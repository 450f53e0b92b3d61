"""``tiers``: where each tier has workers of its own, these look at it for all others."""

from __future__ import annotations

import logging

from airflow.sdk import DAG, CronTriggerTimetable

from preservation.ledger.policies import PolicyFiles
from preservation.orchestration import parts, settings, words
from preservation.orchestration.factory import kept_policy, single_dag
from preservation.orchestration.steps import step
from preservation.orchestration.work import upkeep as work

_log = logging.getLogger(__name__)
_EVERY = "10,40 * * * *"


def tiers_dags() -> dict[str, DAG]:
    """The one DAG, if each tier's work goes to a queue of its own; else nobody needs it."""
    return {} if settings.is_one_queue() else single_dag("tiers", tiers_dag)


def tiers_dag() -> DAG:
    """Build the DAG: a task for each tier that keeps replicas, beside each other."""
    with DAG(
        dag_id="tiers",
        dag_display_name="Tiers",
        tags=["tiers"],
        schedule=CronTriggerTimetable(_EVERY, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=settings.RETRYING,
        doc_md=words.TIERS,
    ) as dag:
        for tier in _tiers():
            _look(tier)
    return dag


def _tiers() -> list[str]:
    """Those that policies in force promise. One that can't be read has a red DAG of its own."""
    found = set[str]()
    for name, line in PolicyFiles(parts.home() / "policies").in_force().items():
        try:
            found.update(settings.promised_tiers(kept_policy(line.digest)))
        except Exception:  # noqa: BLE001 - whatever is wrong with one, the others go on
            _log.exception("%s: the policy in force cannot be used", name)
    return sorted(found)


def _look(tier: str) -> None:
    @step(task_id=tier, **settings.on_tier(tier))
    def look() -> str:
        """See that the tier is there, and itself; give it what it lacks of the journal."""
        with parts.open_parts() as home:
            return work.look_at(home, tier)

    look()
