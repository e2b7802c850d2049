"""Emarsys's API as one API user sees it: settings, credentials, calls, how an answer is judged, and receipts.

Reference: https://dev.emarsys.com/docs/core-api-reference, and SAP's Postman collection in the repository
emartech/Emarsys-postman-collection. A failure can hide in an HTTP 200, and a final one in an HTTP 500:
``replyCode`` is read before the status decides.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from dbt_activate.delivery import Delivery, Operation, Receipt, Rejection
from dbt_activate.destination import BaseUrl, DestinationSettings
from dbt_activate.errors import AccessError, DestinationError
from dbt_activate.http.answer import Answer, Fault, Kind, RefusedAnswerError, Request, kind_of
from dbt_activate.http.client import Client, Credentials
from dbt_activate.http.oauth import ClientCredentials
from dbt_activate.http.portions import is_content_too_large

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.throttle import Throttle, Throttles

LABEL = "SAP Emarsys"
"""What Emarsys is called in messages."""

WSSE_SECONDS = 300  # how far the clocks of the two sides may be apart

BACK_OFF = {429: 60, 502: 30}
"""How many first waits to leave Emarsys alone where its headers do not say. It counts requests by the minute,
and after a 502 ignores repeated calls for a while."""

NO_CONTACT = "2008"
ONE_CONTACT = frozenset({NO_CONTACT, "2010"})
"""What Emarsys says of one contact; where it says so of a whole request, it means somebody in it."""

NAME_TAKEN = "3005"
"""Another list has that name."""

NO_LIST = "3006"
"""There is no such list."""

MAYBE_NO_LIST = frozenset({"1", "3004"})
"""What Emarsys also says of a list's id that it does not know, beside other things."""

RATE_LIMITED = frozenset({"7003", "15011"})
TOO_MANY = frozenset({"1000", "2002", "3002"})
FINAL_IN_500 = frozenset({"3001", "3002", "3003", "3004", "3005", NO_LIST, "3008"})
PASSING_IN_200 = frozenset({"", "1", "1003", "2011", "10001"})

WHOLE_REQUEST = "<NO_KEY_ID>"
"""Stands among the errors of single contacts, and means all of them."""

WSSE_ENDS = (
    "auth: wsse ends at the end of 2026, when SAP switches it off. Make API credentials of the type OpenID "
    "Connect at Emarsys, and set auth: oauth with their client_id and client_secret."
)
"""What a user of WSSE must do, and by when."""

WHERE_PERMISSIONS_ARE = "in Emarsys under Management > Security Settings > API Credentials"
"""Where a person gives an API user permissions."""

_KEY_HINT = (
    "The mapped field must be there, and indexed: SAP's support does that on request. Otherwise map email."
)
_NAME_HINT = (
    "It does not take the list's name, description or id. Which characters it takes is not published: "
    "letters, digits, spaces, - and _ are safe, up to 64 of them."
)
_OUR_FAULT = "This is a fault of dbt-activate; please report it."
_HINTS = {
    "1": "It knows no such call: check base_url.",
    **dict.fromkeys(("2004", "2005", "2006", "2007", "2015"), _KEY_HINT),
    **dict.fromkeys(("3001", "3004"), _NAME_HINT),
    "3008": "The list is used in a combined segment. Take it out of there in Emarsys first.",
    **dict.fromkeys(("1001", "1006", "1008", "1010", "1016", "3003"), _OUR_FAULT),
}
_REASONS = {
    NO_CONTACT: "not an Emarsys contact",
    "2010": "several Emarsys contacts have this value; map a key field that is unique",
    "2005": "Emarsys does not take this value in the mapped field",
}


class Wsse:
    """Proves who we are with a digest of the secret, made for one attempt; ends with 2026."""

    def __init__(self, username: str, secret: SecretStr) -> None:
        self._username = username
        self._secret = secret

    def headers(self) -> Mapping[str, str]:
        """Make a header with a new nonce and the time of now."""
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"X-WSSE": self.header(secrets.token_hex(16), created)}

    def header(self, nonce: str, created: str) -> str:
        """Make the header of a nonce and a time."""
        text = f"{nonce}{created}{self._secret.get_secret_value()}"
        # SHA-1 is what WSSE asks for; Emarsys then wants base64 of its hex text, and not of its bytes.
        digest = base64.b64encode(hashlib.sha1(text.encode()).hexdigest().encode()).decode()  # noqa: S324
        return (
            f'UsernameToken Username="{self._username}", PasswordDigest="{digest}", '
            f'Nonce="{nonce}", Created="{created}"'
        )

    def refused(self, headers: Mapping[str, str]) -> bool:
        """There are no others."""
        del headers
        return False

    def close(self) -> None:
        """Nothing to close."""


