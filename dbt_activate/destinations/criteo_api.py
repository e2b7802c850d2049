"""What Criteo's products share: settings, tokens, the envelope of bodies, and errors.

Facts are from Criteo's OpenAPI document of version 2026-07 (the repository
criteo/criteo-api-sdk-generator) and its guides at https://developers.criteo.com/criteo-apis/docs.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from dbt_activate.delivery import Receipt
from dbt_activate.destination import BaseUrl, DestinationSettings
from dbt_activate.errors import AccessError, DestinationError
from dbt_activate.http.answer import Answer, Fault, Kind, RefusedAnswerError, Request, as_code, kind_of
from dbt_activate.http.client import Client
from dbt_activate.http.oauth import ClientCredentials
from dbt_activate.http.portions import SAMPLE_SIZE
from dbt_activate.identifiers import IdentifierType, mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbt_activate.throttle import Throttle, Throttles

logger = logging.getLogger(__name__)

Digits = Annotated[str, Field(pattern=r"^[0-9]+$", coerce_numbers_to_str=True)]
"""One of Criteo's ids. Text, also where YAML has a number: some pass 2**53."""

IDENTITY_LINK = IdentifierType(
    name="identity_link", pattern=r"[!-~]{1,512}", description="LiveRamp identity link"
)

GONE_CODES = frozenset({"audience-invalid", "segment-not-found"})
"""What Criteo calls a segment that does not exist."""

NAME_TAKEN_CODE = "name-must-be-unique"
"""What Criteo calls a name that another segment of the same account has."""

_KINDS = {
    "authentication": Kind.UNKNOWN_CALLER,
    "access-control": Kind.FORBIDDEN,
    "authorization": Kind.FORBIDDEN,
    "quota": Kind.NOT_TAKEN,
    "availability": Kind.MAYBE_TAKEN,
}


