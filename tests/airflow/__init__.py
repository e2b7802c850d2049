"""The operator, in a real Airflow."""
