"""The calls of Criteo Marketing Solutions, as far as audiences go."""

from __future__ import annotations

import re

from starlette.responses import Response

from dbt_activate.sandbox.call import Call, Endpoint
from dbt_activate.sandbox.criteo import bulk, contact_lists
from dbt_activate.sandbox.criteo.problems import success
from dbt_activate.sandbox.criteo.settings import Client
from dbt_activate.sandbox.criteo.state import CriteoState

SEGMENTS = "/marketing-solutions/audience-segments"
CONTACT_LIST = f"{SEGMENTS}/{{segment_id}}/contact-list"


def list_advertisers(state: CriteoState, client: Client, call: Call) -> Response:
    """List the advertisers that gave the client their consent."""
    names = state.settings.advertisers
    data = [
        {"type": "advertiser", "id": advertiser_id, "attributes": {"advertiserName": names[advertiser_id]}}
        for advertiser_id in client.advertisers
        if advertiser_id in names
    ]
    return success(call, data)


class Criteo(CriteoState):
    """The Criteo Marketing Solutions API, as far as audiences go."""

    name = "criteo"
    label = "Criteo"
    root_paths = re.compile(r"/oauth2/token$|/\d{4}-\d{2}/")
    endpoints = (
        Endpoint("advertisers", "GET", "/advertisers/me", list_advertisers),
        Endpoint("search", "POST", f"{SEGMENTS}/search", bulk.search),
        Endpoint("create", "POST", f"{SEGMENTS}/create", bulk.create),
        Endpoint("update", "PATCH", SEGMENTS, bulk.update),
        Endpoint("delete", "POST", f"{SEGMENTS}/delete", bulk.delete),
        Endpoint("sizes", "POST", f"{SEGMENTS}/compute-sizes", bulk.compute_sizes),
        Endpoint("amend", "PATCH", CONTACT_LIST, contact_lists.amend),
        Endpoint("clear", "DELETE", CONTACT_LIST, contact_lists.clear),
        Endpoint("statistics", "GET", f"{CONTACT_LIST}/statistics", contact_lists.statistics),
    )
    permissions = {"advertisers": None, "search": "read", "statistics": "read"}
