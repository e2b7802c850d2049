"""Turn dbt models into living audiences in marketing tools."""
