"""Who is well: what Airflow says of its parts, held against when these parts were started."""

from __future__ import annotations

from collections.abc import Mapping

from preservation.supervise import processes, rest

API_SERVER = "api-server"
_REPORTED_AS = {
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}


def unwell(url: str, leaders: Mapping[str, str]) -> list[str]:
    """Names of the parts that do not say that they are well; all, if none can be asked.

    For half a minute Airflow takes the last sign of life of a killed part for its successor's: a
    sign older than the process does not count.

    Args:
        url: where the api-server is.
        leaders: identities by name: ``api-server``, ``scheduler``, ``dag-processor``,
            ``triggerer``; a name that is missing is not well.
    """
    found = rest.health(url) if url and processes.runs(leaders.get(API_SERVER, "")) else {}
    if not found:
        return [API_SERVER, *_REPORTED_AS]
    return [name for name, key in _REPORTED_AS.items() if not _well(leaders, name, found.get(key))]


def _well(leaders: Mapping[str, str], name: str, part: rest.Health | None) -> bool:
    who = leaders.get(name, "")
    if part is None or not part.healthy or part.heartbeat is None or not processes.runs(who):
        return False
    return part.heartbeat.timestamp() >= processes.born(who)
