"""Airflow's task decorators with the settings and the types that our DAGs need.

A decorated function is called while the DAG is parsed, with references to what it will be
given when it runs; so its arguments say what it gets, and its call takes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

from airflow.sdk import TriggerRule, task, task_group

from preservation.orchestration.settings import SHARD, on_tier


class Step(Protocol):
    """A task, or a group of them, not yet put into its DAG."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def expand(self, **kwargs: Any) -> Any:
        """One instance for each element of what an earlier task will return."""
        ...


Decorator = Callable[[Callable[..., Any]], Step]

# Rendered before the body, so that a running task has a name, and again after it. A name that
# is not defined would fail the task; an expression that is not reached does no harm.
LABEL = "{{ label if label is defined else task.op_kwargs['one']['label'] }}"


def step(**options: Any) -> Decorator:
    """A task."""
    decorator: Decorator = task(**options)
    return decorator


def gate(**options: Any) -> Decorator:
    """A task that returns a list; if it is empty, nothing that needs the list runs.

    What comes after by another trigger rule than the common one runs all the same.
    """
    decorator: Decorator = task.short_circuit(ignore_downstream_trigger_rules=False, **options)
    return decorator


def tier_step(tier: str, timeout: timedelta = SHARD) -> Decorator:
    """A mapped task that touches a tier, over an argument ``one`` that has a ``label``."""
    return step(map_index_template=LABEL, execution_timeout=timeout, **on_tier(tier))


def afterwards(**options: Any) -> Decorator:
    """A task that runs when all before it have ended, however they ended."""
    return step(trigger_rule=TriggerRule.ALL_DONE, **options)


def steps(function: Callable[..., Any]) -> Step:
    """A group of tasks."""
    group: Step = task_group(function)
    return group
