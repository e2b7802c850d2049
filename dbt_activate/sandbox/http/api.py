"""The way to each call: the token, the rate limit, the path."""

from __future__ import annotations

import math

from starlette.responses import Response

from dbt_activate.sandbox.call import Call, Endpoint, find_endpoint
from dbt_activate.sandbox.http import calls
from dbt_activate.sandbox.http.calls import RefusalError
from dbt_activate.sandbox.http.state import HttpEndpointState
from dbt_activate.sandbox.tokens import TokenState, form, invalid_client, oauth_error
from dbt_activate.sandbox.vendor import Deed

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a token
LIST = "/lists/{list_id}"
MEMBERS = f"{LIST}/members"

ENDPOINTS = (
    Endpoint("check", "GET", "/account", calls.account),
    Endpoint("find", "GET", "/lists", calls.search),
    Endpoint("create", "POST", "/lists", calls.create),
    Endpoint("find", "GET", LIST, calls.get),
    Endpoint("rename", "PATCH", LIST, calls.change),
    Endpoint("delete", "DELETE", LIST, calls.delete),
    Endpoint("read", "GET", MEMBERS, calls.read),
    Endpoint("add", "POST", MEMBERS, calls.add),
    Endpoint("remove", "POST", f"{MEMBERS}/remove", calls.remove),
    Endpoint("clear", "DELETE", MEMBERS, calls.clear),
    Endpoint("add", "PUT", f"{MEMBERS}/{{kind}}/{{person}}", calls.add_one),
    Endpoint("remove", "DELETE", f"{MEMBERS}/{{kind}}/{{person}}", calls.remove_one),
)

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "no_such_list",
    409: "name_taken",
    413: "too_many_members",
    422: "unknown_member",
    429: "rate_limited",
}
"""The code that goes with a status, whatever was asked for; with any other goes ``internal``."""


class HttpEndpoint(HttpEndpointState):
    """An API of member lists."""

    name = "http"
    label = "HTTP endpoint"

    def answer(self, call: Call) -> Response:
        """Answer a request for a token, or one that carries a token."""
        if call.path == TOKEN_PATH:
            return self._give_token(call)
        try:
            self._admit(call)
            endpoint, parameters = self._endpoint(call)
            return endpoint.handle(self, call, **parameters)
        except RefusalError as refusal:
            response = refusal.response()
            if refusal.status == 429:
                response.headers["Retry-After"] = str(math.ceil(refusal.more["retry_after"]))
            return response

    def failure(self, call: Call, status: int, reset_after_seconds: float | None) -> Response:
        """Make the answer of a request that fails on order; with 200, the error is in the body alone."""
        if call.path == TOKEN_PATH:
            return oauth_error(status, "invalid_client" if status in (400, 401, 403) else "server_error", "")
        response = RefusalError(status, CODES.get(status, "internal")).response()
        if reset_after_seconds is not None:
            response.headers["Retry-After"] = str(math.ceil(reset_after_seconds))
        return response

    def deed(self, call: Call) -> Deed:
        """Say what a request asks for."""
        if call.path == TOKEN_PATH:
            return Deed("token")
        target = find_endpoint(ENDPOINTS, call.method, call.path)
        if target is None:
            return Deed("")
        return Deed(target[0].operation, 1 if "person" in target[1] else call.count("members"))

    def _give_token(self, call: Call) -> Response:
        fields, settings = form(call), self.settings
        if call.method != "POST" or fields.get("grant_type") != "client_credentials":
            return oauth_error(400, "unsupported_grant_type", "Ask by POST for client credentials.")
        secret = settings.client_secret.get_secret_value()
        if (fields.get("client_id"), fields.get("client_secret")) != (settings.client_id, secret):
            return invalid_client()
        return self.tokens.grant(settings.client_id, settings.token_life_seconds)

    def _admit(self, call: Call) -> None:
        scheme, token = call.authorization
        fixed = self.settings.token.get_secret_value()
        is_good = token == fixed or self.tokens.look_up(token)[0] is TokenState.VALID
        if scheme != "bearer" or not is_good:
            raise RefusalError(401, "unauthorized")
        limit, window = self.settings.rate_limit, self.settings.rate_window_seconds
        allowance = self.quota.take("anybody", limit, window)
        if not allowance.granted:
            raise RefusalError(429, "rate_limited", retry_after=allowance.seconds_left)

    def _endpoint(self, call: Call) -> tuple[Endpoint, dict[str, str]]:
        target = find_endpoint(ENDPOINTS, call.method, call.path)
        if target is None:
            raise RefusalError(404, "not_found")
        return target
