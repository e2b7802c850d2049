"""The calls on many segments of an account at once: create, update, delete, search.

An item that cannot be done is left out of ``data``, and named as `RetailMediaSettings.failures` says.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.criteo.bodies import (
    SegmentChange,
    SegmentChanges,
    SegmentIds,
    page_number,
    read_body,
)
from dbt_activate.sandbox.criteo.problems import (
    Problem,
    ProblemError,
    failed,
    invalid,
    name_empty,
    name_taken,
    not_found,
    success,
)
from dbt_activate.sandbox.criteo.segments import CONTACT_LIST
from dbt_activate.sandbox.criteo_retail_media.bodies import NewSegment, NewSegments, Search, SearchFilters
from dbt_activate.sandbox.criteo_retail_media.segments import RetailMediaSegment
from dbt_activate.sandbox.criteo_retail_media.settings import RetailMediaClient
from dbt_activate.sandbox.criteo_retail_media.state import RetailMediaState

Outcome = RetailMediaSegment | Problem
"""What became of one item."""


def create(state: RetailMediaState, client: RetailMediaClient, call: Call, account_id: str) -> Response:
    """Create segments."""
    if empty := _without_consent(state, client, call, account_id):
        return empty
    items = [item.attributes for item in read_body(call, NewSegments).data]
    for item in items:
        if (item.contact_list is None) == (item.events is None):
            raise invalid("A segment must have exactly one of contactList and events.")
    return _answer(state, call, [_create(state, account_id, item) for item in items])


def update(state: RetailMediaState, client: RetailMediaClient, call: Call, account_id: str) -> Response:
    """Rename and describe segments."""
    if empty := _without_consent(state, client, call, account_id):
        return empty
    items = read_body(call, SegmentChanges).data
    return _answer(state, call, [_update(state, account_id, item.id, item.attributes) for item in items])


def delete(state: RetailMediaState, client: RetailMediaClient, call: Call, account_id: str) -> Response:
    """Delete segments."""
    if empty := _without_consent(state, client, call, account_id):
        return empty
    outcomes = [_delete(state, account_id, item.id) for item in read_body(call, SegmentIds).data]
    return _answer(state, call, outcomes, whole=False)


def search(state: RetailMediaState, client: RetailMediaClient, call: Call, account_id: str) -> Response:
    """List the account's segments that match all filters, a page at a time."""
    if empty := _without_consent(state, client, call, account_id):
        return empty
    limit = page_number(call, "limit", 50, 500)
    offset = page_number(call, "offset", 0, 2**31 - 1)
    filters = read_body(call, Search).data.attributes
    found = [each for each in state.audiences() if each.account == account_id and _matches(each, filters)]
    page = [_written(state, segment) for segment in found[offset : offset + limit]]
    meta = {"totalItems": len(found), "limit": limit, "offset": offset}
    return success(call, page, meta=meta)


def _without_consent(
    state: RetailMediaState, client: RetailMediaClient, call: Call, account_id: str
) -> Response | None:
    if state.reaches(client, account_id):
        return None
    if state.settings.without_consent == "empty":
        return success(call, [])
    raise failed(403)


def _create(state: RetailMediaState, account_id: str, wanted: NewSegment) -> Outcome:
    if wanted.retailer_id not in state.settings.accounts[account_id].retailers:
        # Which code Criteo has for it is not documented.
        return Problem("validation", "invalid", f"The account has no retailer {wanted.retailer_id}")
    if problem := _name_problem(state, wanted.name, account_id, wanted.retailer_id):
        return problem
    segment_id = state.add_audience(
        wanted.name,
        account_id,
        description=wanted.description,
        retailer=wanted.retailer_id,
        identifier_type=wanted.contact_list.identifier_type if wanted.contact_list else None,
        type=CONTACT_LIST if wanted.contact_list else "Events",
    )
    return state.audience(segment_id)


def _update(state: RetailMediaState, account_id: str, segment_id: str, change: SegmentChange) -> Outcome:
    segment = _segment(state, account_id, segment_id)
    if isinstance(segment, Problem):
        return segment
    if change.name is not None:
        problem = _name_problem(state, change.name, account_id, segment.retailer, but_for=segment_id)
        if problem:
            return problem
        segment.name = change.name
    if change.description is not None:
        segment.description = change.description.value
    segment.touch()
    return segment


def _delete(state: RetailMediaState, account_id: str, segment_id: str) -> Outcome:
    segment = _segment(state, account_id, segment_id)
    if isinstance(segment, RetailMediaSegment):
        state.delete_audience(segment_id)
    return segment


def _segment(state: RetailMediaState, account_id: str, segment_id: str) -> Outcome:
    segment = state.find(segment_id)
    return segment if segment and segment.account == account_id else not_found(segment_id)


def _name_problem(
    state: RetailMediaState, name: str, account_id: str, retailer: str, *, but_for: str | None = None
) -> Problem | None:
    if not name.strip():
        return name_empty()
    return name_taken(name) if state.is_taken(name, account_id, retailer, but_for=but_for) else None


def _answer(state: RetailMediaState, call: Call, outcomes: list[Outcome], *, whole: bool = True) -> Response:
    done = [
        _written(state, outcome) if whole else outcome.reference()
        for outcome in outcomes
        if isinstance(outcome, RetailMediaSegment)
    ]
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    where = state.settings.failures
    if where == "status" and problems and not done:
        raise ProblemError(400, problems[0])
    if where == "errors":
        errors = [problem.as_json(call) for problem in problems]
        return JSONResponse({"data": done, "errors": errors, "warnings": []})
    return success(call, done, warnings=problems)


def _written(state: RetailMediaState, segment: RetailMediaSegment) -> dict[str, Any]:
    return segment.as_json(tells_identifier_type=state.settings.tells_identifier_type)


def _matches(segment: RetailMediaSegment, filters: SearchFilters) -> bool:
    return (
        (filters.audience_segment_ids is None or segment.id in filters.audience_segment_ids)
        and (filters.retailer_ids is None or segment.retailer in filters.retailer_ids)
        and (filters.audience_segment_types is None or segment.type in filters.audience_segment_types)
    )
