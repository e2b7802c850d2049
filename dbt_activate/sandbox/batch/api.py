"""Batch's gateway: keys, rate limit, versions, and the way to each call."""

from __future__ import annotations

import math
import re
import time

from starlette.responses import Response

from dbt_activate.sandbox.batch import calls
from dbt_activate.sandbox.batch.errors import BatchError
from dbt_activate.sandbox.batch.state import BatchState
from dbt_activate.sandbox.call import Call, Endpoint, find_endpoint
from dbt_activate.sandbox.vendor import Deed

ENDPOINTS = (
    Endpoint("create", "POST", "/audiences/create", calls.create),
    Endpoint("update", "POST", "/audiences/update", calls.update),
    Endpoint("replace", "POST", "/audiences/replace", calls.replace),
    Endpoint("delete", "POST", "/audiences/remove", calls.remove),
    Endpoint("find", "GET", "/audiences/view", calls.view),
    Endpoint("search", "GET", "/audiences/list", calls.list_audiences),
)

_VERSIONED_PATH = re.compile(r"/(?P<version>\d+\.\d+)(?P<rest>/.*)")


class Batch(BatchState):
    """The Batch API, as far as audiences go."""

    name = "batch"
    label = "Batch"
    root_paths = re.compile(r"/\d+\.\d+/audiences/")

    def answer(self, call: Call) -> Response:
        """Answer a request."""
        try:
            return self._carry_out(call)
        except BatchError as error:
            response = error.response(self.settings.error_shape)
            if error.status == 429 and self.settings.retry_after:
                response.headers["Retry-After"] = str(math.ceil(self.settings.rate_window_seconds))
            return response

    def failure(self, call: Call, status: int, reset_after_seconds: float | None) -> Response:
        """Make the answer of a request that fails on order."""
        del call
        response = BatchError(status).response(self.settings.error_shape)
        if reset_after_seconds is not None:
            # Batch documents no headers of its rate limit; these are the usual ones.
            reset_at = math.ceil(time.time() + reset_after_seconds)
            response.headers.update({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset_at)})
        return response

    def deed(self, call: Call) -> Deed:
        """Say what a request asks for; one that both adds and removes is a ``change``."""
        versioned = _VERSIONED_PATH.fullmatch(call.path)
        target = find_endpoint(ENDPOINTS, call.method, versioned["rest"]) if versioned else None
        if target is None:
            return Deed("")
        operation = target[0].operation
        if operation == "find" and "indexing_token" in call.query:
            return Deed("status")
        return _change(call, operation) if operation in ("update", "replace") else Deed(operation)

    def _carry_out(self, call: Call) -> Response:
        project = self._project(call)
        self._count(project)
        versioned = _VERSIONED_PATH.fullmatch(call.path)
        known = versioned and versioned["version"] in self.settings.versions
        target = find_endpoint(ENDPOINTS, call.method, versioned["rest"]) if versioned and known else None
        if target is None:
            raise BatchError(404, "There is nothing at that path.")
        if self.settings.max_body_bytes is not None and len(call.body) > self.settings.max_body_bytes:
            raise BatchError(413, "The request is too large.")
        return target[0].handle(self, project, call)

    def _project(self, call: Call) -> str:
        """Return the project that both keys together open. The older API's header opens nothing here."""
        scheme, key = call.authorization
        expected = self.settings.rest_api_key.get_secret_value()
        project = call.headers.get("x-batch-project", "")
        if scheme != "bearer" or key != expected or project not in self.settings.projects:
            raise BatchError(
                self.settings.refused_keys_status, "The REST API key does not open this project."
            )
        return project

    def _count(self, project: str) -> None:
        settings = self.settings
        if not self.quota.take(project, settings.rate_limit, settings.rate_window_seconds).granted:
            raise BatchError(429, "Too many requests.")


def _change(call: Call, operation: str) -> Deed:
    try:
        ids = call.json["ids"]
        count = len(ids)
        actions = {item["action"] for item in ids} if operation == "update" else set()
    except (ValueError, LookupError, TypeError):
        return Deed(operation)
    if operation == "replace":
        return Deed("replace" if ids else "clear", count)
    for action in ("add", "remove"):
        if actions == {action}:
            return Deed(action, count)
    return Deed("change", count)
