"""Batch's audience calls: settings, what is asked of an audience, how an answer is judged, and tokens.

Reference: https://doc.batch.com/developer/api/cep/audiences. What Batch accepts is indexed later: every
change is answered with a token by which it can be followed.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from dbt_activate.destination import BaseUrl, DestinationSettings
from dbt_activate.errors import AudienceGoneError
from dbt_activate.http.answer import Answer, Fault, Kind, RefusedAnswerError, Request, as_code, kind_of
from dbt_activate.http.client import Client
from dbt_activate.http.fixed_headers import FixedHeaders
from dbt_activate.http.polling import poll

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbt_activate.delivery import Audience
    from dbt_activate.http.polling import Found
    from dbt_activate.throttle import Retry, Throttles

WINDOW_SECONDS = 1.1
"""A second, and a tenth for requests that travel at different speeds and arrive closer together."""

PAUSES = {429: 3, 503: 15}
"""How long a project is left alone after an answer that does not say so itself, in first waits of a run:
"a few seconds" above the rate limit, longer during maintenance."""

CREDENTIALS_HINT = (
    "Check rest_api_key and project_key in destinations.yml. Both stand in Batch's dashboard under "
    "Settings > General, the REST API key for administrators and managers only; the key must belong to "
    "the company whose project it is."
)

HINTS = {
    401: CREDENTIALS_HINT,
    403: CREDENTIALS_HINT,
    404: "If the audience is there, nothing is at that address: check base_url and api_version.",
    503: "Batch is under maintenance.",
}
"""What a person can do about a status."""

APPLIED, REPLACED = "APPLIED", "REPLACED"
"""What becomes of a change: until then it is in progress, which Batch spells in two ways."""


class BatchSettings(DestinationSettings):
    """The keys of a Batch entry in ``destinations.yml``.

    Attributes:
        rest_api_key: The company's REST API key, from Settings > General in the dashboard.
        project_key: The project's key, ``project_…``, from the same page.
        api_version: The version of the API, in quotes: to YAML, 2.10 without quotes is 2.1.
        base_url: Where the API is.
        requests_per_second: The rate limit of the project, all its audiences together. Null lifts it.
        confirm_seconds: How long to wait, at the end of a run, until Batch has applied what it
            accepted; 0 for not at all.
    """

    rest_api_key: SecretStr = Field(min_length=1)
    project_key: str = Field(pattern=r"^project_[!-~]+$")
    api_version: str = Field(default="2.11", pattern=r"^[0-9]+\.[0-9]+$")
    base_url: BaseUrl = "https://api.batch.com"
    requests_per_second: int | None = Field(default=1, ge=1)
    confirm_seconds: float = Field(default=600, ge=0)

    @property
    def host(self) -> str:
        """The host of the API."""
        return urlsplit(self.base_url).netloc


class AudienceCalls:
    """Batch's calls on the audiences of one project.

    Attributes:
        appears_within: For how many seconds it is believed that what was just made may not show yet: in
            a run, the last question comes after half a minute.
    """

    def __init__(self, settings: BatchSettings, throttles: Throttles) -> None:
        self._path = f"/{settings.api_version}/audiences"
        keys = {
            "Authorization": f"Bearer {settings.rest_api_key.get_secret_value()}",
            "X-Batch-Project": settings.project_key,
        }
        self._retry = throttles.retry
        self._throttle = throttles.get(
            ("batch", settings.host, settings.project_key),
            settings.requests_per_second,
            window_seconds=WINDOW_SECONDS,
        )
        self._client = Client(
            "Batch",
            settings.base_url,
            throttle=self._throttle,
            retry=throttles.retry,
            timeout_seconds=settings.timeout_seconds,
            credentials=FixedHeaders(keys),
            judge=lambda answer: _judge(answer, throttles.retry),
        )
        waits = throttles.retry.poll_seconds
        self.appears_within = sum(waits) + waits[-1]

    def post(
        self, call: str, *, personal: bool = False, idempotent: bool = True, **body: Any
    ) -> Mapping[str, Any]:
        """Change something; all changes of members may be sent twice. Returns the answer's body."""
        return self._send("POST", call, body=body, personal=personal, idempotent=idempotent)

    def view(self, api_name: str, token: str = "") -> Mapping[str, Any] | None:
        """Return what Batch says of an audience, and of the change of a token; None if it knows none."""
        params = {"name": api_name} | ({"indexing_token": token} if token else {})
        try:
            return self._send("GET", "view", params=params)
        except RefusedAnswerError as refused:
            if refused.status != 404:
                raise
            return None

    def count(self) -> int | None:
        """Return how many audiences the project has; None where Batch does not say."""
        count = self._send("GET", "list", params={"limit": 1}).get("count")
        return count if isinstance(count, int) else None

    def poll(self, ask: Callable[[], Found | None], *, limit_seconds: float) -> Found | None:
        """Ask until the answer is not None, or time has run out."""
        return poll(ask, throttle=self._throttle, retry=self._retry, limit_seconds=limit_seconds)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _send(self, method: str, call: str, **more: Any) -> Mapping[str, Any]:
        # On every call, as Batch asks: also where nothing is sent.
        headers = {"Content-Type": "application/json"}
        request = Request(method, f"{self._path}/{call}", headers=headers, **more)
        body: Mapping[str, Any] = self._client.send(request).body
        return body


