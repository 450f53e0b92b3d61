"""Airflow reads here: one ``standing__<community>`` DAG for each community in force."""

from preservation.orchestration.factory import community_dags
from preservation.orchestration.standing import standing_dag

globals().update(community_dags("standing", standing_dag, though_paused=True))
