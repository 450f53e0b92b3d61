"""Airflow reads here: the one ``notices`` DAG of the home."""

from preservation.orchestration.factory import single_dag
from preservation.orchestration.notices import notices_dag

globals().update(single_dag("notices", notices_dag))
