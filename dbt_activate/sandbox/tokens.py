"""Access tokens of the OAuth 2.0 client credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

import secrets
import time
from enum import StrEnum
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

    def issue(self, client_id: str, life_seconds: float) -> str:
        """Give a client a new token."""
        token = f"sandbox-{secrets.token_urlsafe(24)}"
        self._tokens[token] = (client_id, time.monotonic() + life_seconds)
        return token

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


def form(call: Call) -> dict[str, str]:
    """Read the fields of a form; of a repeated field the last counts."""
    fields = parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}
