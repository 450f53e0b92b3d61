"""Airflow reads here: the one ``statements`` DAG of the home."""

from preservation.orchestration.factory import single_dag
from preservation.orchestration.statements import statements_dag

globals().update(single_dag("statements", statements_dag))
