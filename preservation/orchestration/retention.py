"""``retention__<community>``: what was begun -> review -> approvals -> dispose -> standing."""

from __future__ import annotations

import zlib
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context

from preservation.errors import SamarkandError
from preservation.ledger.policies import PolicyFiles
from preservation.model.digest import Digest
from preservation.orchestration import disposals, parts, settings, words
from preservation.orchestration.factory import kept_policy
from preservation.orchestration.progress import LogProgress
from preservation.orchestration.question import AskApproval
from preservation.orchestration.steps import LABEL, gate, step
from preservation.orchestration.tell import tell_standing
from preservation.orchestration.watch import watch
from preservation.policy.policy import Policy

ANSWER_WITHIN = timedelta(days=14)  # then the run ends red, and next month's asks again


def is_needed(policy: Policy) -> bool:
    """Whether there can be anything to do: keeping has an end or is reviewed, or replicas may lie
    on tiers that only earlier policies named.
    """
    rule = policy.retention
    if rule.keep is not None or rule.review is not None:
        return True
    promised = {one.tier for one in policy.replicas}
    former = (kept_policy(digest) for digest in _history().get(policy.community, ()))
    return any(one.tier not in promised for earlier in former for one in earlier.replicas)


def _history() -> dict[str, set[Digest]]:
    """The digests of the policies that governed each community before; read once while nothing
    is applied.
    """
    folder = parts.home() / "policies"
    return _read_history(folder, (folder / "in-force.json").stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read_history(folder: Path, _applied: int) -> dict[str, set[Digest]]:
    found: dict[str, set[Digest]] = {}
    try:
        for amendment in PolicyFiles(folder).history():
            for name, one in amendment.communities.items():
                if one.previous is not None:
                    found.setdefault(name, set()).add(one.previous)
    except SamarkandError:
        pass  # `policy history` tells what can't be read; what was found counts
    return found


def retention_dag(policy: Policy) -> DAG:
    """Build the DAG: once a month, each community on a day of its own."""
    community = policy.community
    with DAG(
        **settings.dag_settings("retention", policy),
        schedule=CronTriggerTimetable(_monthly(community), timezone=policy.audit.timezone),
        doc_md=words.retention(policy),
    ) as dag:

        @step(execution_timeout=settings.SHARD)
        def finish() -> dict[str, Any]:
            """Go on with what was begun: what a lock held, what lay on a tier that was away."""
            with parts.open_parts() as home:
                return disposals.finish(home, community, LogProgress())

        @gate()
        def review() -> list[str]:
            """List what is due, under the digest of exactly that list. If nothing is, it ends."""
            with parts.open_parts() as home:
                request = disposals.review(home, community, settings.title(policy))
                home.drain()
            if request is None:
                return []
            get_current_context()["ti"].xcom_push("request", request)
            return [request["digest"]]

        @step(execution_timeout=settings.SHARD)
        def begin(due: list[str]) -> list[dict[str, Any]]:
            """Only if enough people approved: the list in pieces, for several workers."""
            with parts.open_parts() as home:
                return disposals.begin(home, due[0])

        @step(map_index_template=LABEL, execution_timeout=settings.SHARD)
        def remove(one: dict[str, Any]) -> dict[str, Any]:
            """Tombstone, then everything away, each confirmed; a retry goes on where it was."""
            with parts.open_parts() as home:
                progress = LogProgress(label=one["label"])
                return disposals.carry_out(home, community, one, progress)

        @step(execution_timeout=settings.SHARD)
        def dispose(due: list[str]) -> dict[str, Any]:
            """Say that each item was decided, and do what a piece left undone."""
            with parts.open_parts() as home:
                return disposals.dispose(home, due[0], LogProgress())

        finished, due = finish(), review()
        approvals = [_approval(policy, due, number) for number in _numbers(policy)]
        begun = begin(due)
        removed, disposed = remove.expand(one=begun), dispose(due)
        told = tell_standing(community)
        finished >> due
        approvals >> begun
        removed >> disposed
        disposed >> told
        watch(finished, *approvals, begun, removed, disposed, told)
    return dag


def _numbers(policy: Policy) -> range:
    return range(1, policy.retention.approvals + 1)


def _monthly(community: str) -> str:
    """A day of the month, an hour of the early morning, by the community's name."""
    lot = zlib.crc32(community.encode())
    return f"{lot % 60} {lot // 60 % 5 + 1} {lot // 300 % 28 + 1} * *"


class ApproveDisposal(AskApproval):
    """Asks one of the policy's approvers, and puts the answer on record by itself, as Airflow gives
    it: what one task hands to another can be changed by whoever may write that.
    """

    def take(self, context: Any, answer: Any) -> None:
        """Record a named person's word on the list that was asked about."""
        if answer["chosen_options"] == [self.APPROVE]:
            asked = context["ti"].xcom_pull(task_ids=self.task_id, key="asked")
            with parts.open_parts() as home:
                # If the review was run again meanwhile, the question was about another list.
                disposals.record(home, answer, self.digest if asked == self.digest else None)


def _approval(policy: Policy, due: Any, number: int) -> Any:
    """Ask one person for the whole list."""
    asked = "ti.xcom_pull(task_ids='review', key='request')"
    approvers = [{"id": name, "name": name} for name in policy.retention.approvers]
    approve = ApproveDisposal(
        task_id=f"approve-{number}",
        subject=f"{{{{ {asked}['subject'] }}}}",
        body=f"{{{{ {asked}['body'] }}}}",
        digest=f"{{{{ {asked}['digest'] }}}}",
        params={"reason": Param("", type="string", title="Reason (kept as evidence)")},
        assigned_users=approvers or None,
        response_timeout=ANSWER_WITHIN,
        execution_timeout=None,
        doc_md=words.DISPOSAL,
    )
    due >> approve
    return approve
