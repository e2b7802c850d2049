"""Emarsys's gateway: tokens, WSSE, rate limit, permissions, and the way to each call."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from datetime import datetime

from starlette.responses import PlainTextResponse, Response

from dbt_activate.sandbox.call import Call, Endpoint, find_endpoint
from dbt_activate.sandbox.emarsys import lists, lookups, members
from dbt_activate.sandbox.emarsys.replies import (
    ReplyError,
    failed,
    forbidden,
    too_many_requests,
    unauthorized,
)
from dbt_activate.sandbox.emarsys.settings import ApiUser
from dbt_activate.sandbox.emarsys.state import EmarsysState
from dbt_activate.sandbox.quota import Allowance
from dbt_activate.sandbox.tokens import TokenState, invalid_client, malformed
from dbt_activate.sandbox.vendor import Deed

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path, not a token
WSSE_SECONDS = 300
LIST = "/contactlist/{list_id}"

ENDPOINTS = {
    Endpoint("settings", "GET", "/settings", lookups.show_account): "customer.settings",
    Endpoint("search", "GET", "/field", lookups.show_fields): "field.list",
    Endpoint("search", "GET", "/field/translate/{language}", lookups.show_fields): "field.list",
    Endpoint("search", "POST", "/contact/checkids", lookups.check_ids): "contact.contactid.verify",
    Endpoint("read", "POST", "/contact/getdata", lookups.get_data): "contact.getdata",
    Endpoint("find", "GET", "/contactlist", lists.show_all): "contactlist.list",
    Endpoint("create", "POST", "/contactlist", lists.create): "contactlist.create",
    Endpoint("rename", "POST", f"{LIST}/rename", lists.rename): "contactlist.rename",
    Endpoint("delete", "POST", f"{LIST}/deletelist", lists.delete): "contactlist.delete",
    Endpoint("count", "GET", f"{LIST}/count", lists.count): "contactlist.contact.count",
    Endpoint("add", "POST", f"{LIST}/add", members.add): "contactlist.contact.add",
    Endpoint("remove", "POST", f"{LIST}/delete", members.remove): "contactlist.contact.delete",
    Endpoint("replace", "POST", f"{LIST}/replace", members.replace): "contactlist.replace",
    Endpoint("read", "GET", f"{LIST}/contactIds", members.contact_ids): "contactlist.contact.ids",
}
"""The calls, and the permission that each takes."""

_PATH = re.compile(r"/api/(?P<version>v[23])(?P<rest>/.*)")


class Emarsys(EmarsysState):
    """The Emarsys core API, as far as contact lists go: v3 with access tokens, v2 with WSSE.

    Requests for tokens do not count towards the rate limit: Emarsys does not say whether they do.
    """

    name = "emarsys"
    label = "SAP Emarsys"

    def answer(self, call: Call) -> Response:
        """Answer a request for a token, or one that proves who it comes from."""
        if call.path == "/healthcheck":
            return PlainTextResponse("OK")
        if call.path == TOKEN_PATH:
            return self._give_token(call)
        versioned = _PATH.fullmatch(call.path)
        if versioned is None:
            return PlainTextResponse("Not Found", 404)
        name, user = self._caller(call, versioned["version"])
        return self._answer_within_limit(name, user, call) if user else unauthorized()

    def failure(self, call: Call, status: int, reset_after_seconds: float | None) -> Response:
        """Make the answer of a request that fails on order."""
        response = self._failure(call, status)
        if reset_after_seconds is not None:
            used_up = Allowance.used_up(self.settings.rate_limit, reset_after_seconds)
            response.headers.update(used_up.headers)
        return response

    def deed(self, call: Call) -> Deed:
        """Say what a request asks for."""
        if call.path == TOKEN_PATH:
            return Deed("token")
        versioned = _PATH.fullmatch(call.path)
        target = find_endpoint(ENDPOINTS, call.method, versioned["rest"]) if versioned else None
        return Deed(target[0].operation, call.count("external_ids")) if target else Deed("")

    def _give_token(self, call: Call) -> Response:
        if refusal := malformed(call):
            return refusal
        client_id, _, secret = _basic(call).partition(":")
        client = self.settings.clients.get(client_id)
        if client is None or client.secret.get_secret_value() != secret:
            return invalid_client()
        return self.tokens.grant(client_id, self.settings.token_life_seconds, token_type="bearer")  # noqa: S106

    def _caller(self, call: Call, version: str) -> tuple[str, ApiUser | None]:
        scheme, token = call.authorization
        if scheme == "bearer" and (version == "v3" or self.settings.bearer_on_v2):
            state, client_id = self.tokens.look_up(token)
            return client_id, self.settings.clients.get(client_id) if state is TokenState.VALID else None
        given = re.findall(r'(\w+)="([^"]*)"', call.headers.get("x-wsse", ""))
        proof = {key.lower(): value for key, value in given}
        return proof.get("username", ""), self._wsse_user(proof) if version == "v2" else None

    def _wsse_user(self, proof: dict[str, str]) -> ApiUser | None:
        """Return who sent a WSSE header; None where anything about it is wrong, or its nonce is not new."""
        user = self.settings.users.get(proof.get("username", ""))
        nonce, created = proof.get("nonce", ""), proof.get("created", "")
        if user is None or nonce in self.nonces or not _is_recent(created):
            return None
        self.nonces.add(nonce)
        sent = f"{nonce}{created}{user.secret.get_secret_value()}"
        # What SAP's own script does: base64 of the hex text of the SHA-1, and not of its bytes.
        digest = base64.b64encode(hashlib.sha1(sent.encode()).hexdigest().encode()).decode()  # noqa: S324
        return user if digest == proof.get("passworddigest") else None

    def _answer_within_limit(self, name: str, user: ApiUser, call: Call) -> Response:
        settings = self.settings
        allowance = self.quota.take(name, settings.rate_limit, settings.rate_window_seconds)
        refused = too_many_requests(as_text=settings.rate_limit_as_text)
        response = self._answer_allowed(user, call) if allowance.granted else refused
        response.headers.update(allowance.headers)
        return response

    def _answer_allowed(self, user: ApiUser, call: Call) -> Response:
        try:
            return self._carry_out(user, call)
        except ReplyError as error:
            return error.response()

    def _carry_out(self, user: ApiUser, call: Call) -> Response:
        versioned = _PATH.fullmatch(call.path)
        target = find_endpoint(ENDPOINTS, call.method, versioned["rest"]) if versioned else None
        if target is None or versioned is None:
            raise ReplyError(400, "1")
        endpoint, parameters = target
        lacks_ids = versioned["version"] == "v3" and not self.settings.contact_ids_on_v3
        if lacks_ids and endpoint.handle is members.contact_ids:
            return PlainTextResponse("Not Found", 404)
        if ENDPOINTS[endpoint] not in user.permissions:
            return forbidden()
        if len(call.body) > self.settings.max_body_bytes:
            return PlainTextResponse("Request Entity Too Large", 413)
        return endpoint.handle(self, call, **parameters)

    def _failure(self, call: Call, status: int) -> Response:
        if call.path == TOKEN_PATH and status in (400, 401, 403):
            return invalid_client(status)
        match status:
            case 401:
                return unauthorized()
            case 403:
                return forbidden()
            case 413:
                return PlainTextResponse("Request Entity Too Large", 413)
            case 429:
                return too_many_requests(as_text=self.settings.rate_limit_as_text)
            case _:
                return failed(status, {200: "2011", 400: "1001", 404: "3006"}.get(status, "1"))


def _basic(call: Call) -> str:
    scheme, value = call.authorization
    try:
        return base64.b64decode(value, validate=True).decode() if scheme == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_recent(created: str) -> bool:
    try:
        return abs(datetime.fromisoformat(created).timestamp() - time.time()) <= WSSE_SECONDS
    except ValueError:
        return False
