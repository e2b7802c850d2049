"""The calls on contact lists as a whole: list, create, rename, delete, count."""

from __future__ import annotations

import re

from starlette.responses import Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.emarsys.bodies import read_object
from dbt_activate.sandbox.emarsys.members import put_in
from dbt_activate.sandbox.emarsys.replies import ReplyError, success
from dbt_activate.sandbox.emarsys.state import EmarsysState


def show_all(state: EmarsysState, call: Call) -> Response:
    """List all contact lists, without pages."""
    del call
    return success([held.as_json() for held in state.audiences()])


def create(state: EmarsysState, call: Call) -> Response:
    """Make a list, with members if the body has any. Its id is a number here, and text in the listing."""
    body = read_object(call)
    name = _new_name(state, body.get("name"))
    state.key_field(body.get("key_id", 3))
    made = state.contact_list(state.add_audience(name, description=body.get("description") or None))
    if "external_ids" not in body:
        return success({"id": int(made.id)})
    _, errors = put_in(state, made, body)
    return success({"id": int(made.id), "errors": errors})


def rename(state: EmarsysState, call: Call, list_id: str) -> Response:
    """Give a list another name."""
    held = state.contact_list(list_id)
    held.name = _new_name(state, read_object(call).get("name"), but_for=held.id)
    return success({"id": int(held.id), "name": held.name})


def delete(state: EmarsysState, call: Call, list_id: str) -> Response:
    """Delete a list, and none of its contacts."""
    del call
    held = state.contact_list(list_id)
    if held.id in state.settings.in_segments:
        raise ReplyError(400, "3008")
    state.delete_audience(held.id)
    return success("")


def count(state: EmarsysState, call: Call, list_id: str) -> Response:
    """Count the contacts in a list."""
    del call
    return success(len(state.contact_list(list_id).places))


def _new_name(state: EmarsysState, name: object, *, but_for: str | None = None) -> str:
    status = state.settings.list_error_status
    if not isinstance(name, str) or not name.strip():
        raise ReplyError(status, "3001")
    if not re.fullmatch(state.settings.name_pattern, name):
        raise ReplyError(status, "3004")
    if state.is_taken(name, but_for=but_for):
        raise ReplyError(status, "3005")
    return name
