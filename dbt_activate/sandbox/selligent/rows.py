"""The calls on a segment's members: load, remove, clear, search."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.selligent.answers import RefusalError, list_busy, not_valid, succeeded
from dbt_activate.sandbox.selligent.catalog import Ask, read_body, require_list, require_segment
from dbt_activate.sandbox.selligent.settings import Field, ProfileList
from dbt_activate.sandbox.selligent.state import Segment, SelligentState

MODES = ("Sync", "Stream")


@dataclass(slots=True)
class Tally:
    """What became of the rows of one call."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    duplicate: int = 0
    not_found: int = 0
    failed: int = 0
    invalid: list[dict[str, Any]] = field(default_factory=list)

    def response(self, result: str) -> dict[str, Any]:
        """Write it as the API does."""
        return {
            "result_code": result,
            "errors": None,
            "number_of_inserted_records": self.inserted,
            "number_of_updated_records": self.updated,
            "number_of_deleted_records": self.deleted,
            "number_of_duplicate_records": self.duplicate,
            "number_of_failed_records": self.failed,
            "number_of_records_not_found": self.not_found,
            "invalid_records": self.invalid,
        }


class LateResponse(JSONResponse):
    """An answer that is sent some time after it was made, without holding up others."""

    def __init__(self, body: Any, status: int, seconds: float) -> None:
        super().__init__(body, status)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then send."""
        await asyncio.sleep(self._seconds)
        await super().__call__(scope, receive, send)


def load(state: SelligentState, ask: Ask) -> Response:
    """Put records of the list into a segment."""
    return _bulk(state, ask, adding=True)


def remove(state: SelligentState, ask: Ask) -> Response:
    """Take records out of a segment; they stay in the list."""
    return _bulk(state, ask, adding=False)


def clear(state: SelligentState, ask: Ask) -> Response:
    """Take everybody out of a segment."""
    _static(require_segment(state, ask)).clear()
    return succeeded("The data has been cleared successfully.")


def search(state: SelligentState, ask: Ask) -> Response:
    """Show the members of a segment that were put in by the one field that is asked for."""
    held = require_segment(state, ask)
    body = read_body(ask.call, dict)
    names = body.get("fields")
    known = {each.name for each in require_list(state, ask).fields}
    if not isinstance(names, list) or len(names) != 1 or str(names[0]) not in known:
        raise not_valid("The fields are not valid.")
    keys = sorted(held.members.get(names[0], ()), reverse=body.get("order_by_direction") == "DESC")
    rows = [[key] for key in _taken(state, keys, _number(body, "skip") or 0, _number(body, "take"))]
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    data = rows if state.settings.rows_as == "arrays" else objects
    return JSONResponse({"fields": names, "data": data, "result_code": "Succeeded", "errors": []})


def _number(body: dict[str, Any], name: str) -> int | None:
    number = body.get(name)
    if number is not None and (not isinstance(number, int) or number < 0):
        raise not_valid(f"{name} is not valid.")
    return number


def _taken(state: SelligentState, keys: list[str], skip: int, take: int | None) -> list[str]:
    most = state.settings.max_take
    if most and (take is None or take > most):
        if state.settings.large_take == "refused":
            raise not_valid("take is too large.")
        take = most
    return keys[skip : None if take is None else skip + take]


def _bulk(state: SelligentState, ask: Ask, *, adding: bool) -> Response:
    known = require_list(state, ask)
    if state.is_busy(ask.list):
        state.collisions += 1
        return list_busy()
    held = _static(require_segment(state, ask))
    names, rows = _rows(ask.call)
    key = _key_field(ask.call, names, known)
    _check_size(state, rows, key)
    state.occupy(ask.list, state.settings.bulk_seconds)
    state.profile_writes += (len(names) - 1) * len(rows) * adding
    tally = _carry_out(state, held, known, (key, names.index(key.name), len(names)), rows, adding=adding)
    body, status = tally.response(_result(state, tally, len(rows))), 200
    slow_rows = state.settings.slow_rows
    if slow_rows and len(rows) > slow_rows:
        body, status = {"message": "The request timed out."}, state.settings.slow_status
    return LateResponse(body, status, state.settings.bulk_seconds)


def _static(segment: Segment) -> Segment:
    # That only static segments take rows follows from what they are; with which answer is not documented.
    if segment.type != "Static":
        raise not_valid("The segment is not static.")
    return segment


def _rows(call: Call) -> tuple[list[str], list[Any]]:
    """Return the names of the columns, and the rows: without ``fields`` the first row is the header."""
    if call.query.get("mode", "Sync") not in MODES:
        raise not_valid("mode is not valid.")
    rows = read_body(call, list)
    given = call.query.get("fields")
    if given:
        return given.split(","), rows
    if not rows or not isinstance(rows[0], list):
        raise not_valid("The first row must name the fields.")
    return [str(name) for name in rows[0]], rows[1:]


def _key_field(call: Call, names: list[str], known: ProfileList) -> Field:
    keys = (call.query.get("keyFields") or "").split(",")
    if keys == [""]:
        raise not_valid("keyFields is required.", status=400)
    by_name = {each.name: each for each in known.fields}
    if not {*names} <= by_name.keys() or not {*keys} <= {*names} or len(keys) > 1:
        raise not_valid("A field is not valid.")
    return by_name[keys[0]]


def _check_size(state: SelligentState, rows: list[Any], key: Field) -> None:
    settings = state.settings
    if settings.max_rows and len(rows) > settings.max_rows:
        raise RefusalError(413, "The request is too large.", result="ValidationFailed")
    if settings.index_rows and len(rows) > settings.index_rows and not key.is_unique:
        raise not_valid("The key fields are not covered by a unique index.")


def _carry_out(
    state: SelligentState,
    held: Segment,
    known: ProfileList,
    shape: tuple[Field, int, int],
    rows: Iterable[Any],
    *,
    adding: bool,
) -> Tally:
    key, column, width = shape
    tally, seen = Tally(), set[str]()
    members = held.members.setdefault(key.name, set())
    for index, row in enumerate(rows, state.settings.first_index):
        if problem := _problem(row, key, column, width):
            tally.failed += 1
            tally.invalid.append({"record_index": index, **problem})
            continue
        value = str(row[column])
        if value in seen:
            tally.duplicate += 1
        elif known.known is not None and value not in known.known:
            is_failure = state.settings.unknown_counted_as == "failed"
            tally.failed += is_failure
            tally.not_found += not is_failure
        elif adding:
            tally.updated += value in members
            tally.inserted += value not in members
            members.add(value)
        else:
            tally.not_found += value not in members
            tally.deleted += value in members
            members.discard(value)
        seen.add(value)
    return tally


def _problem(row: Any, key: Field, column: int, width: int) -> dict[str, Any] | None:
    if not isinstance(row, list) or len(row) != width:
        return {
            "field_name": None,
            "message": "Record contains incorrect number of fields",
            "validation_code": "InvalidFieldCount",
        }
    text = str(row[column])
    if key.length is not None and len(text) > key.length:
        return {
            "field_name": key.name,
            "message": f"Length of string ({len(text)}) exceeds maximum field length ({key.length})",
            "validation_code": "MaxStringLengthExceeded",
        }
    if key.data_type != "Text" and not text.isdigit():
        message = f"Value {text} is not of type {key.data_type}"
        return {"field_name": key.name, "message": message, "validation_code": "InvalidType"}
    return None


def _result(state: SelligentState, tally: Tally, count: int) -> str:
    if tally.failed:
        return "PartiallySucceeded"
    if not tally.not_found:
        return "Succeeded"
    wanted = state.settings.unknown_result
    return "PartiallySucceeded" if wanted == "Failed" and tally.not_found < count else wanted
