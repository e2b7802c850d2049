"""Emarsys's way of answering: an envelope with ``replyCode``, and maps as PHP writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

TEXTS = {
    "1": "Action is invalid.",
    "1000": "The number of contacts is limited to 1000.",
    "1001": "Invalid parameter.",
    "2002": "External ids are limited to 1000.",
    "2004": "Invalid key field id",
    "2005": "No value provided for the key field",
    "2008": "No contact found with the external id",
    "2010": "More than one contact found with the external id",
    "2011": "Internal error",
    "2015": "There is no index on the column",
    "3001": "The name is missing.",
    "3002": "The number of contacts is limited to 10000.",
    "3003": "The external ids must be an array.",
    "3004": "Invalid value",
    "3005": "A contact list with this name already exists.",
    "3006": "The contact list does not exist.",
    "3008": "The contact list is used in a combined segment.",
    "7003": "Rate limit exceeded",
}
"""What goes with a code. The wording is ours but where the documentation quotes it."""


class ReplyError(Exception):
    """A request that fails as a whole."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code

    def response(self) -> Response:
        """Make the answer."""
        return failed(self.status, self.code)


def success(data: Any) -> Response:
    """Make the answer of a request that was carried out."""
    return JSONResponse({"replyCode": 0, "replyText": "OK", "data": data})


def failed(status: int, code: str) -> Response:
    """Make the answer of a request that was not; what stands under ``data`` is an empty text then."""
    return JSONResponse({"replyCode": int(code), "replyText": TEXTS.get(code, "Error"), "data": ""}, status)


def unauthorized() -> Response:
    """Refuse credentials of any kind; the body is documented for WSSE alone."""
    return JSONResponse({"replyCode": 1, "replyText": "Credentials are invalid", "data": ""}, 401)


def forbidden() -> Response:
    """Refuse a call that the API user may not make; the body is not documented."""
    return JSONResponse({"replyCode": 1, "replyText": "Forbidden", "data": ""}, 403)


def too_many_requests(*, as_text: bool) -> Response:
    """Refuse a request beyond the limit."""
    return PlainTextResponse("Too Many Requests", 429) if as_text else failed(429, "7003")


def php_map(entries: Mapping[str, Any]) -> Any:
    """Write a map as PHP does: as a list where it is empty, or where its keys count up from 0."""
    counted = [str(number) for number in range(len(entries))]
    return list(entries.values()) if list(entries) == counted else dict(entries)
