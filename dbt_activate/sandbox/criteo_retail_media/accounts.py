"""The calls that list accounts, and the retailers of an account."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.criteo.bodies import page_number, read_body
from dbt_activate.sandbox.criteo.problems import failed, success
from dbt_activate.sandbox.criteo_retail_media.bodies import RetailerSearch
from dbt_activate.sandbox.criteo_retail_media.settings import Account, RetailMediaClient
from dbt_activate.sandbox.criteo_retail_media.state import RetailMediaState

INT32_MAX = 2**31 - 1


def list_accounts(state: RetailMediaState, client: RetailMediaClient, call: Call) -> Response:
    """List the accounts that gave the client their consent, a page at a time."""
    index = page_number(call, "pageIndex", 0, INT32_MAX)
    size = page_number(call, "pageSize", 25, INT32_MAX, minimum=1)
    known = state.settings.accounts
    reached = [account_id for account_id in client.accounts if account_id in known]
    page = [
        _account(account_id, known[account_id]) for account_id in reached[index * size : (index + 1) * size]
    ]
    metadata = {
        "totalItemsAcrossAllPages": len(reached),
        "currentPageSize": size,
        "currentPageIndex": index,
        "totalPages": -(-len(reached) // size),
        "nextPage": None,
        "previousPage": None,
    }
    return success(call, page, metadata=metadata)


def search_retailers(
    state: RetailMediaState, client: RetailMediaClient, call: Call, account_id: str
) -> Response:
    """List the retailers of an account, at most ten at a time."""
    if not state.reaches(client, account_id):
        raise failed(403)
    limit = page_number(call, "limit", 5, 10, minimum=1)
    offset = page_number(call, "offset", 0, INT32_MAX)
    wanted = read_body(call, RetailerSearch).data.attributes.retailer_id_filter
    retailers = state.settings.accounts[account_id].retailers
    found = [
        {"type": "RetailerResult", "id": retailer_id, "attributes": {"name": name}}
        for retailer_id, name in retailers.items()
        if wanted is None or retailer_id in wanted
    ]
    page = found[offset : offset + limit]
    # Whether it counts the page or all is not documented.
    return success(call, page, metadata={"count": len(page), "limit": limit, "offset": offset})


def _account(account_id: str, account: Account) -> dict[str, Any]:
    attributes = {
        "name": account.name,
        "type": account.type,
        "subtype": None,
        "countries": ["FR"],
        "currency": "EUR",
        "parentAccountLabel": account.name,
        "timeZone": "Europe/Paris",
    }
    return {"type": "RetailMediaAccount", "id": account_id, "attributes": attributes}
