"""The knobs of Criteo's gateway, whichever product is behind it, and of Marketing Solutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Permission = Literal["read", "manage"]


class App(BaseModel):
    """An application that calls the API.

    Attributes:
        secret: Its client secret.
        permissions: What it may do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: SecretStr
    permissions: tuple[str, ...] = ()


class Client(App):
    """An application that calls Marketing Solutions.

    Attributes:
        advertisers: The advertisers that have given it their consent.
        permissions: What it may do with audiences: ``read`` to search and to read statistics,
            ``manage`` for everything else.
    """

    advertisers: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ("read", "manage")


class GatewaySettings(BaseModel):
    """What can be set about Criteo's API, whatever the product. The defaults are what Criteo documents.

    Attributes:
        clients: The applications, by client id.
        versions: The API versions served; an older one answers 410, any other 404.
        token_life_seconds: How long an access token is good.
        rate_limit: Requests that a client may make in one window; None for no limit.
        rate_window_seconds: The length of that window.
        max_identifiers: The most identifiers of one request.
        too_many_identifiers_status: How a request with more is refused.
        max_body_bytes: The largest request; a larger one answers 413.
        match_rate: The share of a contact list that statistics say Criteo recognises, from 0 to 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    clients: Mapping[str, App] = {}
    versions: tuple[str, ...] = ("2026-01", "2026-07", "2027-01")
    token_life_seconds: float = Field(default=900, ge=0)
    rate_limit: int | None = Field(default=250, ge=1)
    rate_window_seconds: float = Field(default=60, gt=0)
    max_identifiers: int = Field(default=50_000, ge=1)
    too_many_identifiers_status: Literal[400, 413] = 413
    max_body_bytes: int = Field(default=10_000_000, ge=1)
    match_rate: float = Field(default=0.62, ge=0, le=1)


class CriteoSettings(GatewaySettings):
    """What can be set about the Criteo sandbox.

    Attributes:
        advertisers: Names of the advertisers, by id.
        name_clash: How a name that is taken is refused, where no item of a request can be done:
            ``error`` with HTTP 400, ``warning`` within a 200. Both have been seen.
    """

    advertisers: dict[str, str] = {"73550": "Shop FR", "99001": "Shop DE"}
    clients: Mapping[str, Client] = {
        "sandbox": Client(secret=SecretStr("sandbox-secret"), advertisers=("73550", "99001"))
    }
    name_clash: Literal["error", "warning"] = "error"
