"""Airflow reads here: one ``audit__<community>`` DAG for each community in force."""

from preservation.orchestration.audit import audit_dag
from preservation.orchestration.factory import community_dags

globals().update(community_dags("audit", audit_dag))
