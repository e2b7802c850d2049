"""How the destination ``http`` is told to talk to this API: the ``requests:`` of an entry."""

from __future__ import annotations

from typing import Any

_LIST = "/lists/{{ audience.id }}"
_MEMBERS = f"{_LIST}/members"
_PEOPLE = {"type": "{{ identifier_type }}", "members": "{{ identifiers }}"}
_REJECTED = {"path": "rejected", "identifier": "member", "code": "code", "reason": "message"}
_NEXT = {"next": "next_cursor"}
_ABOUT = {"name": "{{ audience.name }}", "description": "{{ audience.description }}"}

REQUESTS: dict[str, Any] = {
    "check": {"method": "GET", "path": "/account"},
    "find": {
        "method": "GET",
        "path": "/lists",
        "query": {"cursor": "{{ cursor }}"},
        "items": "lists",
        "description": "description",
        **_NEXT,
    },
    "create": {"method": "POST", "path": "/lists", "body": _ABOUT, "id": "list.id"},
    "get": {"method": "GET", "path": _LIST, "name": "list.name", "description": "list.description"},
    "update": {"method": "PATCH", "path": _LIST, "body": _ABOUT},
    "delete": {"method": "DELETE", "path": _LIST},
    "add": {"method": "POST", "path": _MEMBERS, "body": _PEOPLE, "rejected": _REJECTED},
    "remove": {"method": "POST", "path": f"{_MEMBERS}/remove", "body": _PEOPLE, "rejected": _REJECTED},
    "clear": {"method": "DELETE", "path": _MEMBERS},
    "read": {
        "method": "GET",
        "path": _MEMBERS,
        "query": {"type": "{{ identifier_type }}", "cursor": "{{ cursor }}"},
        "items": "members",
        **_NEXT,
    },
    "size": {"method": "GET", "path": _LIST, "count": "list.size"},
}
"""All that the API can do; members go in one request a delivery."""

_MEMBER = f"{_MEMBERS}/{{{{ identifier_type }}}}/{{{{ identifier }}}}"
_REJECTED_ALONE = {"statuses": [422], "code": "error.code", "reason": "error.message"}

ONE_BY_ONE: dict[str, Any] = {
    **REQUESTS,
    "add": {"method": "PUT", "path": _MEMBER, "per": "member", "rejected": _REJECTED_ALONE},
    "remove": {"method": "DELETE", "path": _MEMBER, "per": "member", "success": [204]},
}
"""The same, with a request for each member."""
