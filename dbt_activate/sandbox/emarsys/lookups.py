"""The calls that only look: the account, its fields, and its contacts by their values."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.emarsys.bodies import MAX_CONTACTS, read_object, read_values
from dbt_activate.sandbox.emarsys.contacts import uid
from dbt_activate.sandbox.emarsys.replies import TEXTS, ReplyError, php_map, success
from dbt_activate.sandbox.emarsys.state import EmarsysState


def show_account(state: EmarsysState, call: Call) -> Response:
    """Show the account, as clients do that check credentials."""
    del state, call
    return success({"id": 1, "environment": "sandbox"})


def show_fields(state: EmarsysState, call: Call, language: str = "en") -> Response:
    """List the fields of contacts; their names are the same in every language here."""
    del call, language
    return success([field.model_dump(exclude={"indexed"}) for field in state.settings.fields])


def get_data(state: EmarsysState, call: Call) -> Response:
    """Return values of contacts. The names of this body are written in camelCase, unlike all others."""
    body = read_object(call)
    values = read_values(body, "keyValues")
    if len(values) > MAX_CONTACTS:
        raise ReplyError(400, "1000")
    key_field = state.key_field(body.get("keyId", "id"))
    wanted = body.get("fields") or [field.id for field in state.settings.fields]
    if not isinstance(wanted, list):
        raise ReplyError(400, "1001")
    rows = [_row(state, one, wanted) for value in values for one in state.find_contacts(key_field, value)]
    missing = [value for value in values if not state.find_contacts(key_field, value)]
    errors = [{"key": value, "errorCode": 2008, "errorMsg": TEXTS["2008"]} for value in missing]
    return success({"errors": errors, "result": rows or False})


def check_ids(state: EmarsysState, call: Call) -> Response:
    """Return the internal ids of contacts; whether as single texts is not documented."""
    body = read_object(call)
    values = read_values(body)
    if len(values) > MAX_CONTACTS:
        raise ReplyError(400, "2002")
    key_id = body.get("key_id", 3)
    key_field = state.key_field(key_id)
    ids: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for value in values:
        found = [str(one) for one in state.find_contacts(key_field, value)]
        if len(found) == 1 or (found and body.get("get_multiple_ids")):
            ids[value] = found if body.get("get_multiple_ids") else found[0]
        else:
            code = "2010" if found else "2008"
            errors[value] = {code: f"{TEXTS[code]}: {key_id}"}
    return success({"ids": php_map(ids), "errors": php_map(errors)})


def _row(state: EmarsysState, contact_id: int, wanted: list[Any]) -> dict[str, Any]:
    numbers = [str(number) for number in wanted]
    names = {str(field.id): field.string_id for field in state.settings.fields}
    values = state.contacts.fields(contact_id)
    shown = {number: values.get(names[number]) for number in numbers if number in names}
    return {"id": str(contact_id), "uid": uid(contact_id), **shown}
