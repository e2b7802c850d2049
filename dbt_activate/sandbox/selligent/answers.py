"""Selligent's envelope: a result code, a message, errors; and what goes with a status."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

RESULTS = {
    400: ("ValidationFailed", "ERR_VALIDATION"),
    401: ("Failed", "ERR"),
    404: ("NotFound", "ERR"),
    405: ("Failed", "ERR"),
    422: ("ValidationFailed", "ERR_VALIDATION"),
    503: ("ServiceUnavailable", "ERR_FAILED"),
}
"""The result code and the error code of a status; the API names families of error codes only."""

QUOTA_EXCEEDED = "API calls quota exceeded! The maximum allowed is {} per minute"


class RefusalError(Exception):
    """A request that fails as a whole."""

    def __init__(self, status: int, description: str, *, result: str = "", code: str = "") -> None:
        usual_result, usual_code = RESULTS.get(status, ("InternalServerError", "ERR_FAILED"))
        super().__init__(description)
        self.status = status
        self.result = result or usual_result
        self.code = code or usual_code
        self.description = description

    def response(self) -> Response:
        """Make the answer."""
        body = {
            "result_code": self.result,
            "message": "Request Failed",
            "errors": [{"error_code": self.code, "description": self.description}],
        }
        return JSONResponse(body, self.status)


def succeeded(message: str) -> Response:
    """Make the answer of a simple call that was carried out."""
    return JSONResponse({"result_code": "Succeeded", "message": message})


def not_valid(description: str, *, status: int = 200) -> RefusalError:
    """Refuse a request for what is in it. The calls on data do so inside a 200: they document no other."""
    return RefusalError(status, description, result="ValidationFailed", code="ERR_VALIDATION")


def quota_exceeded(limit: int) -> Response:
    """Make the 429 of the rate limit: plain text."""
    return PlainTextResponse(QUOTA_EXCEEDED.format(limit), 429)


def list_busy() -> Response:
    """Make the 429 of a busy list. Its body is not documented."""
    body: dict[str, Any] = {
        "result_code": "Failed",
        "message": "Another bulk operation is running on this list.",
    }
    return JSONResponse(body, 429)
