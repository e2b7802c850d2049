"""Lists as CSV or Parquet, in a folder or an object store."""

from dbt_activate.destinations.files.destination import Files

__all__ = ["Files"]