class CriteoSettings(DestinationSettings):
    """The keys that every Criteo product takes in ``destinations.yml``.

    Attributes:
        client_id: Of an app that uses client credentials, from the portal of Criteo's API.
        client_secret: The app's secret.
        api_version: A stable version of the API, ``yyyy-mm``; each lives for 12 months.
        base_url: Where the API is.
        token_url: Where tokens come from; ``/oauth2/token`` at `base_url` by default.
        requests_per_minute: The rate limit. Criteo allows an app 250, all its ad accounts together
            (https://developers.criteo.com/criteo-apis/docs/rate-limits). Null lifts it.
    """

    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    api_version: str = Field(default="2026-07", pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")
    base_url: BaseUrl = "https://api.criteo.com"
    token_url: BaseUrl | None = None
    requests_per_minute: int | None = Field(default=250, ge=1)

    @property
    def host(self) -> str:
        """The host of the API, which with ids of its own makes them unique."""
        return urlsplit(self.base_url).netloc


class CriteoApi:
    """Criteo's API as one app sees it."""

    def __init__(self, settings: CriteoSettings, throttles: Throttles, *, forbidden_hint: str) -> None:
        """Make ready to talk; sends nothing yet.

        Args:
            settings: The entry of ``destinations.yml``.
            throttles: The run's rate limits; Criteo counts by app.
            forbidden_hint: What to do about a 403, in words.
        """
        self._version = settings.api_version
        self._forbidden_hint = forbidden_hint
        self._warned: set[str] = set()
        throttle = throttles.get(("criteo", settings.host, settings.client_id), settings.requests_per_minute)
        self._client = Client(
            "Criteo",
            settings.base_url,
            throttle=throttle,
            retry=throttles.retry,
            timeout_seconds=settings.timeout_seconds,
            credentials=_tokens(settings, throttle, throttles),
            judge=self._judge,
        )

    def call(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        params: Mapping[str, int] | None = None,
        idempotent: bool = True,
        personal: bool = False,
    ) -> dict[str, Any]:
        """Send one request, and return the whole body of the answer.

        Args:
            method: The HTTP method.
            path: Follows the version.
            data: The body, without its envelope.
            params: The query.
            idempotent: Whether it may be sent twice.
            personal: Whether `data` holds identifiers.
        """
        request = Request(
            method,
            f"/{self._version}/{path}",
            None if data is None else {"data": data},
            params=params or {},
            idempotent=idempotent,
            personal=personal,
        )
        body = self._client.send(request).body or {}
        self._log_warnings(body)
        return cast("dict[str, Any]", body)

    def call_for_one(self, method: str, path: str, data: Any, *, idempotent: bool = True) -> dict[str, Any]:
        """Send a request for a bulk of one item, and return that item as Criteo holds it now.

        A bulk call answers 200 also where nothing was done, with the reason in ``errors`` or in
        ``warnings``: only an id in the answer proves success.

        Raises:
            RefusedAnswerError: The item was refused.
            AccessError: Nothing was done, without a word.
        """
        body = self.call(method, path, [data], idempotent=idempotent)
        done = [item for item in items(body) if item.get("id")]
        if not done:
            raise self._nothing_done(body, f"{method} {path}", personal=False)
        return done[0]

    def call_for_facts(
        self, method: str, path: str, data: Any = None, *, personal: bool = False
    ) -> dict[str, Any]:
        """Send a request about one contact list, and return what the answer says of it.

        An answer without a body (a 204) says nothing, and is a success.

        Raises:
            RefusedAnswerError: It was refused, in a warning.
            AccessError: Nothing was done, without a word.
        """
        body = self.call(method, path, data, personal=personal)
        if body and not items(body):
            raise self._nothing_done(body, f"{method} {path}", personal=personal)
        return attributes(next(iter(items(body)), {}))

    def advertisers(self) -> dict[str, str]:
        """Return the names of the ad accounts that the credentials reach, by id."""
        return {
            str(item.get("id")): str(attributes(item).get("advertiserName") or "(no name)")
            for item in items(self.call("GET", "advertisers/me"))
        }

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _nothing_done(self, body: Mapping[str, Any], request: str, *, personal: bool) -> DestinationError:
        """Say why a request that claims success has done nothing."""
        fault = next(_faults(body, "errors", "warnings"), None)
        if fault is None:
            return AccessError(
                f"Criteo did nothing on {request} and gave no reason, as it does where a permission "
                f"is missing. {self._forbidden_hint}"
            )
        return RefusedAnswerError(
            f"Criteo did not carry out {request}: {fault.describe(personal=personal)}.",
            status=200,
            code=fault.code,
            reference=fault.reference,
        )

    def _judge(self, answer: Answer) -> Fault | None:
        fault = next(_faults(answer.body, "errors"), None)
        if not answer.succeeded:
            fault = replace(fault or Fault(Kind.REFUSED), kind=kind_of(answer.status))
        elif fault is None and answer.status != 204 and not _has_data(answer.body):
            fault = Fault(Kind.MAYBE_TAKEN, title="there is no data in the answer")
        return fault and replace(fault, hint=self._hint(answer.status, fault))

    def _hint(self, status: int, fault: Fault) -> str:
        if fault.kind is Kind.FORBIDDEN:
            return self._forbidden_hint
        if status == 410:
            return f"Version {self._version} of its API is switched off: set a newer api_version."
        if status == 404 and fault.code not in GONE_CODES:
            return "Nothing is at that address: check base_url and api_version."
        if status == 415:
            return "This is a fault of dbt-activate; please report it."
        return ""

    def _log_warnings(self, body: Mapping[str, Any]) -> None:
        """Log each kind of warning once; its free text may quote an identifier, and is left out."""
        # What is left among the errors of a success are deprecations.
        for warning in map(_fault, (*_told(body, "errors"), *_told(body, "warnings"))):
            if warning.code not in self._warned and items(body):
                self._warned.add(warning.code)
                logger.warning("Criteo warns: %s", warning.describe(personal=True))


def items(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects under ``data``, be it one or many."""
    data = body.get("data")
    found = data if isinstance(data, list) else [data]
    return [item for item in found if isinstance(item, dict)]


def attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an object says of itself; some answers have it one level higher than others."""
    found = item.get("attributes", item)
    return found if isinstance(found, dict) else {}


def receipt(amended: Mapping[str, Any]) -> Receipt:
    """Read what became of an amendment. Criteo counts identifiers of a wrong form, and shows a few."""
    sample = amended.get("sampleInvalidIdentifiers") or ()
    return Receipt(
        unnamed_rejections=int(amended.get("nbInvalidIdentifiers") or 0),
        sample=tuple(mask(str(value)) for value in sample[:SAMPLE_SIZE]),
    )


def _tokens(settings: CriteoSettings, throttle: Throttle, throttles: Throttles) -> ClientCredentials:
    return ClientCredentials.at(
        settings.token_url or f"{settings.base_url}/oauth2/token",
        label="Criteo",
        form={"client_id": settings.client_id, "client_secret": settings.client_secret.get_secret_value()},
        throttle=throttle,
        retry=throttles.retry,
        timeout_seconds=settings.timeout_seconds,
    )


def _has_data(body: object) -> bool:
    return isinstance(body, dict) and "data" in body


def _faults(body: object, *keys: str) -> Iterator[Fault]:
    """Read what went wrong from errors or warnings; a deprecation among them is none of it."""
    for key in keys:
        yield from (_fault(item) for item in _told(body, key) if item.get("type") != "deprecation")


def _told(body: object, key: str) -> list[dict[str, Any]]:
    """Read errors or warnings leniently: any field of them may be missing or null."""
    found = body.get(key) if isinstance(body, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _fault(error: Mapping[str, Any]) -> Fault:
    kind = str(error.get("type") or "").replace("_", "-")
    return Fault(
        _KINDS.get(kind, Kind.REFUSED),
        code=as_code(error.get("code")),
        title=str(error.get("title") or ""),
        detail=str(error.get("detail") or ""),
        reference=str(error.get("traceId") or error.get("traceIdentifier") or "") or None,
    )
