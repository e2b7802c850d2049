"""The calls on one contact list: add and remove, clear, statistics."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.criteo.bodies import read_body
from dbt_activate.sandbox.criteo.contact_lists import (
    carry_out,
    counted,
    require_contact_list,
    require_writable,
)
from dbt_activate.sandbox.criteo.problems import Problem, ProblemError, failed, invalid, success
from dbt_activate.sandbox.criteo_retail_media.bodies import Amendment, ContactListAmendment
from dbt_activate.sandbox.criteo_retail_media.segments import RetailMediaSegment
from dbt_activate.sandbox.criteo_retail_media.settings import RetailMediaClient
from dbt_activate.sandbox.criteo_retail_media.state import RetailMediaState

INT64_MAX = 2**63 - 1


def amend(state: RetailMediaState, client: RetailMediaClient, call: Call, segment_id: str) -> Response:
    """Add identifiers to a contact list, or remove them from it.

    The answer has its numbers right under ``data``, and its type beside it.
    """
    segment = _contact_list(state, client, segment_id)
    if isinstance(segment, Problem):
        return _missing(state, call, segment)
    require_writable(segment)
    amendment = read_body(call, ContactListAmendment).data.attributes
    _check(state, segment, amendment)
    change = carry_out(segment, amendment.operation, segment.identifier_type, amendment.identifiers)
    return success(call, change, type="AddRemoveContactlistResult")


def clear(state: RetailMediaState, client: RetailMediaClient, call: Call, segment_id: str) -> Response:
    """Take everybody out. The answer has no body."""
    segment = _contact_list(state, client, segment_id)
    if isinstance(segment, Problem):
        return _missing(state, call, segment)
    require_writable(segment)
    segment.clear()
    segment.touch()
    return Response(status_code=204)


def statistics(
    state: RetailMediaState, client: RetailMediaClient, call: Call, account_id: str, segment_id: str
) -> Response:
    """Count the identifiers. Criteo's own figures lag by hours; these do not."""
    if not state.reaches(client, account_id):
        raise failed(403)
    segment = _contact_list(state, client, segment_id, account_id)
    if isinstance(segment, Problem):
        return _missing(state, call, segment)
    attributes = counted(segment, state.settings.match_rate)
    return success(call, {"id": segment_id, "type": "ContactListStatistics", "attributes": attributes})


def _contact_list(
    state: RetailMediaState, client: RetailMediaClient, segment_id: str, account_id: str | None = None
) -> RetailMediaSegment | Problem:
    if not segment_id.isascii() or not segment_id.isdigit() or int(segment_id) > INT64_MAX:
        raise invalid("The audience segment id must be a number of 64 bits.", pointer="audience-segment-id")
    segment = state.find(segment_id)
    if segment is None or account_id not in (None, segment.account):
        return Problem("validation", state.settings.missing_list_code, "The audience does not exist")
    if not state.reaches(client, segment.account):
        raise failed(403)
    require_contact_list(segment)
    return segment


def _missing(state: RetailMediaState, call: Call, problem: Problem) -> Response:
    where = state.settings.missing_list
    if where == "status":
        raise ProblemError(404, problem)
    body: dict[str, object] = {"data": None, "errors": [], "warnings": []}
    return JSONResponse({**body, where: [problem.as_json(call)]})


def _check(state: RetailMediaState, segment: RetailMediaSegment, amendment: Amendment) -> None:
    if amendment.identifier_type not in (None, segment.identifier_type):
        # That the type is fixed is documented; how another one is refused is not.
        raise invalid(f"The contact list takes identifiers of type {segment.identifier_type}.")
    if len(amendment.identifiers) > state.settings.max_identifiers:
        raise failed(state.settings.too_many_identifiers_status)
