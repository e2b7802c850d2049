"""The calls on many segments at once: create, update, delete, search, sizes.

An item that cannot be done is left out of ``data`` and named in ``warnings``, unless nothing at all
could be done because of a name: then `CriteoSettings.name_clash` decides. What lies with an advertiser
that gave no consent is passed over without a word, which makes an empty success.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.criteo.bodies import (
    NewSegment,
    NewSegments,
    Search,
    SearchFilters,
    SegmentChange,
    SegmentChanges,
    SegmentIds,
    page_number,
    read_body,
)
from dbt_activate.sandbox.criteo.problems import (
    NAME_EMPTY,
    NAME_TAKEN,
    Problem,
    ProblemError,
    invalid,
    name_empty,
    name_taken,
    not_found,
    success,
)
from dbt_activate.sandbox.criteo.segments import Segment
from dbt_activate.sandbox.criteo.settings import Client
from dbt_activate.sandbox.criteo.state import CriteoState

Outcome = dict[str, Any] | Problem | None
"""What became of one item: its data, what is wrong with it, or None where nothing is said."""

DEFAULT_LIMIT, MAX_LIMIT = 50, 100


def create(state: CriteoState, client: Client, call: Call) -> Response:
    """Create segments."""
    items = [item.attributes for item in read_body(call, NewSegments).data]
    for item in items:
        if len(item.types) != 1:
            raise invalid("A segment must have exactly one of contactList, inMarket and so on.")
    return _answer(state, call, [_create(state, client, item) for item in items])


def update(state: CriteoState, client: Client, call: Call) -> Response:
    """Rename and describe segments."""
    items = read_body(call, SegmentChanges).data
    return _answer(state, call, [_update(state, client, item.id, item.attributes) for item in items])


def delete(state: CriteoState, client: Client, call: Call) -> Response:
    """Delete segments."""
    items = read_body(call, SegmentIds).data
    return _answer(state, call, [_delete(state, client, item.id) for item in items])


def compute_sizes(state: CriteoState, client: Client, call: Call) -> Response:
    """Tell how many people each segment reaches: of a contact list, those whom Criteo recognises."""
    items = read_body(call, SegmentIds).data
    return _answer(state, call, [_size(state, client, item.id) for item in items])


def search(state: CriteoState, client: Client, call: Call) -> Response:
    """List the segments that match all filters, a page at a time."""
    limit = page_number(call, "limit", DEFAULT_LIMIT, MAX_LIMIT)
    offset = page_number(call, "offset", 0, 2**31 - 1)
    filters = read_body(call, Search).data.attributes
    found = [segment for segment in state.visible(client) if _matches(segment, filters)]
    page = [segment.as_json() for segment in found[offset : offset + limit]]
    meta = {"totalItems": len(found), "limit": limit, "offset": offset}
    return success(call, page, meta=meta)


def _create(state: CriteoState, client: Client, wanted: NewSegment) -> Outcome:
    if wanted.advertiser_id not in client.advertisers:
        return None
    if problem := _name_problem(state, wanted.name, wanted.advertiser_id):
        return problem
    segment_id = state.add_audience(
        wanted.name, wanted.advertiser_id, description=wanted.description, type=wanted.types[0]
    )
    return state.audience(segment_id).as_json()


def _update(state: CriteoState, client: Client, segment_id: str, change: SegmentChange) -> Outcome:
    segment = _reachable(state, client, segment_id)
    if not isinstance(segment, Segment):
        return segment
    if change.name is not None:
        if problem := _name_problem(state, change.name, segment.account, but_for=segment_id):
            return problem
        segment.name = change.name
    if change.description is not None:
        segment.description = change.description.value
    segment.touch()
    return segment.as_json()


def _delete(state: CriteoState, client: Client, segment_id: str) -> Outcome:
    segment = _reachable(state, client, segment_id)
    if not isinstance(segment, Segment):
        return segment
    state.delete_audience(segment_id)
    return segment.reference()


def _size(state: CriteoState, client: Client, segment_id: str) -> Outcome:
    segment = _reachable(state, client, segment_id)
    if not isinstance(segment, Segment):
        return segment
    size = int(segment.size * state.settings.match_rate)
    return {"type": "AudienceSegmentSize", "id": segment_id, "attributes": {"size": size}}


def _reachable(state: CriteoState, client: Client, segment_id: str) -> Segment | Problem | None:
    segment = state.find(segment_id)
    if segment is None:
        return not_found(segment_id)
    return segment if segment.account in client.advertisers else None


def _name_problem(
    state: CriteoState, name: str, advertiser_id: str, *, but_for: str | None = None
) -> Problem | None:
    if not name.strip():
        return name_empty()
    if state.is_taken(name, advertiser_id, but_for=but_for):
        return name_taken(name)
    return None


def _answer(state: CriteoState, call: Call, outcomes: list[Outcome]) -> Response:
    done = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    names = [problem for problem in problems if problem.code in (NAME_TAKEN, NAME_EMPTY)]
    if names and not done and state.settings.name_clash == "error":
        raise ProblemError(400, names[0])
    return success(call, done, warnings=problems)


def _matches(segment: Segment, filters: SearchFilters) -> bool:
    return (
        (filters.audience_segment_ids is None or segment.id in filters.audience_segment_ids)
        and (filters.advertiser_ids is None or segment.account in filters.advertiser_ids)
        and (filters.audience_segment_types is None or segment.type in filters.audience_segment_types)
    )
