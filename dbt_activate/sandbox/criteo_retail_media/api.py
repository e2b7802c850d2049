"""The calls of Criteo Retail Media, as far as audiences go."""

from __future__ import annotations

from dbt_activate.sandbox.call import Endpoint
from dbt_activate.sandbox.criteo_retail_media import accounts, bulk, contact_lists
from dbt_activate.sandbox.criteo_retail_media.state import RetailMediaState

ACCOUNT = "/retail-media/accounts/{account_id}"
SEGMENTS = f"{ACCOUNT}/audience-segments"
CONTACT_LIST = "/retail-media/audience-segments/{segment_id}/contact-list"


class CriteoRetailMedia(RetailMediaState):
    """The Criteo Retail Media API, as far as audiences go."""

    name = "criteo_retail_media"
    label = "Criteo Retail Media"
    endpoints = (
        Endpoint("accounts", "GET", "/retail-media/accounts", accounts.list_accounts),
        Endpoint("retailers", "POST", f"{ACCOUNT}/retailers/search", accounts.search_retailers),
        Endpoint("search", "POST", f"{SEGMENTS}/search", bulk.search),
        Endpoint("create", "POST", f"{SEGMENTS}/create", bulk.create),
        Endpoint("rename", "PATCH", SEGMENTS, bulk.update),
        Endpoint("delete", "POST", f"{SEGMENTS}/delete", bulk.delete),
        Endpoint("amend", "POST", f"{CONTACT_LIST}/add-remove", contact_lists.amend),
        Endpoint("clear", "POST", f"{CONTACT_LIST}/clear", contact_lists.clear),
        Endpoint("count", "GET", f"{SEGMENTS}/{{segment_id}}/contact-list", contact_lists.statistics),
    )
    permissions = {"accounts": "accounts", "retailers": "campaigns", "search": "read", "count": "read"}
