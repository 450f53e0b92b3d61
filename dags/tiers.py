"""Airflow reads here: the one ``tiers`` DAG of the home, where tiers have queues of their own."""

from preservation.orchestration.tiers import tiers_dags

globals().update(tiers_dags())
