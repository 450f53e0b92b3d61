"""A folder for ``PYTHONPATH``: what Airflow's processes load before they fork."""
