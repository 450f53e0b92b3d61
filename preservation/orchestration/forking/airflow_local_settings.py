"""What each task needs, loaded once: Airflow imports a module of this name as it starts.

A task is a fork of the scheduler's worker, or of a Celery worker, and each spent most of its CPU
on importing the same modules. These start no thread and open nothing, so that a fork may have
them; and nothing of Airflow's is among them, which is only being imported itself.
"""

import preservation.app.parts  # noqa: F401 - to have it is the purpose

__all__: list[str] = []  # Airflow takes what is named here for settings
