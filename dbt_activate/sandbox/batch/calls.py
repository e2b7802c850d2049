"""The calls on audiences: create, update, replace, remove, view, list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.batch.audiences import BatchAudience
from dbt_activate.sandbox.batch.bodies import TYPES, Creation, Naming, Replacement, Update, read_body
from dbt_activate.sandbox.batch.errors import BatchError
from dbt_activate.sandbox.batch.state import BatchState
from dbt_activate.sandbox.call import Call

DEFAULT_LIMIT, MAX_LIMIT = 10, 100


def create(state: BatchState, project: str, call: Call) -> Response:
    """Make an empty audience."""
    wanted = read_body(call, Creation)
    if state.is_taken(project, wanted.name):
        status = state.settings.taken_name_status
        if status != 202:
            raise BatchError(status, f"An audience named {wanted.name} exists already.")
        return _accepted(state, state.audience(state.id_of(project, wanted.name)))
    audience_id = state.add_audience(
        wanted.display_name or "", project, api_name=wanted.name, type=TYPES[wanted.type]
    )
    audience = state.audience(audience_id)
    audience.hidden_views = state.settings.hidden_views
    return _accepted(state, audience)


def update(state: BatchState, project: str, call: Call) -> Response:
    """Add and remove ids. Where one stands twice, the last action counts."""
    body = read_body(call, Update)
    audience = _to_change(state, project, body)
    actions = {item.id: item.action for item in body.ids}
    added = [one for one, action in actions.items() if action == "add"]
    removed = [one for one, action in actions.items() if action == "remove"]
    return _accepted(state, audience, partial(_change, audience, added, removed), **_partial_errors(state))


def replace(state: BatchState, project: str, call: Call) -> Response:
    """Take everybody out, and put the given ids in."""
    body = read_body(call, Replacement)
    audience = _to_change(state, project, body)
    empty_replace = state.settings.empty_replace
    if not body.ids and empty_replace == "refused":
        raise BatchError(400, "ids: must not be empty")
    if not body.ids and empty_replace == "ignored":
        return _accepted(state, audience)
    audience.replace_all()
    return _accepted(state, audience, partial(_fill, audience, [item.id for item in body.ids]))


def remove(state: BatchState, project: str, call: Call) -> Response:
    """Delete an audience, whoever is in it."""
    audience = _known(state, project, read_body(call, Naming).name)
    state.let_go(audience)
    return _accepted(state, audience)


def view(state: BatchState, project: str, call: Call) -> Response:
    """Describe one audience, and say how far a change is."""
    name, token = call.query.get("name", ""), call.query.get("indexing_token")
    audience = state.known(project, name) or state.ghost(project, name)
    if audience is None:
        raise BatchError(404, f"There is no audience named {name}.")
    indexing_state = audience.state_of(token, state.settings.indexing_state)
    if indexing_state is None:
        raise BatchError(404, "There is no such indexing token.")
    return JSONResponse(audience.as_json(indexing_state))


def list_audiences(state: BatchState, project: str, call: Call) -> Response:
    """List the audiences a page at a time; only the first page counts them."""
    limit, mark = call.query.get("limit", str(DEFAULT_LIMIT)), call.query.get("from")
    start = 0 if mark is None else state.position_of(mark)
    if start is None or not limit.isascii() or not limit.isdigit() or not 0 < int(limit) <= MAX_LIMIT:
        raise BatchError(400, f"limit must be between 1 and {MAX_LIMIT}, and from a next_from.")
    found = state.of_project(project)
    page = found[start : start + int(limit)]
    has_more = start + len(page) < len(found)
    body = {
        "audiences": [one.as_json(one.state_of(None, state.settings.indexing_state) or "") for one in page],
        **({"count": len(found)} if mark is None else {}),
        "has_more": has_more,
        **({"next_from": state.bookmark(start + len(page))} if has_more else {}),
    }
    return JSONResponse(body)


def _known(state: BatchState, project: str, name: str) -> BatchAudience:
    audience = state.known(project, name)
    if audience is None:
        raise BatchError(state.settings.unknown_audience_status, f"There is no audience named {name}.")
    return audience


def _to_change(state: BatchState, project: str, body: Update | Replacement) -> BatchAudience:
    if len(body.ids) > state.settings.max_ids:
        raise BatchError(state.settings.too_many_ids_status, f"ids: at most {state.settings.max_ids}")
    return _known(state, project, body.name)


def _accepted(
    state: BatchState, audience: BatchAudience, apply: Callable[[], None] = lambda: None, **more: Any
) -> Response:
    settings = state.settings
    token = audience.accept(apply, settings.indexing_polls, late=settings.applies_late)
    return JSONResponse({"indexing_token": token, **more}, 202)


def _partial_errors(state: BatchState) -> dict[str, Any]:
    # As https://doc.batch.com/developer/api/cep/profiles has them.
    count = state.settings.partial_errors
    errors = [{"category": "VALIDATION", "bulk_index": n, "reason": "not taken"} for n in range(count)]
    return {"code": "SUCCESS_WITH_PARTIAL_ERRORS", "errors": errors} if errors else {}


def _change(audience: BatchAudience, added: list[str], removed: list[str]) -> None:
    audience.add(audience.kind, added)
    audience.remove(audience.kind, removed)


def _fill(audience: BatchAudience, members: list[str]) -> None:
    audience.clear()
    audience.add(audience.kind, members)
