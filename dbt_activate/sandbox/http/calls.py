"""The calls of the API: lists are made, found, changed and deleted; members go in and out."""

from __future__ import annotations

from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.http.state import HttpEndpointState, MemberList

MESSAGES = {
    "bad_request": "The body is not what this call takes.",
    "unauthorized": "The token is missing, wrong or expired.",
    "forbidden": "This list cannot be changed.",
    "not_found": "There is no such path.",
    "no_such_list": "There is no such list.",
    "name_taken": "Another list has this name.",
    "too_many_members": "These are too many members for one request.",
    "unknown_member": "There are members whom this API does not know.",
    "rate_limited": "These are too many requests.",
    "internal": "Something went wrong here.",
}
"""What the API says, by its own code."""

Item = TypeVar("Item")


class RefusalError(Exception):
    """A request that fails, and how."""

    def __init__(self, status: int, code: str, **more: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.more = more

    def response(self) -> Response:
        """Make the answer."""
        error = {"code": self.code, "message": MESSAGES[self.code]}
        return JSONResponse({"ok": False, "error": error, **self.more}, self.status)


def success(status: int = 200, **facts: Any) -> Response:
    """Make the answer of a request that was carried out."""
    return JSONResponse({"ok": True, **facts}, status)


def account(state: HttpEndpointState, call: Call) -> Response:
    """Say whose token it is."""
    del state, call
    return success(account="main")


def search(state: HttpEndpointState, call: Call) -> Response:
    """List the lists, a page at a time."""
    lists, cursor = _page(call, state.audiences(), state.settings.page_size)
    return success(lists=[held.as_json() for held in lists], next_cursor=cursor)


def create(state: HttpEndpointState, call: Call) -> Response:
    """Make a list; names are unique."""
    name, description = _about(call)
    if state.named(name):
        raise RefusalError(409, "name_taken")
    made = state.audience(state.add_audience(name, description=description))
    return success(201, list=made.as_json())


def get(state: HttpEndpointState, call: Call, list_id: str) -> Response:
    """Show a list."""
    del call
    return success(list=_list(state, list_id).as_json())


def change(state: HttpEndpointState, call: Call, list_id: str) -> Response:
    """Rename and describe a list."""
    held, (name, description) = _list(state, list_id), _about(call)
    if (state.named(name) or held) is not held:
        raise RefusalError(409, "name_taken")
    held.name, held.description = name, description
    return success(list=held.as_json())


def delete(state: HttpEndpointState, call: Call, list_id: str) -> Response:
    """Delete a list."""
    del call
    state.delete_audience(_list(state, list_id).id)
    return success()


def read(state: HttpEndpointState, call: Call, list_id: str) -> Response:
    """List the members of one type, a page at a time."""
    people = sorted(_list(state, list_id).members.get(call.query.get("type", ""), ()))
    page, cursor = _page(call, people, state.settings.page_size)
    return success(members=page, next_cursor=cursor)


def add(state: HttpEndpointState, call: Call, list_id: str) -> Response:
    """Add members; those who are in already do not matter."""
    held, (kind, people, rejected) = _writable(state, list_id), _people(state, call)
    held.add(kind, people)
    return success(added=len(people), rejected=rejected)


def remove(state: HttpEndpointState, call: Call, list_id: str) -> Response:
    """Remove members; those who are not in do not matter."""
    held, (kind, people, rejected) = _writable(state, list_id), _people(state, call)
    held.remove(kind, people)
    return success(removed=len(people), rejected=rejected)


def clear(state: HttpEndpointState, call: Call, list_id: str) -> Response:
    """Take everybody out."""
    del call
    _writable(state, list_id).clear()
    return success()


def add_one(state: HttpEndpointState, call: Call, list_id: str, kind: str, person: str) -> Response:
    """Add one member."""
    del call
    held = _writable(state, list_id)
    if not state.is_known(person):
        raise RefusalError(422, "unknown_member")
    held.add(kind, [person])
    return success()


def remove_one(state: HttpEndpointState, call: Call, list_id: str, kind: str, person: str) -> Response:
    """Remove one member; one who is not in does not matter."""
    del call
    _writable(state, list_id).remove(kind, [person])
    return Response(status_code=204)


def _list(state: HttpEndpointState, list_id: str) -> MemberList:
    held = state.find(list_id)
    if held is None:
        raise RefusalError(404, "no_such_list")
    return held


def _writable(state: HttpEndpointState, list_id: str) -> MemberList:
    held = _list(state, list_id)
    if held.read_only:
        raise RefusalError(403, "forbidden")
    return held


def _body(call: Call) -> dict[str, Any]:
    try:
        body = call.json
    except ValueError:
        body = None
    if call.media_type != "application/json" or not isinstance(body, dict):
        raise RefusalError(400, "bad_request")
    return body


def _about(call: Call) -> tuple[str, str | None]:
    body = _body(call)
    name, description = body.get("name"), body.get("description")
    if not isinstance(name, str) or not name.strip() or not isinstance(description, str | None):
        raise RefusalError(400, "bad_request")
    return name, description or None


def _people(state: HttpEndpointState, call: Call) -> tuple[str, list[str], list[dict[str, str]]]:
    """Return the type, whom the API takes, and whom it does not."""
    body = _body(call)
    kind, people = body.get("type"), body.get("members")
    if (
        not isinstance(kind, str)
        or not isinstance(people, list)
        or not all(isinstance(p, str) for p in people)
    ):
        raise RefusalError(400, "bad_request")
    if len(people) > state.settings.max_members:
        raise RefusalError(413, "too_many_members")
    unknown = [person for person in people if not state.is_known(person)]
    rejected = [
        {"member": person, "code": "unknown_member", "message": f"{person} is not known here"}
        for person in unknown
    ]
    if unknown and state.settings.unknown_members == "refused":
        raise RefusalError(422, "unknown_member", rejected=rejected)
    return kind, [person for person in people if state.is_known(person)], rejected


def _page(call: Call, items: list[Item], size: int) -> tuple[list[Item], str | None]:
    cursor = call.query.get("cursor", "0")
    if not cursor.isascii() or not cursor.isdigit():
        raise RefusalError(400, "bad_request")
    start = int(cursor)
    following = start + size
    return items[start:following], str(following) if following < len(items) else None
