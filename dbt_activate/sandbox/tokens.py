"""Access tokens of the OAuth 2.0 client credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

import secrets
import time
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call


class TokenState(StrEnum):
    """What a bearer token is worth."""

    VALID = "valid"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Tokens:
    """The tokens that were given out; a client may have several at once."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, float]] = {}

    def grant(self, client_id: str, life_seconds: float, **more: Any) -> Response:
        """Give a client a new token, as a token endpoint does (RFC 6749, section 5.1).

        Args:
            client_id: Who gets it.
            life_seconds: How long it is good.
            more: Further fields of the answer, or other values than the usual ones.
        """
        token = f"sandbox-{secrets.token_urlsafe(24)}"
        self._tokens[token] = (client_id, time.monotonic() + life_seconds)
        fields = {"access_token": token, "token_type": "Bearer", "expires_in": int(life_seconds)}
        return JSONResponse({**fields, **more})

    def look_up(self, token: str) -> tuple[TokenState, str]:
        """Return what a token is worth, and its client id; an empty text where it is unknown."""
        if token not in self._tokens:
            return TokenState.UNKNOWN, ""
        client_id, expires_at = self._tokens[token]
        return TokenState.VALID if time.monotonic() < expires_at else TokenState.EXPIRED, client_id

    def expire_all(self) -> None:
        """End the life of all tokens now."""
        self._tokens = {token: (client_id, 0.0) for token, (client_id, _) in self._tokens.items()}


def oauth_error(status: int, error: str, description: str) -> Response:
    """Make the error answer of a token endpoint (RFC 6749, section 5.2)."""
    return JSONResponse({"error": error, "error_description": description}, status)


def invalid_client(status: int = 401) -> Response:
    """Refuse a client id or a client secret."""
    return oauth_error(status, "invalid_client", "The client id or the client secret is wrong.")


def malformed(call: Call) -> Response | None:
    """Refuse what does not ask for client credentials by POST, with a form; None for what does."""
    if call.method != "POST" or call.media_type != "application/x-www-form-urlencoded":
        return oauth_error(400, "invalid_request", "Tokens are asked for by POST, with a form.")
    if form(call).get("grant_type") != "client_credentials":
        return oauth_error(400, "unsupported_grant_type", "The grant type must be client_credentials.")
    return None


def form(call: Call) -> dict[str, str]:
    """Read the fields of a form; of a repeated field the last counts."""
    fields = parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}
