"""DAGs, one set per community, over the services. The only room of Airflow's."""