class Following:
    """What is known of the changes that Batch has accepted, and applies later."""

    def __init__(self, calls: AudienceCalls, audience: Audience, references: Sequence[str]) -> None:
        self._calls = calls
        self._audience = audience
        self._references = [set(reference.split()) for reference in references]
        # The latest first: changes are likely applied in their order, so that the others are done by then.
        latest_first = (token for reference in reversed(references) for token in reversed(reference.split()))
        self._open = deque(dict.fromkeys(latest_first))
        self._replaced = False
        self._patient_until = time.monotonic() + calls.appears_within

    @property
    def unconfirmed(self) -> int:
        """How many references hold a change that is not known to be applied."""
        return sum(not reference.isdisjoint(self._open) for reference in self._references)

    @property
    def note(self) -> str:
        """What else there is to say."""
        if not self._replaced:
            return ""
        return (
            f"Somebody replaced the members of {self._audience.name!r} at Batch meanwhile: who was sent "
            "before that is not in it any more. Run with --full-refresh to send everybody again."
        )

    def ask(self, deadline: float = float("inf")) -> bool | None:
        """Ask until one change is not applied; True once none is left."""
        while self._open and time.monotonic() < deadline:
            state = self._state(self._open[0])
            if state not in (APPLIED, REPLACED):
                self._open.rotate(-1)  # the others are asked about, too, before this one is again
                return None
            self._replaced |= state == REPLACED
            self._open.popleft()
        return not self._open or None

    def _state(self, token: str) -> str:
        name = self._audience.remote_id
        if shown := self._calls.view(name, token):
            return str(shown.get("indexing_state")).upper()
        # Batch may not know a fresh audience, or a fresh token, everywhere at once.
        if time.monotonic() > self._patient_until and self._calls.view(name) is None:
            raise gone(self._audience)
        return ""


def indexing_token(body: Mapping[str, Any]) -> str:
    """Return the token by which a change can be followed; an empty text where there is none."""
    return str(body.get("indexing_token") or "")


def not_taken(body: Mapping[str, Any]) -> int:
    """Count the ids that were not taken.

    Batch's profile API names such items inside its 202, by ``bulk_index``, one perhaps more than once. For
    audiences that is not documented; if it comes, it is counted.
    """
    errors = body.get("errors")
    found = errors if isinstance(errors, list) else []
    places = [each.get("bulk_index") if isinstance(each, dict) else None for each in found]
    return len({str(place) for place in places if place is not None}) + places.count(None)


def gone(audience: Audience) -> AudienceGoneError:
    """Say that an audience is no longer there."""
    return AudienceGoneError(
        f"The audience {audience.name!r} ({audience.remote_id}) is no longer there at Batch. "
        "Run dbt-activate sync again to make it anew."
    )


def _judge(answer: Answer, retry: Retry) -> Fault | None:
    """Judge by the status: the fields of an error are not published, so both seen spellings are read."""
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.succeeded:
        expected = {"indexing_token", "name", "audiences"}
        return (
            None if expected & body.keys() else Fault(Kind.MAYBE_TAKEN, title="that is no answer of Batch's")
        )
    return Fault(
        Kind.UNKNOWN_CALLER if answer.status == 403 else kind_of(answer.status),
        code=as_code(body.get("error_code") or body.get("code")),
        detail=str(body.get("error_message") or body.get("message") or ""),
        hint=HINTS.get(answer.status, ""),
        wait_seconds=PAUSES[answer.status] * retry.first_wait_seconds if answer.status in PAUSES else None,
    )
