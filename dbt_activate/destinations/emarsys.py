"""SAP Emarsys: an audience is a contact list, which only contacts that exist already can be in.

Reference: https://dev.emarsys.com/docs/core-api-reference, and SAP's Postman collection in the repository
emartech/Emarsys-postman-collection. A failure can hide in an HTTP 200, and a final one in an HTTP 500:
``replyCode`` is read before the status decides. Contacts are never created, and never deleted.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
import threading
import time
from array import array
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr, model_validator

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt, Rejection
from dbt_activate.destination import BaseUrl, CheckResult, Destination, DestinationSettings, Wanted
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AudienceTakenError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import (
    Answer,
    Fault,
    Kind,
    LostAnswerError,
    RefusedAnswerError,
    Request,
    kind_of,
)
from dbt_activate.http.client import Client, Credentials, warm_up
from dbt_activate.http.making import make_audience
from dbt_activate.http.oauth import ClientCredentials
from dbt_activate.http.portions import Portions, is_content_too_large
from dbt_activate.identifiers import CUSTOMER_ID, EMAIL, IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbt_activate.throttle import Throttle, Throttles

logger = logging.getLogger(__name__)

LABEL = "SAP Emarsys"
MEMBERS_PAGE = 10_000  # Emarsys's default; it would give up to 100,000 at once
CONTACTS_PAGE = 1_000  # the most contacts that one contact/getdata looks up
WSSE_SECONDS = 300  # how far the clocks of the two sides may be apart

BACK_OFF = {429: 60, 502: 30}
"""How many first waits to leave Emarsys alone where its headers do not say. It counts requests by the minute,
and after a 502 ignores repeated calls for a while."""

NO_CONTACT = "2008"
ONE_CONTACT = frozenset({NO_CONTACT, "2010"})
NAME_TAKEN = "3005"
NO_LIST = "3006"
RATE_LIMITED = frozenset({"7003", "15011"})
TOO_MANY = frozenset({"1000", "2002", "3002"})
FINAL_IN_500 = frozenset({"3001", "3002", "3003", "3004", "3005", NO_LIST, "3008"})
PASSING_IN_200 = frozenset({"", "1", "1003", "2011", "10001"})
MAYBE_NO_LIST = frozenset({"1", "3004"})
"""What Emarsys also says of a list's id that it does not know, beside other things."""

WHOLE_REQUEST = "<NO_KEY_ID>"
"""Stands among the errors of single contacts, and means all of them."""

E_MAIL = replace(EMAIL, hashable=False)
E_MAIL_FIELD = "3"
OPT_IN_FIELD = "31"
INTERNAL_KEYS = ("id", "uid")
FIELD_NAME = re.compile(r"[^\s:](?:[^\x00-\x1f\x7f:]{0,126}[^\s:])?")

WSSE_ENDS = (
    "auth: wsse ends at the end of 2026, when SAP switches it off. Make API credentials of the type OpenID "
    "Connect at Emarsys, and set auth: oauth with their client_id and client_secret."
)
WHERE_PERMISSIONS_ARE = "in Emarsys under Management > Security Settings > API Credentials"

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


