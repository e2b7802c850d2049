"""Purchasely's way of saying what is wrong: a status, a code and a list of messages."""

from __future__ import annotations

import math

from starlette.responses import JSONResponse, PlainTextResponse, Response

CODES = {
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "CUSTOM_AUDIENCE_NOT_FOUND",
    409: "MUTATION_IN_PROGRESS",
    413: "PAYLOAD_TOO_LARGE",
    422: "VALIDATION_FAILED",
}
"""The code that goes with a status, whatever was asked for. Where none is documented, it is ours."""


class RefusalError(Exception):
    """A request that is not carried out."""

    def __init__(self, status: int, code: str = "", *messages: str, retry_after: float | None = None) -> None:
        """Refuse a request.

        Args:
            status: The HTTP status.
            code: Purchasely's code; by default the one that goes with the status.
            messages: What is wrong, for people.
            retry_after: How many seconds to wait, as far as the answer says so.
        """
        self.status = status
        self.code = code or CODES.get(status, "INTERNAL_ERROR")
        self.retry_after = retry_after
        self.messages = messages or (self.code.replace("_", " ").capitalize(),)
        super().__init__(self.code)

    def response(self) -> Response:
        """Make the answer. That of a 429 is not documented, and here it is no JSON."""
        headers = {} if self.retry_after is None else {"Retry-After": str(math.ceil(self.retry_after))}
        if self.status == 429:
            return PlainTextResponse("Too Many Requests", 429, headers)
        error = {"code": self.code, "messages": list(self.messages)}
        return JSONResponse({"error": error}, self.status, headers)
