"""Criteo's gateway: tokens, rate limit, versions, permissions, and the way to each call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, TypeVar

from starlette.responses import Response

from dbt_activate.sandbox.call import Call, Endpoint, find_endpoint
from dbt_activate.sandbox.criteo.problems import (
    NO_SUCH_PATH,
    ProblemError,
    error_in_success,
    failed,
    unauthorized,
)
from dbt_activate.sandbox.criteo.settings import App, GatewaySettings
from dbt_activate.sandbox.quota import Allowance
from dbt_activate.sandbox.tokens import TokenState, form, invalid_client, malformed
from dbt_activate.sandbox.vendor import Deed, HeldAudience, Vendor

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path, not a token

_VERSIONED_PATH = re.compile(r"/(?P<version>\d{4}-\d{2})(?P<rest>/.*)")

Held = TypeVar("Held", bound=HeldAudience)
Settings = TypeVar("Settings", bound=GatewaySettings)


class Gateway(Vendor[Held, Settings]):
    """What all of Criteo's products have in common.

    Requests for tokens do not count towards the rate limit: Criteo does not say whether they do.

    Attributes:
        endpoints: The product's calls; each is handled with the vendor, the application and the call.
        permissions: The permission that a call takes, by its operation; the others take ``manage``.
    """

    endpoints: ClassVar[tuple[Endpoint, ...]]
    permissions: ClassVar[Mapping[str, str | None]]

    def answer(self, call: Call) -> Response:
        """Answer a request for a token, or one that carries a token."""
        if call.path == TOKEN_PATH:
            return self._give_token(call)
        try:
            client_id = self._caller(call)
        except ProblemError as error:
            return error.response(call)
        return self._answer_within_limit(client_id, call)

    def failure(self, call: Call, status: int, reset_after_seconds: float | None) -> Response:
        """Make the answer of a request that fails on order."""
        if status == 200:
            response = error_in_success(call)
        elif call.path == TOKEN_PATH and status in (400, 401, 403):
            response = invalid_client(status)
        else:
            response = failed(status).response(call)
        if reset_after_seconds is not None:
            used_up = Allowance.used_up(self.settings.rate_limit, reset_after_seconds)
            response.headers.update(used_up.headers)
        return response

    def deed(self, call: Call) -> Deed:
        """Say what a request asks for; an amendment is an ``add`` or a ``remove``."""
        if call.path == TOKEN_PATH:
            return Deed("token")
        versioned = _VERSIONED_PATH.fullmatch(call.path)
        target = find_endpoint(self.endpoints, call.method, versioned["rest"]) if versioned else None
        if target is None:
            return Deed("")
        operation = target[0].operation
        return _amendment(call) if operation == "amend" else Deed(operation)

    def _give_token(self, call: Call) -> Response:
        fields = form(call)
        client_id = fields.get("client_id", "")
        client = self.settings.clients.get(client_id)
        if refusal := malformed(call):
            return refusal
        if client is None or client.secret.get_secret_value() != fields.get("client_secret"):
            return invalid_client()
        return self.tokens.grant(client_id, self.settings.token_life_seconds, refresh_token=None)

    def _caller(self, call: Call) -> str:
        scheme, token = call.authorization
        if not scheme:
            raise unauthorized("missing")
        state, client_id = self.tokens.look_up(token)
        if state is TokenState.EXPIRED:
            raise unauthorized("expired")
        if state is TokenState.UNKNOWN or scheme != "bearer" or client_id not in self.settings.clients:
            raise unauthorized("invalid")
        return client_id

    def _answer_within_limit(self, client_id: str, call: Call) -> Response:
        settings = self.settings
        allowance = self.quota.take(client_id, settings.rate_limit, settings.rate_window_seconds)
        response = self._answer_allowed(client_id, call) if allowance.granted else failed(429).response(call)
        # https://developers.criteo.com/criteo-apis/docs/rate-limits
        response.headers.update(allowance.headers)
        return response

    def _answer_allowed(self, client_id: str, call: Call) -> Response:
        try:
            return self._carry_out(self.settings.clients[client_id], call)
        except ProblemError as error:
            return error.response(call)

    def _carry_out(self, client: App, call: Call) -> Response:
        endpoint, parameters = self._endpoint(call)
        permission = self.permissions.get(endpoint.operation, "manage")
        if permission and permission not in client.permissions:
            raise failed(403)
        if len(call.body) > self.settings.max_body_bytes:
            raise failed(413)
        return endpoint.handle(self, client, call, **parameters)

    def _endpoint(self, call: Call) -> tuple[Endpoint, dict[str, str]]:
        versioned = _VERSIONED_PATH.fullmatch(call.path)
        versions = self.settings.versions
        if versioned and versioned["version"] < min(versions):
            raise failed(410)
        if not versioned or versioned["version"] not in versions:
            raise ProblemError(404, NO_SUCH_PATH)
        target = find_endpoint(self.endpoints, call.method, versioned["rest"])
        if target is None:
            raise ProblemError(404, NO_SUCH_PATH)
        return target


def _amendment(call: Call) -> Deed:
    try:
        attributes = call.json["data"]["attributes"]
        return Deed(str(attributes["operation"]), len(attributes["identifiers"]))
    except (ValueError, LookupError, TypeError):
        return Deed("amend")