class Auth(StrEnum):
    """How we prove who we are."""

    OAUTH = "oauth"
    WSSE = "wsse"


class EmarsysSettings(DestinationSettings):
    """The keys of an Emarsys entry in ``destinations.yml``.

    Attributes:
        auth: How we prove who we are: ``oauth`` with API v3, or ``wsse`` with API v2, which SAP
            switches off at the end of 2026.
        client_id: With ``oauth``: of API credentials of the type OpenID Connect.
        client_secret: With ``oauth``: their secret.
        username: With ``wsse``: the API user.
        secret: With ``wsse``: the API user's secret.
        base_url: Where the API is, with its version; ``https://api.emarsys.net/api/v3`` by default, or
            ``.../v2`` with ``wsse``.
        token_url: Where tokens come from. Accounts whose credentials are managed in SAP Cloud Identity
            Services have one of their own.
        requests_per_minute: The rate limit. Emarsys allows an API user 1,000, as a ceiling and not a
            promise. Null lifts it.
    """

    auth: Auth = Auth.OAUTH
    client_id: str | None = Field(default=None, min_length=1)
    client_secret: SecretStr | None = None
    username: str | None = Field(default=None, pattern=r'^[^"\\]+$')
    secret: SecretStr | None = None
    base_url: BaseUrl | None = None
    token_url: BaseUrl = "https://auth.emarsys.net/oauth2/token"  # noqa: S105  (an address, not a token)
    requests_per_minute: int | None = Field(default=1_000, ge=1)

    @model_validator(mode="after")
    def _credentials_match(self) -> Self:
        oauth, wsse = (self.client_id, self.client_secret), (self.username, self.secret)
        needed, others = (oauth, wsse) if self.auth is Auth.OAUTH else (wsse, oauth)
        if None in needed or others != (None, None):
            names = ("client_id and client_secret", "username and secret")
            ours, theirs = names if self.auth is Auth.OAUTH else names[::-1]
            raise ValueError(f"auth: {self.auth} needs {ours}, and takes no {theirs}")
        return self

    @property
    def api_url(self) -> str:
        """Where the API is, with its version."""
        return self.base_url or f"https://api.emarsys.net/api/{'v3' if self.auth == 'oauth' else 'v2'}"

    @property
    def host(self) -> str:
        """The host of the API."""
        return urlsplit(self.api_url).netloc

    @property
    def user(self) -> str:
        """Whose requests Emarsys counts."""
        return self.client_id or self.username or ""


class EmarsysApi:
    """Emarsys's API as one API user sees it."""

    def __init__(self, settings: EmarsysSettings, throttles: Throttles) -> None:
        self._auth = settings.auth
        counted_by = ("emarsys", settings.host, settings.user)
        throttle = throttles.get(counted_by, settings.requests_per_minute)
        self._first_wait_seconds = throttles.retry.first_wait_seconds
        versioned = re.fullmatch(r"(.*)(/v[0-9]+)", settings.api_url)
        root, self._version = versioned.groups() if versioned else (settings.api_url, "")
        self._client = Client(
            LABEL,
            root,
            throttle=throttle,
            retry=throttles.retry,
            timeout_seconds=settings.timeout_seconds,
            credentials=_credentials(settings, throttle, throttles),
            judge=self._judge,
        )

    @property
    def older_version(self) -> str | None:
        """The version that may still have what this one lacks."""
        return "/v2" if self._version == "/v3" else None

    def call(
        self,
        permission: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str | int] | None = None,
        version: str | None = None,
        idempotent: bool = True,
        personal: bool = False,
    ) -> Any:
        """Send one request, and return what is in the envelope of the answer; all of it if there is none.

        Args:
            permission: What the API user needs for it, for the message if it has not.
            method: The HTTP method.
            path: Follows the version.
            body: The body.
            params: The query.
            version: Another version than that of the settings, with a slash before it.
            idempotent: Whether it may be sent twice.
            personal: Whether the body holds identifiers.
        """
        request = Request(
            method,
            f"{self._version if version is None else version}/{path}",
            body,
            headers={"Content-Type": "application/json"},  # Emarsys asks for it without a body, too
            params=params or {},
            idempotent=idempotent,
            personal=personal,
        )
        try:
            answered = self._client.send(request).body
        except AccessError as error:
            raise AccessError(
                f"{error} Tick {permission} for this API user, {WHERE_PERMISSIONS_ARE}."
            ) from None
        return answered.get("data", answered)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _judge(self, answer: Answer) -> Fault | None:
        code, text = _reply(answer.body)
        kind = _kind(answer.status, code)
        wait = BACK_OFF.get(answer.status, 0) * self._first_wait_seconds or None
        return kind and Fault(kind, code=code, detail=text, hint=self._hint(answer, code), wait_seconds=wait)

    def _hint(self, answer: Answer, code: str) -> str:
        if answer.status == 401:
            return self._credentials_hint(answer)
        if answer.status == 404 and not code:
            return "Nothing is at that address: check base_url."
        return "" if answer.status >= 500 and code == "1" else _HINTS.get(code, "")

    def _credentials_hint(self, answer: Answer) -> str:
        if self._auth is Auth.OAUTH:
            return "Check client_id and client_secret, and that base_url and token_url are theirs."
        minutes = _seconds_apart(answer) / 60
        if minutes > WSSE_SECONDS / 60:
            return f"The clock of this machine is {minutes:.0f} minutes off, and 5 are allowed: set it right."
        return "Check username and secret, and that SAP has not switched WSSE off. " + WSSE_ENDS


