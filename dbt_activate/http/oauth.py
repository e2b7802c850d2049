"""OAuth 2.0 client credentials: one token for all threads, renewed in time."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbt_activate.errors import AuthenticationError, DestinationError
from dbt_activate.http.answer import (
    Answer,
    Fault,
    Kind,
    RefusedAnswerError,
    Request,
    as_code,
    judge_status,
)
from dbt_activate.http.client import Client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.throttle import Retry, Throttle

EARLY_SECONDS = 60.0
"""How long before its end a token is renewed, so that no request travels with one that runs out."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token.

    Attributes:
        value: The token itself.
        renew_at: When it is to be renewed, on the monotonic clock.
    """

    value: str = field(repr=False)
    renew_at: float

    @property
    def headers(self) -> Mapping[str, str]:
        """What proves who we are."""
        return {"Authorization": f"Bearer {self.value}"}


class ClientCredentials:
    """Bearer tokens for a client id and its secret; a `dbt_activate.http.client.Credentials`.

    A token is asked for when it is first needed. While one thread asks, the others wait for its
    answer, be it a token or an error. Refused credentials are never tried again: it may lock an account.
    """

    def __init__(self, client: Client, request: Request) -> None:
        """Make ready to ask for tokens; sends nothing yet.

        Args:
            client: Talks to the token endpoint, and judges its answers by `judge_token`.
            request: Asks for a token.
        """
        self._client = client
        self._request = request
        self._token: Token | None = None
        self._error: DestinationError | None = None
        self._failed_at = -math.inf
        self._lock = threading.Lock()

    @classmethod
    def at(
        cls,
        token_url: str,
        *,
        label: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        throttle: Throttle,
        retry: Retry,
        timeout_seconds: float,
    ) -> ClientCredentials:
        """Make ready to fetch tokens at a URL, which need not be on the host of the API.

        The client id and its secret stand in the form or in a header, as the tool wants it (RFC 6749,
        section 2.3.1).

        Args:
            token_url: The token endpoint.
            label: The tool's name, for messages.
            form: Sent besides the grant type.
            headers: Sent besides the usual ones.
            throttle: The rate limit that requests for tokens count towards.
            retry: How often a request is tried again.
            timeout_seconds: How long the token endpoint may take to answer.
        """
        place = urlsplit(token_url)
        client = Client(
            label,
            f"{place.scheme}://{place.netloc}",
            throttle=throttle,
            retry=retry,
            timeout_seconds=timeout_seconds,
            judge=judge_token,
        )
        whole_form = {"grant_type": "client_credentials", **(form or {})}
        return cls(client, Request("POST", place.path, form=whole_form, headers=headers or {}))

    def headers(self) -> Mapping[str, str]:
        """Return the header of a token that has some life left.

        Raises:
            AuthenticationError: The token endpoint does not accept the credentials.
            UnavailableError: The token endpoint does not answer.
        """
        asked_at = time.monotonic()
        with self._lock:
            if self._token is None or time.monotonic() >= self._token.renew_at:
                self._renew(asked_at)
            return self._token.headers if self._token else {}

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Drop the token that was refused, unless another thread has renewed it already."""
        with self._lock:
            if self._token and self._token.headers == headers:
                self._token = None
        return True

    def close(self) -> None:
        """Close connections to the token endpoint."""
        self._client.close()

    def _renew(self, asked_at: float) -> None:
        if self._error and (isinstance(self._error, AuthenticationError) or self._failed_at >= asked_at):
            raise self._error
        try:
            self._token = self._ask()
            self._error = None
        except DestinationError as error:
            self._error, self._failed_at = error, time.monotonic()
            raise

    def _ask(self) -> Token:
        try:
            return _read_token(self._client.send(self._request))
        except RefusedAnswerError as refused:
            # Passed on as it is, it would look like a refusal of the request that the token is for.
            error = AuthenticationError(f"{refused} Check token_url in destinations.yml.")
        raise error


def judge_token(answer: Answer) -> Fault | None:
    """Judge an answer of a token endpoint, where a 400 means refused credentials too.

    Only the error's code is kept (RFC 6749, section 5.2): its free text may quote what was sent.
    """
    if answer.status in (400, 401, 403):
        return Fault(
            Kind.UNKNOWN_CALLER,
            code=as_code(_text(answer.body, "error")),
            hint="Check client_id and client_secret in destinations.yml, and that token_url is theirs.",
        )
    if answer.succeeded and not _text(answer.body, "access_token"):
        return Fault(Kind.MAYBE_TAKEN, title="there is no access_token in the answer")
    return judge_status(answer)


def _read_token(answer: Answer) -> Token:
    lifetime = answer.body.get("expires_in")
    try:
        seconds = float(lifetime)
    except (TypeError, ValueError):
        seconds = math.inf  # it does not say: good until it is refused
    early = min(EARLY_SECONDS, seconds / 10)
    return Token(_text(answer.body, "access_token"), time.monotonic() + seconds - early)


def _text(body: object, key: str) -> str:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""
