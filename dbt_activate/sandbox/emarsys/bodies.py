"""What requests hold, read as leniently as PHP does, and the refusals of what cannot be read."""

from __future__ import annotations

from typing import Any

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.emarsys.replies import ReplyError

MAX_CONTACTS = 1_000
"""The most contacts that one look-up is for."""


def read_object(call: Call) -> dict[str, Any]:
    """Read a body.

    Raises:
        ReplyError: It is not a JSON object, or not said to be JSON.
    """
    try:
        found = call.json
    except ValueError:
        found = None
    if call.media_type != "application/json" or not isinstance(found, dict):
        raise ReplyError(400, "1001")
    return found


def read_values(body: dict[str, Any], key: str = "external_ids") -> list[str]:
    """Read the values that stand for contacts. What Emarsys says of an empty list is not documented.

    Raises:
        ReplyError: There are none.
    """
    values = body.get(key)
    if not isinstance(values, list) or not values:
        raise ReplyError(400, "3003")
    return [str(value) for value in values]


def read_number(call: Call, name: str, default: int, least: int, most: int) -> int:
    """Read a number from the query.

    Raises:
        ReplyError: It is none, or out of its bounds.
    """
    text = call.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ReplyError(400, "1001")
    return int(text)
