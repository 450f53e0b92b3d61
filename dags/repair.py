"""Airflow reads here: one ``repair__<community>`` DAG for each community in force."""

from preservation.orchestration.factory import community_dags
from preservation.orchestration.repair import repair_dag

globals().update(community_dags("repair", repair_dag))
