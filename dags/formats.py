"""Airflow reads here: the one ``formats`` DAG of the home."""

from preservation.orchestration.factory import single_dag
from preservation.orchestration.formats import formats_dag

globals().update(single_dag("formats", formats_dag))
