"""Airflow reads here: the one ``reports`` DAG of the home."""

from preservation.orchestration.factory import single_dag
from preservation.orchestration.reports import reports_dag

globals().update(single_dag("reports", reports_dag))
