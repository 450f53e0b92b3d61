"""The local Airflow and its database: started, watched, restarted, stopped.

Three functions, one value and a client are for others::

    running = up(Settings(home, policies, dags), progress)
    api = running.api("archivist")
    down(home, progress)

Source: ``docs/decisions/0050`` to ``0052``.
"""

from preservation.supervise.control import Running, Status, down, healthy, status, up
from preservation.supervise.environment import User
from preservation.supervise.rest import AirflowApi, TaskInstance, ensure_pools
from preservation.supervise.settings import Settings

__all__ = [
    "AirflowApi",
    "Running",
    "Settings",
    "Status",
    "TaskInstance",
    "User",
    "down",
    "ensure_pools",
    "healthy",
    "status",
    "up",
]
