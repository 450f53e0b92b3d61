"""Airflow reads here: the one ``drill`` DAG of the home."""

from preservation.orchestration.drill import drill_dag
from preservation.orchestration.factory import single_dag

globals().update(single_dag("drill", drill_dag))
