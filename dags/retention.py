"""Airflow reads here: one ``retention__<community>`` DAG for each community whose keeping ends."""

from preservation.orchestration.factory import community_dags
from preservation.orchestration.retention import is_needed, retention_dag

globals().update(community_dags("retention", retention_dag, is_needed))
