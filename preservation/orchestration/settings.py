"""What all DAGs share: retries, time limits, pools, queues, schedules, assets, tags."""

from __future__ import annotations

import zlib
from datetime import timedelta
from functools import cache
from typing import Any

from airflow.sdk import Asset, CronTriggerTimetable, conf, get_current_context

from preservation.policy.policy import Policy

PLANNING = timedelta(minutes=30)
SHARD = timedelta(hours=6)  # 16 GiB at 1 MB/s; and well below Redis's visibility time-out
DEPOSIT = timedelta(hours=18)
_LABEL = 200  # characters; Airflow's column holds 250

RETRYING: dict[str, Any] = {
    "owner": "samarkand",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": PLANNING,
}


def dag_id(kind: str, community: str) -> str:
    """``audit__silk-road``. Ids of communities hold no underscore, so this reads back."""
    return f"{kind}__{community}"


def dag_settings(kind: str, policy: Policy) -> dict[str, Any]:
    """What every DAG of a community is made with, but for its schedule and words.

    Without a start date a new DAG waits for the first tick that is still to come; with one in
    the past it would run at once for the tick before.
    """
    return {
        "dag_id": dag_id(kind, policy.community),
        "dag_display_name": f"{kind.capitalize()} · {title(policy)}",
        "tags": [policy.community, kind],
        "catchup": False,
        "max_active_runs": 1,
        "default_args": RETRYING,
    }


def title(policy: Policy) -> str:
    """The community's title in English, which every policy has."""
    return policy.title["en"]


def on_tier(tier: str) -> dict[str, str]:
    """Pool and queue of work that touches a tier, so that it runs next to the data.

    Pools are made by ``up`` and ``apply``. A queue per tier is for workers that stand where
    the tier stands, so it is the rule under Celery only; ``[preservation] queues`` in
    Airflow's settings (``AIRFLOW__PRESERVATION__QUEUES``) says ``tiers`` or ``one`` otherwise.
    """
    return {"pool": pool(tier), "queue": _common_queue() or tier}


def is_one_queue() -> bool:
    """Whether any worker may work on any tier; else each tier's work goes to its own queue."""
    return bool(_common_queue())


@cache
def _common_queue() -> str:
    """The one queue of all tiers; empty where each has its own. Asked once: it is slow."""
    default = "tiers" if "Celery" in conf.get("core", "executor") else "one"
    if conf.get("preservation", "queues", fallback=default) == "tiers":
        return ""
    return conf.get("operators", "default_queue")


def pool(tier: str) -> str:
    """The name of a tier's pool."""
    return f"tier-{tier}"


def promised_tiers(policy: Policy) -> list[str]:
    """The tiers that keep or check this community's replicas, in the policy's order."""
    return list(dict.fromkeys([rule.tier for rule in policy.replicas] + list(policy.audit.tiers)))


def hourly(community: str) -> CronTriggerTimetable:
    """Once an hour, each community at a minute of its own, so that a hundred of them do not
    start at once.
    """
    return CronTriggerTimetable(f"{zlib.crc32(community.encode()) % 60} * * * *", timezone="UTC")


def replicas_due(community: str) -> Asset:
    """Updated when an AIP version was taken in, whose other replicas are now due."""
    return Asset(name=f"replicas-due:{community}", uri=f"samarkand://{community}/replicas-due")


def findings_open(community: str) -> Asset:
    """Updated when an audit found damage."""
    return Asset(name=f"findings-open:{community}", uri=f"samarkand://{community}/findings-open")


def brake_waits(community: str) -> Asset:
    """Updated while automatic repair waits for a person's word."""
    return Asset(name=f"brake-waits:{community}", uri=f"samarkand://{community}/brake-waits")


def label(text: str) -> None:
    """Give the running mapped task another name than that of what it is mapped over."""
    context: Any = get_current_context()
    context["label"] = short(text)


def short(text: str) -> str:
    """Text that fits into the label of a mapped task."""
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
