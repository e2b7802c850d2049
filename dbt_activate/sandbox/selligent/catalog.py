"""The calls on organizations, lists and segments, but for the members."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.selligent.answers import RefusalError, not_valid, succeeded
from dbt_activate.sandbox.selligent.settings import ProfileList
from dbt_activate.sandbox.selligent.state import Segment, SelligentState


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and what its path names.

    Attributes:
        call: The request.
        organization: The organization.
        list: The API name of the list, if any.
        segment: The API name of the segment, if any.
    """

    call: Call
    organization: str
    list: str = ""
    segment: str = ""


API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
"""What the API name of a segment may be. No rule is published; this one is strict."""


def show_organization(state: SelligentState, ask: Ask) -> Response:
    """Show an organization, with the API names of its audience lists."""
    audiences = [{"api_name": name} for name in state.lists_of(ask.organization)]
    return JSONResponse({"name": ask.organization, "languages": [], "audiences": audiences})


def show_lists(state: SelligentState, ask: Ask) -> Response:
    """List an organization's lists, of one type if asked for."""
    lists = [
        {"id": number, "type": state.settings.lists[name].type, "api_name": name, "name": name.title()}
        for number, name in enumerate(state.lists_of(ask.organization), 123)
        if ask.call.query.get("filter") in (None, state.settings.lists[name].type)
    ]
    return JSONResponse({state.settings.lists_key: _part(lists, ask.call)})


def show_list(state: SelligentState, ask: Ask) -> Response:
    """Show a list."""
    known = require_list(state, ask)
    return JSONResponse({"api_name": ask.list, "name": ask.list.title(), "type": known.type, "tags": []})


def show_fields(state: SelligentState, ask: Ask) -> Response:
    """List the fields of a list."""
    fields = [
        {"name": field.name, "length": field.length, "data_type": field.data_type, "allow_null": True}
        for field in require_list(state, ask).fields
    ]
    return JSONResponse({"fields": fields})


def show_segments(state: SelligentState, ask: Ask) -> Response:
    """List the segments of a list, those that hold a text in their names and those of a type if asked for."""
    require_list(state, ask)
    search, kind = ask.call.query.get("search", ""), ask.call.query.get("filter")
    found = [
        {"segment_type": segment.type, "api_name": segment.api_name}
        for segment in state.segments_of(ask.list)
        if search in segment.api_name and kind in (None, segment.type)
    ]
    return JSONResponse({"segments": _part(found, ask.call), "segment_count": len(found)})


def show_segment(state: SelligentState, ask: Ask) -> Response:
    """Show a segment."""
    found = require_segment(state, ask)
    return JSONResponse(
        {
            "type": found.type,
            "api_name": found.api_name,
            "name": found.name,
            "description": found.description,
        }
    )


def create(state: SelligentState, ask: Ask) -> Response:
    """Make a static segment."""
    require_list(state, ask)
    body = read_body(ask.call, dict, status=400)
    api_name, name = body.get("api_name"), body.get("name")
    if not isinstance(api_name, str) or not isinstance(name, str) or not name:
        raise not_valid("api_name and name are required.", status=400)
    if not API_NAME.fullmatch(api_name):
        raise not_valid("The API name is not valid.", status=400)
    if state.find(ask.list, api_name):
        raise RefusalError(400, "The API name is used already.", code="ERR_LIST_VALIDATION")
    description = body.get("description") or None
    state.add_audience(name, ask.organization, description=description, list=ask.list, api_name=api_name)
    return succeeded("The static segment has been created successfully.")


def delete(state: SelligentState, ask: Ask) -> Response:
    """Delete a segment, not its records."""
    state.delete_audience(require_segment(state, ask).id)
    return succeeded("The segment has been deleted successfully")


def read_body(call: Call, kind: type, *, status: int = 200) -> Any:
    """Read a body that is an array or an object.

    Raises:
        RefusalError: It is not.
    """
    if call.media_type != "application/json":
        raise RefusalError(415, "The body must be JSON.")
    try:
        body = call.json
    except ValueError:
        body = None
    if not isinstance(body, kind):
        raise not_valid("The body cannot be read.", status=status)
    return body


def require_list(state: SelligentState, ask: Ask) -> ProfileList:
    """Return a list of an organization.

    Raises:
        RefusalError: It has none of that API name.
    """
    if ask.list not in state.lists_of(ask.organization):
        raise RefusalError(404, "The list does not exist.")
    return state.settings.lists[ask.list]


def require_segment(state: SelligentState, ask: Ask) -> Segment:
    """Return a segment of a list.

    Raises:
        RefusalError: It has none of that API name.
    """
    require_list(state, ask)
    found = state.find(ask.list, ask.segment)
    if found is None:
        by_status = state.settings.missing_segment == "status"
        raise RefusalError(404 if by_status else 200, "The segment does not exist.", result="NotFound")
    return found


def _part(items: Iterable[dict[str, Any]], call: Call) -> list[dict[str, Any]]:
    skip, take = (call.query.get(name, "") for name in ("skip", "take"))
    first = int(skip) if skip.isdigit() else 0
    return list(items)[first : first + int(take) if take.isdigit() else None]
