"""The receiver of dbt Cloud's webhooks."""
