"""``audit__<community>``: plan -> checks, tier by tier -> settle -> report -> standing."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, AssetAlias, CronTriggerTimetable, Param, TaskGroup

from preservation.orchestration import parts, settings, words
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.steps import afterwards, step, tier_step
from preservation.orchestration.tell import tell_standing
from preservation.orchestration.watch import watch
from preservation.orchestration.work import audit as work
from preservation.orchestration.work import telling
from preservation.orchestration.work.common import Json, of_tier
from preservation.policy.policy import Policy

_AIP = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def audit_dag(policy: Policy) -> DAG:
    """Build the DAG. Damage found leaves it green: see ``standing``."""
    community = policy.community
    with DAG(
        **settings.dag_settings("audit", policy),
        schedule=CronTriggerTimetable(policy.audit.schedule, timezone=policy.audit.timezone),
        doc_md=words.audit(policy),
        params=_params(policy),
    ) as dag:

        @step()
        def plan(params: dict[str, Any]) -> list[Json]:
            """What is due within the night's budget, nearest deadline first."""
            with parts.open_parts() as home:
                return work.checks_due(home, community, params)

        planned = plan()
        checked = [_tier(tier, planned) for tier in policy.audit.tiers]
        settled = _settle(community, checked)
        reported = _report(community, settled)
        told = tell_standing(community)
        reported >> told
        _all_checked(settled)
        watch(planned, *checked, settled, reported, told)
    return dag


def _tier(tier: str, planned: Any) -> Any:
    with TaskGroup(group_id=f"tier-{tier}", group_display_name=tier):

        @step()
        def shards(planned: list[Json]) -> list[Json]:
            """The share of this tier."""
            return of_tier(planned, tier)

        @tier_step(tier)
        def audit(one: Json) -> Json:
            """Read and compare each replica; every result is recorded before the next."""
            with parts.open_parts() as home:
                result = work.check(home, one, LogProgress(label=one["label"]))
            settings.label(work.outcomes_label(one["label"], result))
            return result

        return audit.expand(one=shards(planned))


def _settle(community: str, checked: list[Any]) -> Any:
    damage = AssetAlias(f"damage-found:{community}")
    finding = settings.findings_open(community)

    @afterwards(outlets=[damage])
    def settle(checked: list[Any], *, outlet_events: Any = None) -> Json:
        """Make the evidence durable; wake the repair if there is damage."""
        with parts.open_parts() as home:
            total = work.settle(home, community, checked)
            home.drain()
        if total["findings"]:
            outlet_events[damage].add(finding)
        return total

    return settle(checked)


def _report(community: str, settled: Any) -> Any:
    @afterwards()
    def report(
        settled: Json | None, run_id: Any = None, prev_start_date_success: Any = None
    ) -> str:
        """Write what happened since the last audit, and how things stand."""
        with parts.open_parts() as home:
            return telling.report(home, community, run_id, prev_start_date_success, settled or {})

    return report(settled)


def _all_checked(settled: Any) -> Any:
    @step()
    def all_checked(settled: Json) -> None:
        """Red if something that was planned could not be checked: it is not known to be well."""
        with parts.told_to_airflow():
            work.refuse_unchecked(settled)

    return all_checked(settled)


def _params(policy: Policy) -> dict[str, Param]:
    return {
        "tier": Param(
            None,
            enum=[None, *policy.audit.tiers],
            values_display={"null": "all tiers"},  # else the form says "null"
            title="Tier",
            description="Check this tier only.",
        ),
        "aip": Param(
            None,
            type=["null", "string"],
            pattern=_AIP,
            title="AIP",
            description="Check the replicas of this AIP only (its UUID), due or not.",
        ),
        "format": Param(
            None,
            type=["null", "string"],
            title="Format",
            description="Check AIP versions only that hold files of this format (PUID, MIME type), "
            "due or not.",
        ),
        "since": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Since",
            description="Check AIP versions only that were taken in on this day or later.",
        ),
        "sample": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Sample",
            description="Check so many replicas of each tier, drawn by lot; the log of `settle` "
            "tells what that says about all.",
        ),
        "budget": Param(
            None,
            type=["null", "string"],
            title="Budget",
            description="Read at most so much: 500 GiB. Empty: the policy's budget.",
        ),
        "everything": Param(
            False,
            type="boolean",
            title="Everything",
            description="Check all, whenever it was checked last; the night's budget still holds.",
        ),
    }
