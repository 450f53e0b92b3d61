"""From the policies in force to DAGs.

The only thing read is ``<home>/policies/``: which policy governs each community, and the
policies themselves, once per digest and process. When Airflow parses a file to run one task,
only that task's DAG is built.

A policy that cannot be read or built costs its own community's DAGs only, and the place of
each is held by a red one (``preservation.orchestration.placeholder``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from preservation.ledger.policies import PolicyFiles
from preservation.ledger.protocol import InForce
from preservation.model.digest import Digest
from preservation.orchestration.parts import home
from preservation.orchestration.placeholder import placeholder_dag
from preservation.orchestration.settings import dag_id
from preservation.policy.policy import Policy

Shape = Callable[[Policy], DAG]
_log = logging.getLogger(__name__)


def community_dags(
    kind: str,
    shape: Shape,
    needed: Callable[[Policy], bool] | None = None,
    *,
    though_paused: bool = False,
) -> dict[str, DAG]:
    """One DAG for each community in force, by name, for a DAG file's globals.

    Args:
        kind: of work; the first part of each name.
        shape: builds the DAG from a policy.
        needed: whether a policy has this work at all; by default each has.
        though_paused: for communities that are paused, too.

    Raises:
        SamarkandError: ``in-force.json`` is there and cannot be read: an import error of the
            file, which the UI shows.
    """
    lines = (line for line in _wanted(kind).values() if though_paused or not line.paused)
    built = (_one(kind, shape, line, needed) for line in lines)
    return {dag.dag_id: dag for dag in built if dag is not None}


def single_dag(name: str, build: Callable[[], DAG]) -> dict[str, DAG]:
    """The one DAG of this name, if there is a home for it to work on."""
    asked = get_parsing_context().dag_id
    if asked not in (None, name) or not _home_is_there():
        return {}
    return {name: build()}


def _wanted(kind: str) -> Mapping[str, InForce]:
    """What is in force, but only the one community's line where a task's DAG is asked for."""
    asked = get_parsing_context().dag_id
    if asked is not None and not asked.startswith(dag_id(kind, "")):
        return {}
    if not _home_is_there():
        return {}
    lines = PolicyFiles(home() / "policies").in_force()
    return {
        community: line
        for community, line in sorted(lines.items())
        if asked in (None, dag_id(kind, community))
    }


def _home_is_there() -> bool:
    there = home().is_dir()
    if not there:
        _log.warning("no home at %s: no DAGs; set PRESERVATION_HOME or run `preserve init`", home())
    return there


def _one(
    kind: str, shape: Shape, line: InForce, needed: Callable[[Policy], bool] | None
) -> DAG | None:
    try:
        policy = kept_policy(line.digest)
        return shape(policy) if needed is None or needed(policy) else None
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others go on
        _log.exception("%s: the policy in force cannot be used", dag_id(kind, line.community))
        return placeholder_dag(kind, line, f"{type(error).__name__}: {error}")


def kept_policy(digest: Digest) -> Policy:
    """A policy of the home that Airflow works on, in force or not."""
    return _policy(home() / "policies", digest)


@lru_cache(maxsize=4096)
def _policy(folder: Path, digest: Digest) -> Policy:
    """A policy by its digest, which names the same bytes for ever: safe to keep."""
    return PolicyFiles(folder).policy(digest)
