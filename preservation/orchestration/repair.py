"""``repair__<community>``: open findings -> approval if the policy wants it -> repair ->
verify -> standing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    AssetAlias,
    AssetOrTimeSchedule,
    Param,
    TaskGroup,
    XComArg,
    get_current_context,
)

from preservation.catalogue.brake import brakes
from preservation.orchestration import approval, parts, settings, words
from preservation.orchestration.brakes import told as told_brakes
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.question import AskApproval
from preservation.orchestration.steps import afterwards, gate, step, steps, tier_step
from preservation.orchestration.tell import tell_standing
from preservation.orchestration.watch import watch
from preservation.orchestration.work import audit, telling
from preservation.orchestration.work import repair as work
from preservation.orchestration.work.common import Json, of_tier, policy_of
from preservation.policy.policy import Policy

ANSWER_WITHIN = timedelta(hours=24)  # then the run ends red, and the next asks again
PARAMS = {
    "finding": Param(
        None,
        type=["null", "string"],
        title="Finding",
        description="Repair what this finding is about only (its id). Empty: all that is open.",
    )
}


def repair_dag(policy: Policy) -> DAG:
    """Build the DAG. A finding of the audit wakes it; the hourly sweep catches the rest."""
    community = policy.community
    waiting = AssetAlias(f"brake-told:{community}")
    with DAG(
        **settings.dag_settings("repair", policy),
        schedule=AssetOrTimeSchedule(
            timetable=settings.hourly(community), assets=[settings.findings_open(community)]
        ),
        doc_md=words.repair(policy),
        params=PARAMS,
    ) as dag:

        @gate(outlets=[waiting])
        def find(params: dict[str, Any], *, outlet_events: Any = None) -> list[Json]:
            """Open findings that a repair can answer. If there are none, only the standing
            is looked at. Where automatic repair waits on a tier, another DAG asks about it.
            """
            with parts.open_parts() as home:
                found = work.damage(home, community, params["finding"])
                stopped = brakes(home.catalogue, community)
            request = approval.request(found, settings.title(policy), told_brakes(stopped))
            get_current_context()["ti"].xcom_push("request", request)
            if stopped and policy.repair.automatic:
                outlet_events[waiting].add(settings.brake_waits(community))
            return found

        found = find()
        answer = (None, None) if policy.repair.automatic else _approval(policy, found)
        repaired = [_tier(tier, found, answer) for tier in settings.promised_tiers(policy)]
        reported = _report(community, found)
        told = tell_standing(community)
        repaired >> reported >> told
        watch(*repaired, reported, told)
    return dag


def _approval(policy: Policy, found: Any) -> tuple[Any, Any]:
    """Ask once for the whole list. Returns the answer and the digest it is about."""
    asked = "ti.xcom_pull(task_ids='find', key='request')"
    approve = AskApproval(
        task_id="approve",
        subject=f"{{{{ {asked}['subject'] }}}}",
        body=f"{{{{ {asked}['body'] }}}}",
        digest=f"{{{{ {asked}['digest'] }}}}",
        params={"reason": Param("", type="string", title="Reason (kept as evidence)")},
        assigned_users=[{"id": name, "name": name} for name in policy.repair.approvers],
        response_timeout=ANSWER_WITHIN,
        execution_timeout=None,
        doc_md=words.APPROVAL,
    )
    found >> approve
    return approve.output, XComArg(approve, key="asked")


def _tier(tier: str, found: Any, answer: tuple[Any, Any]) -> Any:
    with TaskGroup(group_id=f"tier-{tier}", group_display_name=tier):

        @step()
        def damaged(found: list[Json], answer: Any, asked: Any) -> list[Json]:
            """The damaged replicas of this tier, if their repair is allowed."""
            with parts.open_parts() as home:
                rule = policy_of(home, found[0]["policy"]).repair
                return of_tier(approval.granted(rule, found, answer, asked), tier)

        @steps
        def replica(one: Json) -> Any:
            @tier_step(tier)
            def repair(one: Json) -> Json:
                """Copy from a replica just read intact; damaged bytes go into quarantine."""
                with parts.open_parts() as home:
                    result = work.repair(home, one, LogProgress(label=one["label"]))
                settings.label(f"{one['label']} · {result['state']}")
                return result

            @tier_step(tier)
            def verify(one: Json) -> Json:
                """Read the replica once more, as any audit would."""
                with parts.open_parts() as home:
                    result = work.verify(home, one, LogProgress(label=one["label"]))
                settings.label(audit.outcomes_label(one["label"], result))
                return result

            verified = verify(one=one)
            repair(one=one) >> verified
            return verified

        return replica.expand(one=damaged(found, *answer))


def _report(community: str, found: Any) -> Any:
    @afterwards()
    def report(found: list[Json] | None, run_id: Any = None) -> str:
        """Write a report that tells what became of the findings."""
        since = work.first_opened(found) if found else None
        with parts.open_parts() as home:
            return telling.report(home, community, run_id, since, {})

    return report(found)
