"""The entry of the destination ``http``: where its API is, its credentials, its requests."""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from dbt_activate.destination import BaseUrl, DestinationSettings
from dbt_activate.destinations.http_endpoint.answers import Condition, Path
from dbt_activate.destinations.http_endpoint.requests import Requests
from dbt_activate.http.fixed_headers import FixedHeaders
from dbt_activate.http.oauth import ClientCredentials

if TYPE_CHECKING:
    from dbt_activate.http.client import Credentials
    from dbt_activate.throttle import Throttle, Throttles

LABEL = "The endpoint"
"""How messages call it."""


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Value = Annotated[SecretStr, BeforeValidator(_number_as_text)]
"""A text that may be a secret; a number is taken as text."""

HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
"""The name of a header, after RFC 9110, section 5.6.2."""


class AnswerFormat(StrEnum):
    """What a success of the endpoint may hold."""

    JSON = "json"
    ANY = "any"


class HttpSettings(DestinationSettings):
    """The keys of an HTTP entry in ``destinations.yml``.

    Attributes:
        base_url: Where the API is.
        account: Tells apart entries that lead to different accounts under one `base_url`.
        headers: Sent with every request, such as a key to the API; all are kept like secrets.
        bearer_token: Sent as ``Authorization: Bearer …``.
        username: With `password`, sent as HTTP Basic authentication.
        password: The user's password.
        client_id: With `client_secret` and `token_url`, fetches tokens by OAuth 2.0 client credentials.
        client_secret: The client's secret.
        token_url: Where tokens come from.
        scope: The scope to ask tokens for, if the endpoint wants one.
        variables: Names that every request may use, such as an account's id; kept like secrets.
        requests: What to send, each with its own keys; see below. Its texts are templates, and stay as
            they are when the file is read: ``env_var`` belongs under `variables`.
        success: When a request was carried out, where it does not say so itself: statuses, a condition
            on the answer, or both. By default any 2xx.
        retry: Which answers, besides 408, 429 and 5xx, mean that the same request may pass later.
        error_message: Where in an answer the endpoint says what is wrong, for messages. It is never
            shown where members were sent.
        answers: With ``json``, a success that is neither JSON nor empty is not believed; ``any`` does not
            look.
        delivery_bytes: The most bytes of one request's identifiers, written as a JSON array.
        requests_per_minute: The endpoint's rate limit, if it has one.
    """

    TEMPLATES = frozenset({"requests"})

    base_url: BaseUrl
    account: str = ""
    headers: dict[HeaderName, Value] = Field(default_factory=dict)
    bearer_token: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    token_url: BaseUrl | None = None
    scope: str | None = None
    variables: dict[str, Value] = Field(default_factory=dict)
    requests: Requests
    success: Condition | None = None
    retry: Condition | None = None
    error_message: Path | None = None
    answers: AnswerFormat = AnswerFormat.JSON
    delivery_bytes: int | None = Field(default=None, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)

    @field_validator("requests")
    @classmethod
    def _are_templates(cls, requests: Requests, info: ValidationInfo) -> Requests:
        if (variables := info.data.get("variables")) is not None:
            requests.check_texts(variables)
        return requests

    @model_validator(mode="after")
    def _one_way_in(self) -> HttpSettings:
        ways = {
            "bearer_token": (self.bearer_token,),
            "username and password": (self.username, self.password),
            "client_id, client_secret and token_url": (self.client_id, self.client_secret, self.token_url),
        }
        begun = [name for name, keys in ways.items() if any(keys)]
        if len(begun) > 1:
            raise ValueError(f"takes one way to prove who you are, not {' and also '.join(begun)}")
        if begun and not all(ways[begun[0]]):
            raise ValueError(f"needs {begun[0]} together")
        return self

    @property
    def host(self) -> str:
        """The host of the API."""
        return urlsplit(self.base_url).netloc

    def secrets(self) -> list[str]:
        """Return every value that is kept secret."""
        alone = (self.bearer_token, self.password, self.client_secret)
        values = (*alone, *self.headers.values(), *self.variables.values())
        return [value.get_secret_value() for value in values if value]


def credentials(settings: HttpSettings, throttle: Throttle, throttles: Throttles) -> Credentials:
    """Make what proves who we are."""
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    if settings.bearer_token:
        headers["Authorization"] = f"Bearer {settings.bearer_token.get_secret_value()}"
    if settings.username and settings.password:
        pair = f"{settings.username}:{settings.password.get_secret_value()}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return FixedHeaders(headers, _tokens(settings, throttle, throttles))


def _tokens(settings: HttpSettings, throttle: Throttle, throttles: Throttles) -> Credentials | None:
    if not (settings.client_id and settings.client_secret and settings.token_url):
        return None
    client = {"client_id": settings.client_id, "client_secret": settings.client_secret.get_secret_value()}
    return ClientCredentials.at(
        settings.token_url,
        label=LABEL,
        form=client | ({"scope": settings.scope} if settings.scope else {}),
        throttle=throttle,
        retry=throttles.retry,
        timeout_seconds=settings.timeout_seconds,
    )