def rows(found: object) -> list[dict[str, Any]]:
    """Return a list of maps; in place of an empty one there may be something else."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def row_errors(data: object) -> dict[str, dict[str, Any]]:
    """Return what went wrong, by identifier.

    In PHP's way of writing JSON an empty map is a list, and so is one whose keys count up from 0.
    """
    found = data.get("errors") if isinstance(data, dict) else None
    if isinstance(found, list):
        found = {str(number): each for number, each in enumerate(found)}
    by_identifier = found if isinstance(found, dict) else {}
    return {key: each if isinstance(each, dict) else {} for key, each in by_identifier.items()}


def receipt(delivery: Delivery, errors: Mapping[str, Mapping[str, Any]]) -> Receipt:
    """Find the members that are meant, also where Emarsys spells them in another case."""
    codes = {identifier: next(iter(each), "") for identifier, each in errors.items()}
    if delivery.operation is Operation.REMOVE:  # who is no contact is in no list
        codes = {identifier: code for identifier, code in codes.items() if code != NO_CONTACT}
    if not codes:
        return Receipt()
    exact = {identifier: position for position, identifier in enumerate(delivery.identifiers)}
    folded: dict[str, list[int]] = {}
    for identifier, position in exact.items():
        folded.setdefault(identifier.casefold(), []).append(position)
    found, unnamed = {}, 0
    for identifier, code in codes.items():
        meant = [exact[identifier]] if identifier in exact else folded.get(identifier.casefold(), [])
        found.update({position: Rejection(position, code, _reason(code)) for position in meant})
        unnamed += not meant
    return Receipt(tuple(found[position] for position in sorted(found)), unnamed_rejections=unnamed)


def is_too_large(error: DestinationError) -> bool:
    """Tell whether a request was refused for its size."""
    says_so = isinstance(error, RefusedAnswerError) and error.code in TOO_MANY
    return says_so or is_content_too_large(error)


def _credentials(settings: EmarsysSettings, throttle: Throttle, throttles: Throttles) -> Credentials:
    if settings.auth is Auth.WSSE:
        return Wsse(settings.user, settings.secret or SecretStr(""))
    secret = (settings.client_secret or SecretStr("")).get_secret_value()
    basic = base64.b64encode(f"{settings.user}:{secret}".encode()).decode()
    return ClientCredentials.at(
        settings.token_url,
        label=LABEL,
        headers={"Authorization": f"Basic {basic}"},
        throttle=throttle,
        retry=throttles.retry,
        timeout_seconds=settings.timeout_seconds,
    )


def _kind(status: int, code: str) -> Kind | None:
    """Tell what can be done about an answer; None where it is a success.

    Codes are reused, so that most mean something only with their status.
    """
    if code in RATE_LIMITED or status == 423:
        return Kind.NOT_TAKEN
    if status >= 500 and code in FINAL_IN_500:
        return Kind.REFUSED
    if not 200 <= status < 300:
        return kind_of(status)
    if code == "0":
        return None
    return Kind.MAYBE_TAKEN if code in PASSING_IN_200 else Kind.REFUSED


def _reply(body: object) -> tuple[str, str]:
    """Return the code and the text of an answer; the code is empty where there is none."""
    if not isinstance(body, dict):
        return "", ""
    if (whole := row_errors(body.get("data")).get(WHOLE_REQUEST)) is not None:
        return next(((code, str(text)) for code, text in whole.items()), ("", ""))
    if isinstance(body.get("value"), list):  # a page of contact ids may come without an envelope
        return "0", ""
    code = body.get("replyCode")
    return "" if code is None else str(code), str(body.get("replyText") or "")


def _reason(code: str) -> str:
    return _REASONS.get(code, "Emarsys does not take it, and gives no more than this code")


def _seconds_apart(answer: Answer) -> float:
    """Return how far our clock is from the one that dated the answer; 0 where it has no date."""
    with suppress(ValueError):
        return abs(time.time() - parsedate_to_datetime(answer.headers.get("Date", "")).timestamp())
    return 0.0
