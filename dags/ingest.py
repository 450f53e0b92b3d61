"""Airflow reads here: one ``ingest__<community>`` DAG for each community in force."""

from preservation.orchestration.factory import community_dags
from preservation.orchestration.ingest import ingest_dag

globals().update(community_dags("ingest", ingest_dag))
