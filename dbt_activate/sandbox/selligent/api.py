"""Selligent's portal: keys, rights, the rate limit, and the way to each call."""

from __future__ import annotations

import math
import re

from starlette.responses import Response

from dbt_activate.sandbox.call import Call, Endpoint, find_endpoint
from dbt_activate.sandbox.quota import Allowance
from dbt_activate.sandbox.selligent import catalog, rows
from dbt_activate.sandbox.selligent.answers import RefusalError, list_busy, quota_exceeded
from dbt_activate.sandbox.selligent.settings import Account, Right
from dbt_activate.sandbox.selligent.state import SelligentState
from dbt_activate.sandbox.vendor import Deed

PORTAL = "/Portal/Api"
ORGANIZATION = "/organizations/{organization}"
LIST = f"{ORGANIZATION}/lists/{{list}}"
SEGMENT = f"{LIST}/segments/{{segment}}"

ENDPOINTS = (
    Endpoint("organization", "GET", ORGANIZATION, catalog.show_organization),
    Endpoint("lists", "GET", f"{ORGANIZATION}/lists", catalog.show_lists),
    Endpoint("list", "GET", LIST, catalog.show_list),
    Endpoint("fields", "GET", f"{LIST}/fields", catalog.show_fields),
    Endpoint("search", "GET", f"{LIST}/segments", catalog.show_segments),
    Endpoint("create", "POST", f"{LIST}/segments/static", catalog.create),
    Endpoint("find", "GET", SEGMENT, catalog.show_segment),
    Endpoint("delete", "DELETE", SEGMENT, catalog.delete),
    Endpoint("add", "POST", f"{SEGMENT}/data/load", rows.load),
    Endpoint("remove", "DELETE", f"{SEGMENT}/data", rows.remove),
    Endpoint("clear", "DELETE", f"{SEGMENT}/data/clear", rows.clear),
    Endpoint("read", "POST", f"{SEGMENT}/data/search", rows.search),
)

RIGHTS: dict[str, Right] = {
    "organization": "organization",
    "lists": "lists",
    "list": "lists",
    "fields": "fields",
    "search": "segments",
    "find": "segments",
    "create": "create",
    "delete": "delete",
    "add": "load",
    "remove": "remove",
    "clear": "clear",
    "read": "search",
}
"""The right that a call takes."""


class Selligent(SelligentState):
    """The Portal API v1, as far as segments of lists go."""

    name = "selligent"
    label = "Selligent"
    root_paths = re.compile(rf"{PORTAL}/")

    def answer(self, call: Call) -> Response:
        """Answer a request that carries a key."""
        try:
            key = self._caller(call)
        except RefusalError as refusal:
            return refusal.response()
        return self._answer_within_limit(key, call)

    def failure(self, call: Call, status: int, reset_after_seconds: float | None) -> Response:
        """Make the answer of a request that fails on order; a 429 without headers is a busy list's."""
        del call
        if status == 429:
            response = list_busy() if reset_after_seconds is None else quota_exceeded(self._limit)
        else:
            description = "It failed, as ordered."
            result = "InternalServerError" if status == 200 else ""
            response = RefusalError(status, description, result=result).response()
        if reset_after_seconds is not None:
            response.headers.update(_rate_headers(self._limit, 0, f"{reset_after_seconds:g}"))
        return response

    def deed(self, call: Call) -> Deed:
        """Say what a request asks for, and with how many rows."""
        target = find_endpoint(ENDPOINTS, call.method, call.path.removeprefix(PORTAL))
        if target is None:
            return Deed("")
        operation = target[0].operation
        return Deed(operation, _row_count(call) if operation in ("add", "remove") else 0)

    @property
    def _limit(self) -> int:
        return self.settings.rate_limit or 0

    def _caller(self, call: Call) -> str:
        parts = call.headers.get("x-apikey", "").split(":")
        account = self.settings.accounts.get(parts[0])
        if len(parts) != 2 or account is None or account.secret.get_secret_value() != parts[1]:
            raise RefusalError(401, "The API key is not valid.")
        return parts[0]

    def _answer_within_limit(self, key: str, call: Call) -> Response:
        settings = self.settings
        allowance = self.quota.take(key, settings.rate_limit, settings.rate_window_seconds)
        response = self._answer_allowed(key, call) if allowance.granted else quota_exceeded(self._limit)
        is_busy = response.status_code == 429 and allowance.granted
        if not is_busy or settings.busy_shows_quota:
            response.headers.update(_allowance_headers(allowance))
        return response

    def _answer_allowed(self, key: str, call: Call) -> Response:
        try:
            return self._carry_out(self.settings.accounts[key], call)
        except RefusalError as refusal:
            return refusal.response()

    def _carry_out(self, account: Account, call: Call) -> Response:
        path = call.path.removeprefix(PORTAL)
        if call.method == "GET" and path == "/status" and path != call.path:
            return Response(status_code=200)
        target = find_endpoint(ENDPOINTS, call.method, path) if path != call.path else None
        if target is None:
            raise RefusalError(404, "There is no such resource.")
        endpoint, parameters = target
        ask = catalog.Ask(call, **parameters)
        self._check_access(account, endpoint.operation, ask.organization)
        return endpoint.handle(self, ask)

    def _check_access(self, account: Account, operation: str, organization: str) -> None:
        if RIGHTS[operation] not in account.rights:
            raise RefusalError(401, "The API key has no access to this endpoint.")
        if organization not in self.settings.organizations:
            raise RefusalError(404, "The organization does not exist.")
        if organization not in account.organizations:
            raise RefusalError(401, "The API key has no access to this organization.")


def _allowance_headers(allowance: Allowance) -> dict[str, str]:
    if allowance.limit is None:
        return {}
    return _rate_headers(allowance.limit, allowance.remaining, str(math.ceil(allowance.seconds_left)))


def _rate_headers(limit: int, remaining: int, reset: str) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": f"{limit}, {limit};w=60",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": reset,
    }


def _row_count(call: Call) -> int:
    try:
        body = call.json
    except ValueError:
        return 0
    return len(body) - (not call.query.get("fields")) if isinstance(body, list) and body else 0
