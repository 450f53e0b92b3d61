"""``replicate__<community>``: plan -> replicas to make, tier by tier."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, TaskGroup

from preservation.orchestration import parts, settings, words
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.steps import gate, step, tier_step
from preservation.orchestration.work import replicate as work
from preservation.orchestration.work.common import Json, of_tier
from preservation.policy.policy import Policy


def replicate_dag(policy: Policy) -> DAG:
    """Build the DAG. New AIPs wake it; the hourly sweep catches what a lost event left."""
    community = policy.community
    with DAG(
        **settings.dag_settings("replicate", policy),
        schedule=AssetOrTimeSchedule(
            timetable=settings.hourly(community), assets=[settings.replicas_due(community)]
        ),
        doc_md=words.replicate(policy),
    ) as dag:

        @gate()
        def plan() -> list[Json]:
            """What is promised and not there, as shards. If nothing is, nothing else runs."""
            with parts.open_parts() as home:
                return work.replicas_due(home, community, together=settings.is_one_queue())

        planned = plan()
        for rule in policy.replicas:
            _tier(rule.tier, planned)
    return dag


def _tier(tier: str, planned: Any) -> None:
    with TaskGroup(group_id=f"tier-{tier}", group_display_name=tier):

        @step()
        def shards(planned: list[Json]) -> list[Json]:
            """The share of this tier, and of others for which the same versions are due."""
            return of_tier(planned, tier)

        @tier_step(tier)
        def replicate(one: Json) -> Json:
            """Write each replica, read it back, record it; done ones are not done again."""
            with parts.open_parts() as home:
                return work.replicate(home, one, LogProgress(label=one["label"]))

        replicate.expand(one=shards(planned))
