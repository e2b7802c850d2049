"""Selligent (Marigold Engage, Selligent by Zeta): an audience is a static segment of a list of profiles.

The Portal API v1: https://developers.meetmarigold.com/engage/api/smc-v1. A segment refers to records of its
list. Who is no record of the list is never made one, and who leaves the segment stays in the list.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destination import BaseUrl, CheckResult, Destination, DestinationSettings, Wanted
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import (
    Answer,
    Fault,
    Kind,
    LateAnswerError,
    RefusedAnswerError,
    Request,
    kind_of,
)
from dbt_activate.http.client import Client, warm_up
from dbt_activate.http.fixed_headers import FixedHeaders
from dbt_activate.http.making import make_audience
from dbt_activate.http.polling import poll
from dbt_activate.http.portions import Portions, is_content_too_large
from dbt_activate.identifiers import CUSTOMER_ID, IdentifierType

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from dbt_activate.throttle import Throttles

logger = logging.getLogger(__name__)

PORTAL = "/Portal/Api"
DONE = frozenset({"Succeeded", "PartiallySucceeded"})
PASSING = frozenset({"ServiceUnavailable", "InternalServerError"})
NOT_FOUND = "NotFound"
RESULT_CODES = DONE | PASSING | {"Failed", "ValidationFailed", NOT_FOUND}
"""What ``result_code`` says; it counts, and not the status, where that is 200."""

BUSY = "list-busy"
"""Our own code for a 429 that is not about the rate limit."""

API_NAME = r"[A-Za-z][A-Za-z0-9_]{0,49}"  # Selligent publishes no rule: on the safe side
PAGE_SIZE = 1_000  # the most that a search takes at once is not documented

ACCESS_HINT = (
    "Selligent says the same of a wrong key and of a missing right. Check api_key and api_secret; and, in "
    "Admin Configuration > Access Management > Service Accounts, the account's expiry date, its filters by "
    "IP and by organization, and that under Endpoints it may read the organization, lists, list fields and "
    "segments, create static segments, and load, delete, clear and search the data of segments."
)
PLACE_HINT = "Check base_url, organization and list: names are API names, as the API explorer shows them."
INDEX_HINT = (
    "If it names no other reason: Selligent may refuse large calls whose key field has no unique index. Ask "
    "its support for one on {field}, or set a smaller delivery_size."
)


def _portal_url(url: str) -> str:
    return url if url.lower().endswith(PORTAL.lower()) else f"{url}{PORTAL}"


def _one_half(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[^\s:]+", secret.get_secret_value()):
        raise ValueError("is empty, or holds a colon or a space; api_key and api_secret are set apart")
    return secret


Half = Annotated[SecretStr, AfterValidator(_one_half)]


class Selligent(Destination):
    """Static segments of the lists of one organization."""

    type_name = "selligent"
    label = "Selligent"
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {}
    other_identifiers = "the name of any field of the list, such as CUSTOMER_ID or MAIL"
    one_identifier = True  # two fields may lead to one record
    # What another public client sends at most; the entry's delivery_size is 1,000 unless set.
    delivery_size = 2_500
    concurrency = 1
    one_at_a_time = True
    reads_members = True
    renames = False
    changes_descriptions = False
    clears = True
    deletes = True

    class Settings(DestinationSettings):
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

    class AudienceSettings(Wanted):
        """The keys of ``audience:``.

        Attributes:
            name: Defaults to the model's name. White space becomes an underscore.
            list: The API name of the list that the segment belongs to.
            api_name: The API name of the segment; by default made from its name when it is created.
            remote_id: A segment that exists already: ``<list>/<segment>``, in API names.
        """

        list: str | None = Field(default=None, pattern=r"^[^/]+$")
        api_name: str | None = Field(default=None, pattern=r"^[^/]+$")
        remote_id: str | None = Field(default=None, pattern=r"^[^/]+/[^/]+$")

    def __init__(self, settings: Settings, throttles: Throttles) -> None:
        self._settings = settings
        self._portal = _Portal(settings, throttles)
        self._portions = Portions(self.delivery_size, _is_too_large)
        self._fields: dict[str, tuple[str, ...]] = {}
        self._told: set[tuple[str, str]] = set()

    @classmethod
    def identifier_type(cls, name: str) -> IdentifierType | None:
        """Take the name of any field; one with "mail" in it holds addresses, whose case does not matter."""
        if not re.fullmatch(r"[^\x00-\x20\x7f:,]+( +[^\x00-\x20\x7f:,]+)*", name):
            return None
        about = f"value of the field {name} of the list"
        return replace(CUSTOMER_ID, name=name, description=about, folds_case="mail" in name.lower())

    @classmethod
    def account(cls, settings: Settings) -> tuple[str, ...]:
        """An organization of a tenant has lists by name."""
        return (cls.type_name, settings.host, settings.organization)

    @classmethod
    def identity(cls, settings: Settings, wanted: Any) -> tuple[str, ...]:
        """A list has segments by API name; whether case tells them apart is not documented."""
        place = _Place.of(settings, wanted)
        return (*cls.account(settings), place.list.lower(), place.segment.lower())

    @classmethod
    def lane(cls, settings: Settings, wanted: Any) -> Hashable | None:
        """A list takes one bulk call at a time, whichever of its segments it is for.

        https://developers.meetmarigold.com/engage/changelog/smc-v1/smc-v1-changelog
        """
        return (*cls.account(settings), _Place.of(settings, wanted).list.lower())

    @classmethod
    def check_audience(cls, settings: Settings, wanted: Any, mapping: Mapping[str, str]) -> Sequence[str]:
        """Refuse an audience without a list, with two places, or with an API name that may not pass."""
        del mapping
        place = _Place.of(settings, wanted)
        if wanted.remote_id:
            parts = (("list", wanted.list, place.list), ("api_name", wanted.api_name, place.segment))
            return [
                f"remote_id {wanted.remote_id!r} and {key} {given!r} name different places. Leave one out."
                for key, given, part in parts
                if given not in (None, part)
            ]
        problems = []
        if not place.list:
            problems.append(
                "It needs the list that the segment belongs to. Set list, by its API name, here or in the "
                "destination's entry; dbt-activate debug shows the lists."
            )
        if not re.fullmatch(API_NAME, place.segment):
            problems.append(
                f"The API name {place.segment!r} must begin with a letter and hold at most 50 letters "
                f"without accents, digits and underscores. Set api_name to {_suggestion(place.segment)}, say."
            )
        return problems

    def get_ready(self) -> None:
        """Import what talks HTTP while the warehouse is read."""
        warm_up()

    def prepare(self, wanted: Any, identifier_types: Sequence[str]) -> None:
        """Make sure that what is mapped is a field of the list."""
        for name in identifier_types:
            self._field(_Place.of(self._settings, wanted).list, name)

    def check(self) -> CheckResult:
        """Look at the organization, at the list and at its fields."""
        organization = self._settings.organization
        try:
            self._portal.call("GET", "")
        except RefusedAnswerError as refused:
            return CheckResult(passed=False, lines=(str(refused),))
        lines = [f"The credentials are good. They reach the organization {organization}."]
        try:
            lines += self._look_at_list(self._settings.list)
        except (AccessError, AuthenticationError, RefusedError) as error:
            return CheckResult(passed=False, lines=(*lines, str(error)))
        return CheckResult(passed=True, lines=tuple(lines))

    def can_be(self, wanted: Any, remote_id: str) -> bool:
        """Tell whether a segment lies in the wanted list, and has the API name or id that is set, if any."""
        there, place = _Place.read(remote_id), _Place.of(self._settings, wanted)
        return (
            there.list.lower() == place.list.lower()
            and (wanted.api_name or there.segment).lower() == there.segment.lower()
            and wanted.remote_id in (None, remote_id)
        )

    def find(self, wanted: Any, remote_id: str | None) -> Audience | None:
        """Find a static segment by its list and its API name."""
        return self._find(_Place.read(remote_id) if remote_id else _Place.of(self._settings, wanted))

    def create(self, wanted: Any) -> Audience:
        """Make a static segment; where it turns out to be there, return it."""
        place = _Place.of(self._settings, wanted)
        body = {"api_name": place.segment, "name": _underscored(wanted.name)}
        body |= {"description": wanted.description} if wanted.description else {}

        def create() -> Audience:
            self._portal.call("POST", f"{place.list_path}/segments/static", body, idempotent=False)
            return Audience(place.remote_id, body["name"], body.get("description"))

        # How a taken name is refused is not documented: after any refusal it is looked for.
        return make_audience(create, lambda: self._find(place), lambda refused: refused)

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove records of the list, in one request if it is not too large or too slow."""
        place = _Place.read(audience.remote_id)
        field = self._field(place.list, delivery.identifier_type)
        with self._gone_or_refused(audience, INDEX_HINT.format(field=field)):
            return self._portions.send(delivery, lambda part: self._send_rows(place, field, part))

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield what the segment's records hold in the field, page by page."""
        place = _Place.read(audience.remote_id)
        field = self._field(place.list, identifier_type)
        with self._gone_or_refused(audience):
            for page in self._pages(place, field):
                yield [str(value) for value in page if value is not None]

    def clear(self, audience: Audience) -> None:
        """Take everybody out of a segment."""
        with self._gone_or_refused(audience):
            self._portal.call("DELETE", f"{_Place.read(audience.remote_id).path}/data/clear")

    def delete(self, audience: Audience) -> None:
        """Delete a segment; its records stay in the list."""
        place = _Place.read(audience.remote_id)
        try:
            self._portal.call("DELETE", place.path)
        except RefusedAnswerError:
            if self._segment(place) is not None:
                raise

    def close(self) -> None:
        """Close all connections."""
        self._portal.close()

    def _look_at_list(self, name: str | None) -> list[str]:
        if name is None:
            return [*self._lists(), "Set list to one of them, here or in audience: of each activation."]
        try:
            kind = self._portal.call("GET", _list_path(name)).get("type")
        except RefusedAnswerError as refused:
            if not _is_missing(refused):
                raise
            raise RefusedError("\n".join((f"There is no list {name}.", *self._lists()))) from None
        note = "" if kind == "Userlist" else f" It is a {kind}; audiences usually are segments of a Userlist."
        return [f"The list {name} is there.{note}", f"Its fields: {', '.join(self._field_names(name))}."]

    def _lists(self) -> list[str]:
        body = self._portal.call("GET", "/lists", params={"filter": "Userlist"})
        # Selligent's own description says `list`; a public client reads `lists`.
        found = body.get("list") or body.get("lists") or []
        return [
            "Lists of the organization:",
            *(f"  {each.get('api_name')}  {each.get('name')}" for each in found),
        ]

    def _field_names(self, list_name: str) -> tuple[str, ...]:
        if list_name not in self._fields:
            found = self._portal.call("GET", f"{_list_path(list_name)}/fields").get("fields") or []
            self._fields[list_name] = tuple(str(each.get("name")) for each in found)
        return self._fields[list_name]

    def _field(self, list_name: str, wanted: str) -> str:
        """Return the exact name of a field."""
        names = self._field_names(list_name)
        spelled = {name.lower(): name for name in names} | {name: name for name in names}
        if found := spelled.get(wanted) or spelled.get(wanted.lower()):
            return found
        near = get_close_matches(wanted.lower(), [name.lower() for name in names])
        raise RefusedError(
            f"The list {list_name} of Selligent has no field {wanted}. Map one that it has"
            f"{', such as ' + ', '.join(spelled[name] for name in near) if near else ''}; dbt-activate debug "
            "shows the fields of the entry's list."
        )

    def _segment(self, place: _Place) -> dict[str, Any] | None:
        # How a segment that is not there is told is not documented: a 404, a result code, or nothing.
        try:
            body = self._portal.call("GET", place.path)
        except RefusedAnswerError as refused:
            if not _is_missing(refused):
                raise
            return None
        return body if body.get("type") else None

    def _find(self, place: _Place) -> Audience | None:
        segment = self._segment(place)
        if segment is None:
            return None
        if segment["type"] != "Static":
            raise RefusedError(
                f"The segment {place.segment} of Selligent's list {place.list} is of type {segment['type']}, "
                "and only static ones take members. Choose another api_name."
            )
        name = str(segment.get("name") or place.segment)
        return Audience(place.remote_id, name, segment.get("description") or None)

    def _send_rows(self, place: _Place, field: str, part: Delivery) -> Receipt:
        method, end = ("POST", "/data/load") if part.operation is Operation.ADD else ("DELETE", "/data")
        counted = self._portal.call(
            method,
            place.path + end,
            [[identifier] for identifier in part.identifiers],
            # Only the key field, so that nothing can be written to a profile.
            params={"keyFields": field, "fields": field, "mode": "Sync"},
            divisible=len(part.identifiers) > 1,
            personal=True,
        )
        if "result_code" not in counted:
            raise UnavailableError(
                f"Selligent did not say whether it carried out {method} {place.path}{end}: there is no "
                "result_code in the answer. Run it again; if that stays so, check base_url."
            )
        if part.operation is Operation.REMOVE and _failed(counted):
            self._make_sure(place, field, part)
        return self._receipt(place, part, counted)

    def _make_sure(self, place: _Place, field: str, removal: Delivery) -> None:
        """Look who is still there, since Selligent does not say which rows of a removal failed.

        Raises:
            UnavailableError: Some are.
        """
        # A record may hold the value in another spelling, and be found by ours all the same.
        kind = self.identifier_type(removal.identifier_type) or CUSTOMER_ID
        leaving = set(removal.identifiers)
        try:
            values = (str(value) for page in self._pages(place, field) for value in page)
            left = sum(kind.normalise(value) in leaving for value in values)
        except (AccessError, AuthenticationError, RefusedAnswerError):
            return  # it cannot be told; the failed rows are counted
        if left:
            raise UnavailableError(
                f"Selligent failed to remove {left} of {len(leaving)} members of {place.remote_id}. "
                "The next sync tries again."
            )

    def _receipt(self, place: _Place, part: Delivery, counted: Mapping[str, Any]) -> Receipt:
        adding = part.operation is Operation.ADD
        unknown = _count(counted, "number_of_records_not_found") if adding else 0
        failed = _failed(counted)
        if unknown:
            self._tell(place, "some members are no records of the list. They are not made ones")
        reasons = sorted({_reason(record) for record in _invalid(counted)})
        for reason in reasons or ["no reason given"] * bool(failed):
            self._tell(place, f"some members were not {'added' if adding else 'removed'}: {reason}")
        # Whether `record_index` begins at 0 or at 1 is not documented: nobody is named by it.
        return Receipt(unnamed_rejections=min(unknown + failed, len(part.identifiers)))

    def _tell(self, place: _Place, what: str) -> None:
        """Log each thing of each segment once a run."""
        if (place.remote_id, what) not in self._told:
            self._told.add((place.remote_id, what))
            logger.warning("Selligent, segment %s: %s. They are counted.", place.remote_id, what)

    def _pages(self, place: _Place, field: str) -> Iterator[list[Any]]:
        skip, take, last = 0, PAGE_SIZE, None
        while True:
            try:
                page = self._search(place, field, skip, take)
            except DestinationError as error:
                if take == 1 or not (_is_too_large(error) or _is_wrong(error)):
                    raise
                take //= 2
                continue
            if not page:
                return
            if page == last and page[-1] is not None:
                raise UnavailableError(
                    f"Selligent shows the same members of {place.remote_id} over and over."
                )
            yield page
            skip, last = skip + len(page), page

    def _search(self, place: _Place, field: str, skip: int, take: int) -> list[Any]:
        paging = {"skip": skip, "take": take, "order_by": field, "order_by_direction": "ASC"}
        wanted = {"fields": [field], "filters": [], **paging}
        body = self._portal.call(
            "POST",
            f"{place.path}/data/search",
            wanted,
            params={"mode": "Sync"},
            divisible=take > 1,
            personal=True,
        )
        if "data" not in body:
            raise UnavailableError(f"Selligent's answer on the members of {place.remote_id} holds no data.")
        return [_first(row) for row in body["data"] or []]

    @contextmanager
    def _gone_or_refused(self, audience: Audience, hint: str = "") -> Iterator[None]:
        """Tell that the segment is gone where that is why a request was refused; else add a hint."""
        try:
            yield
        except RefusedAnswerError as refused:
            if self._segment(_Place.read(audience.remote_id)) is not None:
                raise RefusedAnswerError(
                    f"{refused} {hint}".rstrip(), status=refused.status, code=refused.code
                ) from None
            raise AudienceGoneError(
                f"The segment {audience.name!r} ({audience.remote_id}) is no longer there at Selligent. "
                "Run dbt-activate sync again to make it anew."
            ) from None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a segment is.

    Attributes:
        list: The API name of its list; an empty text where none is set.
        segment: Its own API name.
    """

    list: str
    segment: str

    @classmethod
    def read(cls, remote_id: str) -> _Place:
        """Read the id that we give a segment."""
        list_name, _, segment = remote_id.partition("/")
        return cls(list_name, segment)

    @classmethod
    def of(cls, settings: Selligent.Settings, wanted: Any) -> _Place:
        """Return where the wanted segment is, or is to be made."""
        if wanted.remote_id:
            return cls.read(wanted.remote_id)
        return cls(wanted.list or settings.list or "", wanted.api_name or _underscored(wanted.name))

    @property
    def remote_id(self) -> str:
        """What we call it: the API has no id of one piece."""
        return f"{self.list}/{self.segment}"

    @property
    def list_path(self) -> str:
        """Where its list is, within the organization."""
        return _list_path(self.list)

    @property
    def path(self) -> str:
        """Where it is, within the organization."""
        return f"{self.list_path}/segments/{quote(self.segment, safe='')}"


class _Portal:
    """The Portal API, as one service account sees one organization."""

    def __init__(self, settings: Selligent.Settings, throttles: Throttles) -> None:
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


def _speaks_of_rows(body: Mapping[str, Any]) -> bool:
    # Undocumented: a call with none but unknown keys might be called failed, or not found, as a whole.
    result = body.get("result_code")
    unknown = _count(body, "number_of_records_not_found")
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


def _reason(record: Mapping[str, Any]) -> str:
    known = ("InvalidFieldCount", "MaxStringLengthExceeded", "InvalidType")
    return next((code for code in known if code == record.get("validation_code")), "Unknown")


def _invalid(counted: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [record for record in counted.get("invalid_records") or [] if isinstance(record, dict)]


def _failed(counted: Mapping[str, Any]) -> int:
    # Whether invalid records are among the failed ones is not documented.
    return max(_count(counted, "number_of_failed_records"), len(_invalid(counted)))


def _count(body: Mapping[str, Any], counter: str) -> int:
    value = body.get(counter)
    return max(value, 0) if isinstance(value, int) else 0


def _first(row: Any) -> Any:
    """Return the one value of a row, be it an array, an object or bare."""
    values = list(row.values()) if isinstance(row, dict) else row
    return (values[0] if values else None) if isinstance(values, list) else values


def _is_missing(refused: RefusedAnswerError) -> bool:
    return refused.status == 404 or refused.code == NOT_FOUND


def _is_wrong(error: DestinationError) -> bool:
    return isinstance(error, RefusedAnswerError) and not _is_missing(error)


def _is_too_large(error: DestinationError) -> bool:
    return isinstance(error, LateAnswerError) or is_content_too_large(error)


def _list_path(name: str) -> str:
    return f"/lists/{quote(name, safe='')}"


def _underscored(name: str) -> str:
    return "_".join(name.split())


def _suggestion(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "audience"
    return (words if words[0].isalpha() else f"a_{words}")[:50]
