"""Selligent's Portal API v1: settings, where things are, calls, how an answer is judged, and what it counts.

Reference: https://developers.meetmarigold.com/engage/api/smc-v1. A failure can hide in an HTTP 200: the
result code counts there, and not the status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from dbt_activate.destination import BaseUrl, DestinationSettings
from dbt_activate.errors import DestinationError, UnavailableError
from dbt_activate.http.answer import (
    Answer,
    Fault,
    Kind,
    LateAnswerError,
    RefusedAnswerError,
    Request,
    kind_of,
)
from dbt_activate.http.client import Client
from dbt_activate.http.fixed_headers import FixedHeaders
from dbt_activate.http.polling import poll
from dbt_activate.http.portions import is_content_too_large

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.throttle import Throttles

PORTAL = "/Portal/Api"
DONE = frozenset({"Succeeded", "PartiallySucceeded"})
PASSING = frozenset({"ServiceUnavailable", "InternalServerError"})
NOT_FOUND = "NotFound"
RESULT_CODES = DONE | PASSING | {"Failed", "ValidationFailed", NOT_FOUND}
"""What ``result_code`` says; it counts, and not the status, where that is 200."""

BUSY = "list-busy"
"""Our own code for a 429 that is not about the rate limit."""

ACCESS_HINT = (
    "Selligent says the same of a wrong key and of a missing right. Check api_key and api_secret; and, in "
    "Admin Configuration > Access Management > Service Accounts, the account's expiry date, its filters by "
    "IP and by organization, and that under Endpoints it may read the organization, lists, list fields and "
    "segments, create static segments, and load, delete, clear and search the data of segments."
)
PLACE_HINT = "Check base_url, organization and list: names are API names, as the API explorer shows them."


def _portal_url(url: str) -> str:
    return url if url.lower().endswith(PORTAL.lower()) else f"{url}{PORTAL}"


def _one_half(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[^\s:]+", secret.get_secret_value()):
        raise ValueError("is empty, or holds a colon or a space; api_key and api_secret are set apart")
    return secret


Half = Annotated[SecretStr, AfterValidator(_one_half)]


class SelligentSettings(DestinationSettings):
    """The keys of a Selligent entry in ``destinations.yml``.

    Attributes:
        base_url: The tenant, such as ``https://acme.slgnt.eu``; with or without ``/Portal/Api``.
        organization: Its name, at the top right of Admin Configuration.
        api_key: Of a service account of type Custom.
        api_secret: The service account's secret.
        list: The API name of the list that segments belong to, unless an activation names another.
        delivery_size: How many members one delivery has at most.
        requests_per_minute: The rate limit. Selligent allows an API key 2,500
            (https://products.zetaglobal.com/selligent/EN/Content/Technical_Documents/SelligentAPIRateLimitation.htm).
            Null lifts it.
        busy_seconds: How long to wait for a list that another bulk call is at work on.
    """

    base_url: Annotated[BaseUrl, AfterValidator(_portal_url)]
    organization: str = Field(min_length=1)
    api_key: Half
    api_secret: Half
    list: str | None = Field(default=None, pattern=r"^[^/]+$")
    delivery_size: int | None = Field(default=1_000, ge=1)
    requests_per_minute: int | None = Field(default=2_500, ge=1)
    busy_seconds: float = Field(default=900, ge=0)

    @property
    def host(self) -> str:
        """The tenant's host."""
        return urlsplit(self.base_url).netloc.lower()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment is.

    Attributes:
        list: The API name of its list; an empty text where none is set.
        segment: Its own API name.
    """

    list: str
    segment: str

    @classmethod
    def read(cls, remote_id: str) -> Place:
        """Read the id that we give a segment."""
        list_name, _, segment = remote_id.partition("/")
        return cls(list_name, segment)

    @classmethod
    def of(cls, settings: SelligentSettings, wanted: Any) -> Place:
        """Return where the wanted segment is, or is to be made."""
        if wanted.remote_id:
            return cls.read(wanted.remote_id)
        return cls(wanted.list or settings.list or "", wanted.api_name or underscored(wanted.name))

    @property
    def remote_id(self) -> str:
        """What we call it: the API has no id of one piece."""
        return f"{self.list}/{self.segment}"

    @property
    def list_path(self) -> str:
        """Where its list is, within the organization."""
        return list_path(self.list)

    @property
    def path(self) -> str:
        """Where it is, within the organization."""
        return f"{self.list_path}/segments/{quote(self.segment, safe='')}"


class Portal:
    """The Portal API, as one service account sees one organization."""

    def __init__(self, settings: SelligentSettings, throttles: Throttles) -> None:
        self._organization = f"/organizations/{quote(settings.organization, safe='')}"
        self._busy_seconds = settings.busy_seconds
        # 5, 10, 20, 40 and 60 seconds, where the run's patience is the usual one.
        waits = tuple(min(10 * seconds, 60.0) for seconds in throttles.retry.poll_seconds)
        self._patience = replace(throttles.retry, poll_seconds=waits)
        self._throttle = throttles.get(
            ("selligent", settings.host, settings.api_key), settings.requests_per_minute
        )
        halves = (settings.api_key, settings.api_secret)
        self._client = Client(
            "Selligent",
            settings.base_url,
            throttle=self._throttle,
            retry=throttles.retry,
            timeout_seconds=settings.timeout_seconds,
            credentials=FixedHeaders({"X-ApiKey": ":".join(half.get_secret_value() for half in halves)}),
            judge=judge,
        )

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """Send a request, again while the list is busy, and return the object in the answer.

        Args:
            method: The HTTP method.
            path: Follows the organization.
            body: Sent as JSON.
            more: The other attributes of a `Request`.

        Raises:
            UnavailableError: The list stays busy.
        """
        request = Request(method, self._organization + path, body, **more)
        answer = poll(
            lambda: self._unless_busy(request),
            throttle=self._throttle,
            retry=self._patience,
            limit_seconds=self._busy_seconds,
        )
        if answer is None:
            raise UnavailableError(
                f"Selligent refused {request} with 429 for {self._busy_seconds:g} seconds, though its quota "
                "of requests is not used up: the list is busy. It takes one bulk call at a time, of "
                "whatever client. Run it again later, or raise busy_seconds."
            )
        return answer.body if isinstance(answer.body, dict) else {}

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _unless_busy(self, request: Request) -> Answer | None:
        try:
            return self._client.send(request)
        except RefusedAnswerError as refused:
            if refused.code != BUSY:
                raise
            return None


def judge(answer: Answer) -> Fault | None:
    """Judge an answer by its result code where the status is a success, else by the status."""
    body = answer.body if isinstance(answer.body, dict) else {}
    result = str(body.get("result_code") or "")
    if answer.succeeded:
        if not result or result in DONE or _speaks_of_rows(body):
            return None
        kind = Kind.MAYBE_TAKEN if result in PASSING else Kind.REFUSED
    elif answer.status == 429 and answer.headers.get("X-RateLimit-Remaining", "").strip() != "0":
        return Fault(Kind.REFUSED, code=BUSY)
    else:
        kind = kind_of(answer.status)
    said = [each for each in body.get("errors") or [] if isinstance(each, dict)]
    return Fault(
        kind,
        code=result if result in RESULT_CODES else "",
        title=", ".join(dict.fromkeys(filter(None, map(_error_code, said)))),
        detail="; ".join(str(each.get("description") or "") for each in said)
        or str(body.get("message") or ""),
        hint=_hint(answer.status, result),
    )


def invalid_records(counted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what an answer says of records that are invalid."""
    return [record for record in counted.get("invalid_records") or [] if isinstance(record, dict)]


def reason_of(record: Mapping[str, Any]) -> str:
    """Say why a record is invalid, in one of Selligent's documented words."""
    known = ("InvalidFieldCount", "MaxStringLengthExceeded", "InvalidType")
    return next((code for code in known if code == record.get("validation_code")), "Unknown")


def failed_rows(counted: Mapping[str, Any]) -> int:
    """Return how many rows failed."""
    # Whether invalid records are among the failed ones is not documented.
    return max(count_of(counted, "number_of_failed_records"), len(invalid_records(counted)))


def count_of(body: Mapping[str, Any], counter: str) -> int:
    """Return a counter of an answer; 0 where it is missing or no number."""
    value = body.get(counter)
    return max(value, 0) if isinstance(value, int) else 0


def first_value(row: Any) -> Any:
    """Return the one value of a row, be it an array, an object or bare."""
    values = list(row.values()) if isinstance(row, dict) else row
    return (values[0] if values else None) if isinstance(values, list) else values


def is_missing(refused: RefusedAnswerError) -> bool:
    """Tell whether a request was refused because what it is about is not there."""
    return refused.status == 404 or refused.code == NOT_FOUND


def is_wrong(error: DestinationError) -> bool:
    """Tell whether a request was refused, though what it is about is there, as far as the answer says."""
    return isinstance(error, RefusedAnswerError) and not is_missing(error)


def is_too_large(error: DestinationError) -> bool:
    """Tell whether a request failed for its size: it was too large, or its answer too late."""
    return isinstance(error, LateAnswerError) or is_content_too_large(error)


def underscored(name: str) -> str:
    """Write a name as Selligent has it, with underscores for white space."""
    return "_".join(name.split())


def list_path(name: str) -> str:
    """Return where a list is, within the organization."""
    return f"/lists/{quote(name, safe='')}"


def _speaks_of_rows(body: Mapping[str, Any]) -> bool:
    # Undocumented: a call with none but unknown keys might be called failed, or not found, as a whole.
    result = body.get("result_code")
    unknown = count_of(body, "number_of_records_not_found")
    return result in ("Failed", NOT_FOUND) and not body.get("errors") and unknown > 0


def _hint(status: int, result: str) -> str:
    if status in (401, 403):
        return ACCESS_HINT
    if status == 404 or result == NOT_FOUND:
        return PLACE_HINT
    return "This is a fault of dbt-activate; please report it." if status == 405 else ""


def _error_code(error: Mapping[str, Any]) -> str:
    code = str(error.get("error_code") or "")
    return code if re.fullmatch(r"[A-Z][A-Z_]{0,63}", code) else ""
