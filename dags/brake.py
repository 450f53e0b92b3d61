"""Airflow reads here: one ``brake__<community>`` DAG for each community that repairs by itself."""

from preservation.orchestration.brake import brake_dag, is_needed
from preservation.orchestration.factory import community_dags

globals().update(community_dags("brake", brake_dag, is_needed))
