"""Airflow reads here: one ``replicate__<community>`` DAG for each community in force."""

from preservation.orchestration.factory import community_dags
from preservation.orchestration.replicate import replicate_dag

globals().update(community_dags("replicate", replicate_dag))
