"""The knobs of the HTTP sandbox."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class HttpEndpointSettings(BaseModel):
    """What can be set about the HTTP sandbox.

    Attributes:
        token: The key to the API, which does not expire.
        client_id: Of a client that fetches tokens, at ``/oauth/token``.
        client_secret: The client's secret.
        token_life_seconds: How long such a token is good.
        rate_limit: Requests in one window; None for no limit.
        rate_window_seconds: The length of that window.
        max_members: The most members of one request; more are answered with 413.
        page_size: How many lists, or members, one answer shows.
        known: The only people whom the API takes; None if it takes everybody.
        unknown_members: What becomes of a request with others: ``named`` takes the rest and names them,
            ``refused`` takes nobody and names them in a 422.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr = SecretStr("sandbox-token")
    client_id: str = "sandbox"
    client_secret: SecretStr = SecretStr("sandbox-secret")
    token_life_seconds: float = Field(default=900, ge=0)
    rate_limit: int | None = Field(default=600, ge=1)
    rate_window_seconds: float = Field(default=60, gt=0)
    max_members: int = Field(default=1000, ge=1)
    page_size: int = Field(default=100, ge=1)
    known: frozenset[str] | None = None
    unknown_members: Literal["named", "refused"] = "named"
