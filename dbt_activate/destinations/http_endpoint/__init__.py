"""Whatever takes members over HTTP: requests are templates, and answers are read by expressions."""

from dbt_activate.destinations.http_endpoint.endpoint import Http

__all__ = ["Http"]
