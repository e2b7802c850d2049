"""An ordinary JSON API of member lists, no vendor's in particular: what ``type: http`` is tried on."""

from dbt_activate.sandbox.http.api import HttpEndpoint
from dbt_activate.sandbox.http.entry import ONE_BY_ONE, REQUESTS
from dbt_activate.sandbox.http.settings import HttpEndpointSettings

__all__ = ["ONE_BY_ONE", "REQUESTS", "HttpEndpoint", "HttpEndpointSettings"]
