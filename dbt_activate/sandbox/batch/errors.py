"""Batch's way of saying what is wrong.

All calls share one schema of errors, whose fields are not published; see `BatchSettings.error_shape`.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse, Response

CODES = {
    400: "MALFORMED_PARAMETER",
    401: "AUTHENTICATION_INVALID",
    403: "API_MISUSE",
    404: "ROUTE_NOT_FOUND",
    409: "ALREADY_EXISTS",
    413: "PAYLOAD_TOO_LARGE",
    429: "TOO_MANY_REQUESTS",
    503: "MAINTENANCE_ERROR",
}
"""The code that goes with a status; with any other goes ``SERVER_ERROR``. Some are those of Batch's older
API (https://doc.batch.com/api/custom-audience), the others are ours: none is documented here."""


class BatchError(Exception):
    """A request that fails."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message or "The request failed."

    def response(self, shape: str) -> Response:
        """Make the answer, in a shape of `BatchSettings.error_shape`."""
        code = CODES.get(self.status, "SERVER_ERROR")
        if shape == "text":
            return PlainTextResponse(self.message, self.status)
        prefix = "error_" if shape == "prefixed" else ""
        return JSONResponse({f"{prefix}code": code, f"{prefix}message": self.message}, self.status)
