"""Acme as a destination of dbt-activate."""
