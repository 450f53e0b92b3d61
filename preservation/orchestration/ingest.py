"""``ingest__<community>``: find deposits -> take each in -> say that replicas are due."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, TriggerRule

from preservation.orchestration import parts, settings, words
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.steps import gate, step, steps, tier_step
from preservation.orchestration.watch import watch
from preservation.orchestration.work import ingest as work
from preservation.orchestration.work.common import Json, tally
from preservation.policy.policy import Policy

PARAMS = {
    "deposit": Param(
        None,
        type=["null", "string"],
        title="Deposit",
        description="Take in only the deposit of this name. Empty: all that are complete.",
    )
}


def ingest_dag(policy: Policy) -> DAG:
    """Build the DAG. Its work stands on the first tier that the policy names."""
    community, first = policy.community, policy.replicas[0].tier
    with DAG(
        **settings.dag_settings("ingest", policy),
        schedule=CronTriggerTimetable(policy.intake.schedule, timezone=policy.intake.timezone),
        doc_md=words.ingest(policy),
        params=PARAMS,
    ) as dag:

        @gate()
        def find(params: dict[str, Any]) -> list[Json]:
            """Complete deposits in the inbox. If there are none, nothing else runs."""
            with parts.open_parts() as home:
                return work.deposits(home, community, params["deposit"])

        @steps
        def deposit(one: Json) -> Any:
            @tier_step(first, settings.DEPOSIT)
            def take(one: Json) -> Json:
                """Examine, package, commit, verify: one transaction for one deposit."""
                with parts.open_parts() as home:
                    outcome = work.take_in(home, one, LogProgress(label=one["label"]))
                settings.label(f"{one['label']} · {outcome['outcome']}")
                return outcome

            return take(one=one)

        @step(
            trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
            outlets=[settings.replicas_due(community)],
        )
        def announce(outcomes: Json | Iterable[Json]) -> Json:
            """Wake the DAG that makes the other replicas."""
            return tally(outcomes, "outcome")

        taken = deposit.expand(one=find())
        watch(taken, announce(taken))
        if policy.intake.release.mode != "keep":
            _release(community)
    return dag


def _release(community: str) -> None:
    @step()
    def release() -> Json:
        """Let deposits go that were taken in: only what did not change, and is kept well."""
        with parts.open_parts() as home:
            return work.release(home, community, LogProgress())

    release()
