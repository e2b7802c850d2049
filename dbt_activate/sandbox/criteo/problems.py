"""Criteo's way of saying what is wrong: the ``errors`` and ``warnings`` of its answers.

https://developers.criteo.com/criteo-apis/docs/api-error-types and .../api-error-codes
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call


@dataclass(frozen=True, slots=True)
class Problem:
    """One item of ``errors`` or ``warnings``.

    Attributes:
        type: Criteo's category.
        code: What is wrong, for machines.
        title: What is wrong, in short.
        detail: What is wrong, at length.
        source: Where in the request it is.
    """

    type: str
    code: str
    title: str
    detail: str = ""
    source: Mapping[str, str] = field(default_factory=dict)

    def as_json(self, call: Call) -> dict[str, Any]:
        """Write it as Criteo does, with a trace id of its own."""
        return {
            "traceId": str(uuid.uuid4()),
            "type": self.type,
            "code": self.code,
            "instance": call.path,
            "title": self.title,
            "detail": self.detail or self.title,
            "source": dict(self.source),
        }


class ProblemError(Exception):
    """A request that fails as a whole."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.code)
        self.status = status
        self.problem = problem

    def response(self, call: Call) -> Response:
        """Make the answer."""
        return JSONResponse({"errors": [self.problem.as_json(call)], "warnings": []}, self.status)


def success(call: Call, data: Any, *, warnings: Iterable[Problem] = (), **more: Any) -> Response:
    """Make the answer of a request that was carried out, at least in part."""
    found = [problem.as_json(call) for problem in warnings]
    return JSONResponse({**more, "data": data, "errors": [], "warnings": found})


def unauthorized(state: str) -> ProblemError:
    """Refuse a bearer token that is ``missing``, ``invalid`` or ``expired``."""
    title = f"The authorization token is {state}"
    return ProblemError(401, Problem("authorization", f"authorization-token-{state}", title))


def invalid(detail: str, *, code: str = "invalid", pointer: str = "") -> ProblemError:
    """Refuse a request that is not what the API describes."""
    source = {"pointer": pointer} if pointer else {}
    return ProblemError(400, Problem("validation", code, "The request is not valid", detail, source))


NAME_TAKEN = "name-must-be-unique"
NAME_EMPTY = "name-must-not-be-empty"


def name_taken(name: str) -> Problem:
    """Say that another segment has the name."""
    detail = f"Another Segment exists with the name: {name}"
    return Problem("validation", NAME_TAKEN, "Segment name must be unique", detail)


def name_empty() -> Problem:
    """Say that a segment must have a name."""
    return Problem("validation", NAME_EMPTY, "Segment name must not be empty")


def not_found(segment_id: str) -> Problem:
    """Say that there is no such segment."""
    return Problem("validation", "segment-not-found", f"No segment has the id {segment_id}")


INTERNAL_ERROR = Problem("availability", "internal-error", "An internal error occurred")

FAILURES = {
    400: Problem("validation", "invalid", "The request is not valid"),
    401: Problem("authorization", "authorization-token-expired", "The authorization token is expired"),
    403: Problem(
        "authorization",
        "insufficient-advertiser-permissions",
        "The application lacks a permission, or the advertiser's consent",
    ),
    404: Problem("access-control", "audience-invalid", "The audience does not exist"),
    # For these, Criteo documents the status and no code; the codes are ours.
    410: Problem("deprecation", "endpoint-deprecated", "This version of the API is decommissioned"),
    413: Problem("validation", "request-too-large", "The request is too large"),
    415: Problem("validation", "unsupported-media-type", "The body must be application/json"),
    429: Problem("quota", "rate-limit-exceeded", "The limit of requests is used up"),
}
"""The problem that goes with a status, whatever was asked for; with any other goes `INTERNAL_ERROR`."""

NO_SUCH_PATH = Problem("unknown", "not-found", "The API has no such path")


def failed(status: int) -> ProblemError:
    """Refuse a request with a status, and with the problem that goes with it."""
    return ProblemError(status, FAILURES.get(status, INTERNAL_ERROR))


def error_in_success(call: Call) -> Response:
    """Make a 200 that carries an error and no data, as Criteo does when one of its own parts is down."""
    return JSONResponse({"data": None, "errors": [INTERNAL_ERROR.as_json(call)], "warnings": []})
