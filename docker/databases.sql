-- Run once by the postgres image. The catalogue is never in Airflow's own database.
CREATE DATABASE catalogue;
