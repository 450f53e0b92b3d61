"""Airflow reads here: the one ``journal`` DAG of the home."""

from preservation.orchestration.factory import single_dag
from preservation.orchestration.journal import journal_dag

globals().update(single_dag("journal", journal_dag))
