"""Purchasely's gateway: keys, the rate limit, apps, and the way to each call."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from dbt_activate.sandbox.call import Call, Endpoint, find_endpoint
from dbt_activate.sandbox.purchasely import audiences, users
from dbt_activate.sandbox.purchasely.refusals import RefusalError
from dbt_activate.sandbox.purchasely.state import PurchaselyState
from dbt_activate.sandbox.vendor import Deed

AUDIENCES = "/custom_audiences"
AUDIENCE = f"{AUDIENCES}/{{vendor_id}}"
USERS = f"{AUDIENCE}/users"

ENDPOINTS = (
    Endpoint("create", "POST", AUDIENCES, audiences.create),
    Endpoint("search", "GET", AUDIENCES, audiences.search),
    Endpoint("status", "GET", AUDIENCE, audiences.read),
    Endpoint("delete", "DELETE", AUDIENCE, audiences.archive),
    Endpoint("change", "POST", USERS, users.change),
    Endpoint("read", "GET", USERS, users.read),
    Endpoint("replace", "PUT", f"{USERS}/replace", users.replace),
    Endpoint("clear", "DELETE", f"{USERS}/clear", users.clear),
)

_APP_PATH = re.compile(r"/client/mobile_applications/(?P<app>[^/]+)(?P<rest>/.*)")


class Purchasely(PurchaselyState):
    """Purchasely's Client API, as far as custom audiences go."""

    name = "purchasely"
    label = "Purchasely"
    root_paths = re.compile(r"/client/mobile_applications/")

    def answer(self, call: Call) -> Response:
        """Answer a request that carries a client API key."""
        try:
            return self._carry_out(call)
        except RefusalError as refusal:
            return refusal.response()

    def failure(self, call: Call, status: int, reset_after_seconds: float | None) -> Response:
        """Make the answer of a request that fails on order; Purchasely puts no error into a 200."""
        archives = status == 409 and call.method == "DELETE" and not call.path.endswith("/clear")
        code = "CANNOT_ARCHIVE_WHILE_PROCESSING" if archives else ""
        return RefusalError(status, code, retry_after=reset_after_seconds).response()

    def deed(self, call: Call) -> Deed:
        """Say what a request asks for; a change of one kind is an ``add`` or a ``remove``."""
        target = _target(call)
        if target is None:
            return Deed("")
        operation = target[0].operation
        return _change(call) if operation == "change" else Deed(operation)

    def _carry_out(self, call: Call) -> Response:
        key_of = self._caller(call)
        self._count(key_of)
        found = _APP_PATH.fullmatch(call.path)
        if found is None or found["app"] != key_of:
            raise RefusalError(403, "FORBIDDEN") if found else RefusalError(404, "NOT_FOUND")
        if not self.settings.apps[key_of].has_custom_audiences:
            raise RefusalError(403, "FEATURE_NOT_ENABLED")
        target = _target(call)
        if target is None:
            raise RefusalError(404, "NOT_FOUND")
        if len(call.body) > self.settings.max_body_bytes:
            raise RefusalError(413)
        return target[0].handle(self, key_of, call, **target[1])

    def _caller(self, call: Call) -> str:
        """Return the app whose key a request carries."""
        scheme, key = call.authorization
        for app_id, app in self.settings.apps.items():
            if scheme == "bearer" and app.key.get_secret_value() == key:
                return app_id
        raise RefusalError(401)

    def _count(self, app_id: str) -> None:
        settings = self.settings
        allowance = self.quota.take(app_id, settings.rate_limit, settings.rate_window_seconds)
        if not allowance.granted:
            raise RefusalError(429, retry_after=allowance.seconds_left if settings.says_when else None)


def _target(call: Call) -> tuple[Endpoint, dict[str, str]] | None:
    found = _APP_PATH.fullmatch(call.path)
    return find_endpoint(ENDPOINTS, call.method, found["rest"]) if found else None


def _change(call: Call) -> Deed:
    try:
        body: Any = call.json
        counts = {name: len(body[name]) for name in ("add", "remove") if body.get(name)}
    except (ValueError, AttributeError, TypeError, LookupError):
        return Deed("change")
    operation = next(iter(counts)) if len(counts) == 1 else "change"
    return Deed(operation, sum(counts.values()))
