"""The dbt package, in a project of its own on real warehouses."""
