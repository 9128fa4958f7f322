"""The day as flows of Prefect and as a DAG of Airflow."""
