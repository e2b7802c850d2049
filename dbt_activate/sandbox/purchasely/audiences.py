"""The calls on audiences as a whole: create, list, read, archive."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.purchasely.audience import CustomAudience
from dbt_activate.sandbox.purchasely.refusals import RefusalError
from dbt_activate.sandbox.purchasely.state import PurchaselyState

PAGE_SIZE = 25


def create(state: PurchaselyState, app_id: str, call: Call) -> Response:
    """Make an audience."""
    vendor_id, name, kind = _read_new(call)
    if state.is_taken(app_id, vendor_id):
        raise RefusalError(state.settings.clash_status, "VALIDATION_FAILED", "Vendor has already been taken")
    held_id = state.add_audience(name, app_id, vendor_id=vendor_id, identifier_type=kind)
    return shown(state.audience(held_id), 201)


def search(state: PurchaselyState, app_id: str, call: Call) -> Response:
    """List audiences, a page at a time; archived ones are left out."""
    page = number(call, "page", 1, 1, 1_000_000)
    listed = [held for held in state.audiences() if held.account == app_id]
    start = (page - 1) * PAGE_SIZE
    return JSONResponse({"custom_audiences": [held.as_json() for held in listed[start : start + PAGE_SIZE]]})


def read(state: PurchaselyState, app_id: str, call: Call, vendor_id: str) -> Response:
    """Show an audience."""
    del call
    return shown(state.seen(app_id, vendor_id))


def archive(state: PurchaselyState, app_id: str, call: Call, vendor_id: str) -> Response:
    """Archive an audience, unless a job is under way."""
    del call
    held = state.active(app_id, vendor_id)
    if held.status == "processing":
        raise RefusalError(409, "CANNOT_ARCHIVE_WHILE_PROCESSING")
    state.archive(held)
    return shown(held)


def shown(held: CustomAudience, status: int = 200) -> Response:
    """Answer with an audience."""
    return JSONResponse({"custom_audience": held.as_json()}, status)


def number(call: Call, name: str, default: int, lowest: int, highest: int) -> int:
    """Read a number of the query. How a wrong one is refused is not documented."""
    text = call.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise RefusalError(422, "VALIDATION_FAILED", f"{name} must be between {lowest} and {highest}")
    return int(text)


def _read_new(call: Call) -> tuple[str, str, str]:
    try:
        facts: Any = call.json["custom_audience"]
        vendor_id, name = facts["vendor_id"], facts["name"]
        kind = facts.get("identifier_type", "user_id")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RefusalError(422, "VALIDATION_FAILED", "vendor_id and name are required") from None
    if not all(isinstance(text, str) and text for text in (vendor_id, name)):
        raise RefusalError(422, "VALIDATION_FAILED", "vendor_id and name must not be blank")
    if kind not in ("user_id", "anonymous_id"):
        raise RefusalError(422, "VALIDATION_FAILED", "identifier_type is not included in the list")
    return vendor_id, name, kind
