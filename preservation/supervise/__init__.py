"""The local Airflow and its database: started, watched, restarted, stopped."""