class KeyFields:
    """The contact fields of the account, read once: which number a name in ``mapping:`` stands for."""

    def __init__(self, api: EmarsysApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._fields: list[dict[str, Any]] | None = None

    def key_id(self, name: str) -> str:
        """Return what Emarsys calls the key field of this name.

        Raises:
            RefusedError: There is no such field, several have that name, or it cannot be a key.
        """
        if name == E_MAIL.name:
            return E_MAIL_FIELD
        if name in INTERNAL_KEYS or re.fullmatch("[0-9]+", name):
            return name
        return self._resolve(name)

    def all(self) -> list[dict[str, Any]]:
        """Return the fields as Emarsys writes them."""
        with self._lock:
            if self._fields is None:
                found = self._api.call(
                    "field.list (or map the field by its number)", "GET", "field/translate/en"
                )
                self._fields = _rows(found)
            return self._fields

    def _resolve(self, name: str) -> str:
        # The string id is unique in an account, which a name need not be.
        found = self._named(name, "string_id") or self._named(name, "name")
        numbers = sorted({str(field.get("id")) for field in found})
        if not numbers:
            raise RefusedError(f"{LABEL} has no contact field {name!r}. {self._near(name)}")
        if len(numbers) > 1:
            raise RefusedError(
                f"{LABEL} has several contact fields named {name!r}: {', '.join(numbers)}. "
                "Map one of them by its number."
            )
        if found[0].get("application_type") == "multichoice":
            raise RefusedError(
                f"The contact field {name!r} of {LABEL} has several values at once, and cannot tell one "
                "contact from another. Map another field."
            )
        return numbers[0]

    def _named(self, name: str, key: str) -> list[dict[str, Any]]:
        return [field for field in self.all() if _folded(str(field.get(key) or "")) == _folded(name)]

    def _near(self, name: str) -> str:
        known = [str(field[key]) for field in self.all() for key in ("string_id", "name") if field.get(key)]
        near = get_close_matches(_folded(name), [_folded(one) for one in known], n=3)
        return f"Did you mean {' or '.join(map(repr, near))}?" if near else "Check the mapping."


class ContactLists:
    """The contact lists of the account: found, made, renamed, deleted."""

    def __init__(self, api: EmarsysApi) -> None:
        self._api = api

    def all(self) -> dict[str, str]:
        """Return the names of all lists by id; Emarsys has no call to read one."""
        found = self._api.call("contactlist.list", "GET", "contactlist")
        return {str(each.get("id")): str(each.get("name")) for each in _rows(found)}

    def find_by_id(self, remote_id: str) -> Audience | None:
        """Find the list of this id."""
        name = self.all().get(remote_id)
        return None if name is None else Audience(remote_id, name)

    def find_by_name(self, name: str) -> Audience | None:
        """Find the list of this name, whatever its case; of several the one of exactly this name.

        Raises:
            RefusedError: Several have that name, and none exactly.
        """
        found = [Audience(*each) for each in self.all().items() if _folded(each[1]) == _folded(name)]
        exact = [audience for audience in found if audience.name == name]
        if len(exact or found) > 1:
            several = ", ".join(sorted(audience.remote_id for audience in found))
            raise RefusedError(
                f"{LABEL} has several contact lists named {name!r}: {several}. Set audience.remote_id to one."
            )
        return next(iter(exact or found), None)

    def create(self, wanted: Wanted) -> Audience:
        """Make a list, or return the one that has the name by now.

        Raises:
            AudienceTakenError: The name is taken by a list that cannot be seen.
        """

        def taken(refused: RefusedAnswerError) -> AudienceTakenError | None:
            if refused.code != NAME_TAKEN:
                return None
            return AudienceTakenError(
                f"{LABEL} says that the name {wanted.name!r} is taken, but lists no such contact list. "
                "Choose another name."
            )

        return make_audience(lambda: self._create(wanted), lambda: self.find_by_name(wanted.name), taken)

    def rename(self, audience: Audience, name: str) -> Audience:
        """Give a list another name.

        Raises:
            AudienceTakenError: Another list has it.
        """
        path = f"contactlist/{audience.remote_id}/rename"
        try:
            with self.gone_if_refused(audience):
                self._api.call("contactlist.rename", "POST", path, {"name": name.strip()})
        except RefusedAnswerError as refused:
            if refused.code != NAME_TAKEN:
                raise
            return self._renamed_before(audience, name)
        return replace(audience, name=name.strip())

    def delete(self, audience: Audience) -> None:
        """Delete a list, and none of its contacts; one that is gone is fine."""
        # Always POST: DELETE on this path is a 403.
        with suppress(AudienceGoneError), self.gone_if_refused(audience):
            self._api.call("contactlist.delete", "POST", f"contactlist/{audience.remote_id}/deletelist")

    @contextmanager
    def gone_if_refused(self, audience: Audience) -> Iterator[None]:
        """Tell that a list is gone, where that is why a request was refused."""
        try:
            yield
        except RefusedAnswerError as refused:
            maybe_gone = refused.status == 404 or refused.code in MAYBE_NO_LIST
            if refused.code != NO_LIST and not (maybe_gone and audience.remote_id not in self.all()):
                raise
            raise AudienceGoneError(
                f"The contact list {audience.name!r} ({audience.remote_id}) is no longer there at {LABEL}. "
                "Run dbt-activate sync again to make it anew."
            ) from None

    def _create(self, wanted: Wanted) -> Audience:
        # Each later request names its own key field; the members that none is given would need one here.
        facts = {"key_id": E_MAIL_FIELD, "name": wanted.name.strip()}
        described = {"description": wanted.description} if wanted.description else {}
        made = self._api.call(
            "contactlist.create", "POST", "contactlist", facts | described, idempotent=False
        )
        if not isinstance(made, dict) or not made.get("id"):
            raise LostAnswerError(f"{LABEL} says that it made {facts['name']!r}, and not with which id.")
        return Audience(str(made["id"]), facts["name"], wanted.description or None)

    def _renamed_before(self, audience: Audience, name: str) -> Audience:
        """Look who has the name: this very list has it, where an answer was lost or only the case differs."""
        lists = self.all()
        if [number for number in lists if _folded(lists[number]) == _folded(name)] == [audience.remote_id]:
            return replace(audience, name=lists[audience.remote_id])
        raise AudienceTakenError(
            f"{audience.name!r} cannot be renamed to {name!r}: {LABEL} says that another contact list has "
            "that name. Choose another one."
        )


class Emarsys(Destination):
    """Contact lists of one account."""

    type_name = "emarsys"
    label = LABEL
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {E_MAIL.name: E_MAIL}
    other_identifiers = (
        "any contact field that tells contacts apart, by its string id, name or number, or id or uid"
    )
    one_identifier = True
    delivery_size = 10_000
    delivery_bytes = 9_900_000  # a body may have 10 MB; the rest of it is small
    concurrency = 1
    one_at_a_time = True
    names_rejections = True
    reads_members = True
    counts_members = True
    changes_descriptions = False
    clears = True
    deletes = True

    Settings = EmarsysSettings

    def __init__(self, settings: EmarsysSettings, throttles: Throttles) -> None:
        self._settings = settings
        self._api = EmarsysApi(settings, throttles)
        self._fields = KeyFields(self._api)
        self._lists = ContactLists(self._api)
        self._portions = Portions(self.delivery_size, _is_too_large)
        if settings.auth is Auth.WSSE:
            logger.warning("%s: %s", LABEL, WSSE_ENDS)

    @classmethod
    def identifier_type(cls, name: str) -> IdentifierType | None:
        """Take any name that a contact field may have; only e-mail addresses are folded."""
        if name in cls.identifier_types:
            return cls.identifier_types[name]
        if name == E_MAIL_FIELD:
            return replace(E_MAIL, name=name)
        if not FIELD_NAME.fullmatch(name):
            return None
        return replace(
            CUSTOMER_ID,
            name=name,
            description=f"value of the contact field {name}",
            folds_case="mail" in name.casefold(),
        )

    @classmethod
    def account(cls, settings: EmarsysSettings) -> tuple[str, ...]:
        """What an API user sees; Emarsys does not say which account is behind it."""
        return (cls.type_name, settings.host, settings.user)

    @classmethod
    def identity(cls, settings: EmarsysSettings, wanted: Wanted) -> tuple[str, ...]:
        """Names of lists are one whatever their case."""
        return (*cls.account(settings), _folded(wanted.name))

    def get_ready(self) -> None:
        """Import what talks HTTP while the warehouse is read."""
        warm_up()

    def prepare(self, wanted: Wanted, identifier_types: Sequence[str]) -> None:
        """Make sure that what is mapped is a contact field that can be a key."""
        del wanted
        for name in identifier_types:
            self._fields.key_id(name)

    def check(self) -> CheckResult:
        """Look whether lists and fields can be read."""
        try:
            lines = [f"The credentials are good. They see {len(self._lists.all())} contact lists."]
        except AccessError as error:
            return CheckResult(passed=False, lines=(str(error),))
        try:
            lines.append(f"{len(self._fields.all())} contact fields can be mapped by name.")
        except AccessError:
            lines.append(
                "Contact fields cannot be read: map email, id, uid or a field by its number, or tick "
                f"field.list for this API user, {WHERE_PERMISSIONS_ARE}."
            )
        if self._settings.auth is Auth.WSSE:
            lines.append(WSSE_ENDS)
        return CheckResult(passed=True, lines=tuple(lines))

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find a list by id, or by name whatever its case."""
        if remote_id is None:
            return self._lists.find_by_name(wanted.name.strip())
        return self._lists.find_by_id(remote_id)

    def create(self, wanted: Wanted) -> Audience:
        """Make a list; where the name turns out to be taken, return the one that has it."""
        return self._lists.create(wanted)

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Rename a list. Its description cannot be changed."""
        if audience.name == wanted.name.strip():
            return audience
        return self._lists.rename(audience, wanted.name)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove contacts, in one request if Emarsys finds it not too large."""
        key_id = self._fields.key_id(delivery.identifier_type)
        with self._lists.gone_if_refused(audience):
            return self._portions.send(delivery, lambda part: self._change(audience, key_id, part))

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield the mapped field of the members; those in whom it is empty are only counted, in the log."""
        key_id = self._fields.key_id(identifier_type)
        without = 0
        with self._lists.gone_if_refused(audience):
            for page in self._contact_ids(audience):
                for start in range(0, len(page), CONTACTS_PAGE):
                    chunk = page[start : start + CONTACTS_PAGE]
                    values = chunk if key_id == "id" else self._values(chunk, key_id)
                    without += len(chunk) - len(values)
                    yield values
        if without:
            logger.warning(
                "%s: %d members of %r have no %s, and cannot be compared.",
                LABEL, without, audience.name, identifier_type,
            )  # fmt: skip

    def size(self, audience: Audience) -> int | None:
        """Return how many contacts are in a list."""
        path = f"contactlist/{audience.remote_id}/count"
        with self._lists.gone_if_refused(audience):
            count = str(self._api.call("contactlist.contact.count", "GET", path))
        return int(count) if re.fullmatch("[0-9]{1,18}", count) else None

    def clear(self, audience: Audience) -> None:
        """Take everybody out, one by one: Emarsys has no call for it."""
        with self._lists.gone_if_refused(audience):
            # All of them before the first is taken out, which might move those on later pages.
            everybody = array("q", (int(one) for page in self._contact_ids(audience) for one in page))
            for start in range(0, len(everybody), self.delivery_size):
                chunk = [str(one) for one in everybody[start : start + self.delivery_size]]
                leaving = Delivery(1, Operation.REMOVE, "id", chunk)
                receipt = self._portions.send(leaving, lambda part: self._change(audience, "id", part))
                if stayed := len(receipt.rejections) + receipt.unnamed_rejections:
                    raise RefusedError(
                        f"{LABEL} did not take {stayed} contacts out of {audience.name!r}. "
                        "Look at the list there."
                    )

    def delete(self, audience: Audience) -> None:
        """Delete a list, and none of its contacts."""
        self._lists.delete(audience)

    def close(self) -> None:
        """Close all connections."""
        self._api.close()

    def _change(self, audience: Audience, key_id: str, delivery: Delivery) -> Receipt:
        try:
            return self._change_at_once(audience, key_id, delivery)
        except RefusedAnswerError as refused:
            if refused.code not in ONE_CONTACT:
                raise
            if len(delivery.identifiers) == 1:
                return _receipt(delivery, {delivery.identifiers[0]: {refused.code: ""}})
        # It says of the whole what is true of somebody in it: look for whom, without smaller requests later.
        halves = Portions(len(delivery.identifiers) // 2, _is_too_large)
        return halves.send(delivery, lambda part: self._change(audience, key_id, part))

    def _change_at_once(self, audience: Audience, key_id: str, delivery: Delivery) -> Receipt:
        verb = "add" if delivery.operation is Operation.ADD else "delete"
        data = self._api.call(
            f"contactlist.contact.{verb}",
            "POST",
            f"contactlist/{audience.remote_id}/{verb}",
            {"key_id": key_id, "external_ids": list(delivery.identifiers)},
            personal=True,
        )
        return _receipt(delivery, _row_errors(data))

    def _contact_ids(self, audience: Audience) -> Iterator[list[str]]:
        params: dict[str, str | int] = {"$skiptoken": 0, "$top": MEMBERS_PAGE}
        version, page = self._first_page(audience, params)
        while True:
            yield [str(one) for one in page.get("value") or ()]
            if not page.get("next"):
                return
            # Its path is not joined to base_url: what it begins with is not documented.
            following = dict(parse_qsl(urlsplit(str(page["next"])).query))
            if "$skiptoken" not in following or following == params:
                raise UnavailableError(
                    f"{LABEL} does not say how to read on in the members of {audience.name!r}. Run it again."
                )
            params = dict(following)
            page = self._page(audience, params, version)

    def _first_page(self, audience: Audience, params: Mapping[str, str | int]) -> tuple[str | None, Any]:
        """Read the first page of contact ids, and say in which version of the API it was found.

        SAP's own collection for v3 has this one call under v2; whether v3 has it is not documented.
        """
        older = self._api.older_version
        for version in (None, older) if older else (None,):
            try:
                return version, self._page(audience, params, version)
            except (AccessError, AuthenticationError):
                if version is None:
                    raise
            except RefusedAnswerError as refused:
                if refused.status not in (400, 404, 405) or refused.code not in ("", "1"):
                    raise
        raise RefusedAnswerError(
            f"{LABEL} does not give out the members of contact list {audience.name!r} ({audience.remote_id}) "
            "to this API user: they cannot be read back on this account. Ask SAP's support for the call "
            "contactlist/{listId}/contactIds.",
            status=404,
        )

    def _page(self, audience: Audience, params: Mapping[str, str | int], version: str | None) -> Any:
        path = f"contactlist/{audience.remote_id}/contactIds"
        page = self._api.call("contactlist.contact.ids", "GET", path, params=params, version=version)
        if not isinstance(page, dict) or not isinstance(page.get("value", ""), list | None):
            raise UnavailableError(f"{LABEL} gives no members of {audience.name!r}. Run it again later.")
        return page

    def _values(self, contact_ids: Sequence[str], key_id: str) -> list[str]:
        # A row has id and uid in any case. Without any field asked for, it would have all of them.
        fields = [OPT_IN_FIELD if key_id in INTERNAL_KEYS else key_id]
        body = {"keyId": "id", "keyValues": list(contact_ids), "fields": fields}
        data = self._api.call("contact.getdata", "POST", "contact/getdata", body, personal=True)
        found = data.get("result") if isinstance(data, dict) else ()  # false where nobody was found
        return [str(row[key_id]) for row in _rows(found) if row.get(key_id) not in (None, "")]


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
    if (whole := _row_errors(body.get("data")).get(WHOLE_REQUEST)) is not None:
        return next(((code, str(text)) for code, text in whole.items()), ("", ""))
    if isinstance(body.get("value"), list):  # a page of contact ids may come without an envelope
        return "0", ""
    code = body.get("replyCode")
    return "" if code is None else str(code), str(body.get("replyText") or "")


def _rows(found: object) -> list[dict[str, Any]]:
    """Return a list of maps; in place of an empty one there may be something else."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _row_errors(data: object) -> dict[str, dict[str, Any]]:
    """Return what went wrong, by identifier.

    In PHP's way of writing JSON an empty map is a list, and so is one whose keys count up from 0.
    """
    found = data.get("errors") if isinstance(data, dict) else None
    if isinstance(found, list):
        found = {str(number): each for number, each in enumerate(found)}
    by_identifier = found if isinstance(found, dict) else {}
    return {key: each if isinstance(each, dict) else {} for key, each in by_identifier.items()}


def _receipt(delivery: Delivery, errors: Mapping[str, Mapping[str, Any]]) -> Receipt:
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


def _reason(code: str) -> str:
    return _REASONS.get(code, "Emarsys does not take it, and gives no more than this code")


def _is_too_large(error: DestinationError) -> bool:
    says_so = isinstance(error, RefusedAnswerError) and error.code in TOO_MANY
    return says_so or is_content_too_large(error)


def _folded(name: str) -> str:
    return name.strip().casefold()


def _seconds_apart(answer: Answer) -> float:
    """Return how far our clock is from the one that dated the answer; 0 where it has no date."""
    with suppress(ValueError):
        return abs(time.time() - parsedate_to_datetime(answer.headers.get("Date", "")).timestamp())
    return 0.0
