"""``brake__<community>``: automatic repair waits on a tier: may it go on? A DAG of its own, so that
nothing else waits for the answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, XComArg
from airflow.sdk.exceptions import AirflowSkipException

from preservation.orchestration import brakes, parts, settings, words
from preservation.orchestration.question import AskApproval
from preservation.orchestration.steps import step
from preservation.orchestration.watch import watch
from preservation.policy.policy import Policy

ANSWER_WITHIN = timedelta(hours=24)  # then the run ends red, and the next asks again


def is_needed(policy: Policy) -> bool:
    """Where the policy wants approvals, the question stands at the head of their list."""
    return policy.repair.automatic


def brake_dag(policy: Policy) -> DAG:
    """Build the DAG. Each run of the repair that sees the brake on wakes it."""
    community = policy.community
    with DAG(
        **settings.dag_settings("brake", policy),
        schedule=[settings.brake_waits(community)],
        doc_md=words.brake(policy),
    ) as dag:
        ask = AskAboutBrake(
            task_id="ask",
            community=community,
            title=settings.title(policy),
            params={"reason": Param("", type="string", title="Reason (kept as evidence)")},
            response_timeout=ANSWER_WITHIN,
            execution_timeout=None,
            doc_md=words.BRAKE,
        )

        @step(outlets=[settings.findings_open(community)])
        def release(answer: Any, asked: Any) -> str:
            """Accept what the question was about, in that person's name; the next run repairs."""
            with parts.open_parts() as home:
                return brakes.release(home, community, answer, asked)

        watch(ask, release(ask.output, XComArg(ask, key="asked")))
    return dag


class AskAboutBrake(AskApproval):
    """Asks whether automatic repair may go on, where it waits; skipped where it does not."""

    def __init__(self, *, community: str, title: str, **kwargs: Any) -> None:
        super().__init__(subject="", digest="", **kwargs)
        self.community, self.title = community, title

    def execute(self, context: Any) -> Any:
        """Put the question, if there is one, and park the task until a person answers."""
        with parts.open_parts() as home:
            question = brakes.question(home, self.community, self.title)
        if question is None:
            raise AirflowSkipException("automatic repair waits nowhere")
        self.subject, self.body = question["subject"], question["body"]
        self.digest = sorted(question["findings"])
        return super().execute(context)
