"""One request as the sandbox reads it, and the endpoints it may be for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response


@dataclass(frozen=True)
class Call:
    """A request, read whole.

    Attributes:
        method: In capitals.
        path: As the vendor would see it: without the sandbox's own prefix.
        query: The parameters after the question mark.
        headers: Names are matched whatever their case.
        body: As it came.
    """

    method: str
    path: str
    query: QueryParams
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    @cached_property
    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: It is not JSON, or nested too deeply.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise ValueError("The body is not JSON.") from None

    def count(self, field: str) -> int:
        """Return how many items a field of the JSON body holds; 0 for any other body."""
        try:
            return len(self.json[field])
        except (ValueError, LookupError, TypeError):
            return 0

    @property
    def authorization(self) -> tuple[str, str]:
        """The scheme of the ``Authorization`` header, in small letters, and the rest; empty without it."""
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        return scheme.lower(), credentials.strip()

    @property
    def media_type(self) -> str:
        """The media type of the body, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Endpoint:
    """One method on one path, what to call the operation, and what answers it."""

    def __init__(self, operation: str, method: str, path: str, handle: Callable[..., Response]) -> None:
        """Describe an endpoint.

        Args:
            operation: A short name: what faults and recorded requests go by.
            method: In capitals.
            path: With ``{name}`` for a part that varies; it may hold a slash only as ``{name:any}``.
            handle: Called with what the owner gives, and the varying parts by name.
        """
        self.operation = operation
        self.method = method
        self.path = path
        self.handle = handle
        pattern = re.sub(r"\{(\w+):any\}", r"(?P<\1>.+)", path)
        self._pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))

    def parameters(self, method: str, path: str) -> dict[str, str] | None:
        """Return the varying parts of a path, or None where it is not this endpoint's."""
        found = self._pattern.fullmatch(path) if method == self.method else None
        return found.groupdict() if found else None


def find_endpoint(
    endpoints: Iterable[Endpoint], method: str, path: str
) -> tuple[Endpoint, dict[str, str]] | None:
    """Return the endpoint of a method and a path, with the varying parts of the path, or None."""
    for endpoint in endpoints:
        parameters = endpoint.parameters(method, path)
        if parameters is not None:
            return endpoint, parameters
    return None
