"""The calls on the members of a list: add, delete, replace, and their contact ids page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.emarsys.bodies import read_number, read_object, read_values
from dbt_activate.sandbox.emarsys.contact_list import ContactList
from dbt_activate.sandbox.emarsys.replies import TEXTS, ReplyError, php_map, success
from dbt_activate.sandbox.emarsys.state import EmarsysState

DEFAULT_PAGE, MAX_PAGE = 10_000, 100_000

Act = Callable[[int, str, str], bool]
"""Does something with a contact, given its id, field and value; tells whether that changed anything."""


def add(state: EmarsysState, call: Call, list_id: str) -> Response:
    """Put contacts in."""
    inserted, errors = put_in(state, state.contact_list(list_id), read_object(call))
    return success({"inserted_contacts": inserted, "errors": errors})


def remove(state: EmarsysState, call: Call, list_id: str) -> Response:
    """Take contacts out; who is not in does not matter, and does not count."""
    held = state.contact_list(list_id)
    deleted, _, errors = _each(state, read_object(call), lambda contact_id, *_: held.leave(contact_id))
    return success({"deleted_contacts": deleted, "errors": errors})


def replace(state: EmarsysState, call: Call, list_id: str) -> Response:
    """Put contacts in, and everybody else out."""
    held = state.contact_list(list_id)
    body = read_object(call)
    _values(state, body)
    held.clear()
    inserted, errors = put_in(state, held, body)
    return success({"inserted_contacts": inserted, "errors": errors})


def contact_ids(state: EmarsysState, call: Call, list_id: str) -> Response:
    """Show the internal ids of the members, a page at a time, in an envelope or without one."""
    top = read_number(call, "$top", DEFAULT_PAGE, 1, MAX_PAGE)
    skip = read_number(call, "$skiptoken", 0, 0, 2**63 - 1)
    members = sorted(state.contact_list(list_id).places)
    more = skip + top < len(members)
    following = f"/contactlist/{list_id}/contactIds?$skiptoken={skip + top}&$top={top}" if more else None
    page = {"value": members[skip : skip + top], "next": following}
    return success(page) if state.settings.contact_ids_enveloped else JSONResponse(page)


def put_in(state: EmarsysState, held: ContactList, body: dict[str, Any]) -> tuple[int, Any]:
    """Put the contacts of a body in, and return how many that were and what went wrong."""
    inserted, found, errors = _each(state, body, held.enter)
    return found if state.settings.counts_present else inserted, errors


def _each(state: EmarsysState, body: dict[str, Any], act: Act) -> tuple[int, int, Any]:
    """Do something with each contact; return how many changed, how many were found, and the errors."""
    values = _values(state, body)
    key_id = body.get("key_id", 3)
    key_field = state.key_field(key_id)
    changed, errors = 0, {}
    for value in values:
        contacts = state.find_contacts(key_field, value) if value else []
        if len(contacts) == 1:
            changed += act(contacts[0], key_field, value)
        else:
            code = "2010" if contacts else "2008" if value else "2005"
            errors[_spelt(state, value)] = {code: f"{TEXTS[code]}: {key_id}"}
    return changed, len(values) - len(errors), php_map(errors)


def _values(state: EmarsysState, body: dict[str, Any]) -> list[str]:
    values = read_values(body)
    if len(values) > state.settings.max_ids:
        raise ReplyError(state.settings.list_error_status, "3002")
    return values


def _spelt(state: EmarsysState, value: str) -> str:
    match state.settings.error_keys:
        case "lower":
            return value.lower()
        case "upper":
            return value.upper()
    return value
