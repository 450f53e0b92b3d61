"""What each task needs, loaded once: Airflow imports a module of this name as it starts.

A task is a fork of the scheduler's worker, or of a Celery worker, and each spent most of its CPU
on importing the same modules. These start no thread and open nothing, so that a fork may have
them; and nothing of Airflow's is among them, which is only being imported itself.
"""

import sqlalchemy.dialects.postgresql  # noqa: F401 - to have it is the purpose, here and below

import preservation.app.services.audit
import preservation.app.services.ingest
import preservation.app.services.repair
import preservation.app.services.replication
import preservation.app.services.standing
import preservation.app.services.statements
import preservation.app.services.tools  # noqa: F401

__all__: list[str] = []  # Airflow takes what is named here for settings
